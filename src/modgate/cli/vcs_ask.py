"""What `modgate vcs` asks of a repository, and the file it writes: whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from modgate.errors import Invalid, Unavailable
from modgate.gomod import dirhash, modzip
from modgate.gomod.info import parse_info
from modgate.gomod.module import check_path
from modgate.gomod.protocol import Kind, Request, checked, parse_list
from modgate.gomod.texts import shown
from modgate.gomod.types import ModuleVersion
from modgate.model import Context
from modgate.vcs.git.addresses import parse_address
from modgate.wiring.vcs import Named, one_shot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import BinaryIO

    from modgate.config import Config
    from modgate.gomod.info import Info
    from modgate.gomod.types import ModulePath
    from modgate.model import Answer, ModuleSource

__all__ = ["Got", "asked_for", "fetch_list", "fetch_version", "free_target", "named"]

_ADDRESS = re.compile(r"[a-z+]+://|[\w.-]+@[\w.-]+:")
_ME = Context(consumer="command line")


@dataclass(frozen=True, slots=True)
class Got:
    """A module version that was made.

    Attributes:
        path: The module.
        info: Its `.info`.
        h1: The sum of the zip.
        h1_mod: The sum of the go.mod.
        size: Bytes of the zip.
        files: Files in it.
        target: Where it was written, if it was.
    """

    path: ModulePath
    info: Info
    h1: str
    h1_mod: str
    size: int
    files: int
    target: Path | None = None


def asked_for(text: str) -> Request:
    """The request that `MODULE@VERSION` means. Raises Invalid."""
    path, at, version = text.partition("@")
    if not at or not version:
        raise Invalid(
            f"{shown(text)} names no version",
            next_step="write MODULE@VERSION, as in github.com/pkg/errors@v0.9.1; @latest is the newest",
        )
    if version == "latest":
        return checked(Kind.LATEST, path)
    return checked(Kind.QUERY, path, version)


def free_target(name: str) -> Path:
    """The file to be written, which must not exist yet in a folder that does. Raises Invalid."""
    target = Path(name)
    if target.is_symlink() or target.exists():
        raise Invalid("the file exists", where=name, next_step="name another with --out, or move it away")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise Invalid("there is no such folder", where=str(folder), next_step="make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Invalid("the folder may not be written", where=str(folder))
    return target


def named(repo: str | None, root: str | None) -> Named | None:
    """The repository that `--repo` names: an address, or a folder on this machine. Raises Invalid."""
    if root:
        check_path(root)
    if repo is None:
        if root:
            raise Invalid("--root belongs to --repo", next_step="name the repository with --repo as well")
        return None
    if _ADDRESS.match(repo):
        parse_address(repo, insecure=True)
        return Named(repo, root or "")
    folder = Path(repo).expanduser().absolute()
    if not folder.is_dir():
        raise Invalid(
            f"{shown(repo)} is neither an address nor a folder",
            next_step="write https://host/path, ssh://user@host/path, user@host:path or a local folder",
        )
    return Named(str(folder), root or "", local=True)


async def fetch_list(config: Config, where: Named | None, path: ModulePath) -> tuple[str, ...]:
    """The versions of a module. Raises ModgateError."""
    async with one_shot(config, where) as source:
        answer = await source.fetch(_ME, checked(Kind.LIST, path))
        return parse_list(cast("bytes", answer.body), path)


async def fetch_version(config: Config, where: Named | None, asked: Request, target: Path | None) -> Got:
    """Make a version and write its zip to `target`. Raises ModgateError."""
    async with one_shot(config, where) as source:
        answer = await source.fetch(_ME, asked)
        info = parse_info(cast("bytes", answer.body), asked=None, path=asked.path)
        version = ModuleVersion(asked.path, info.version)
        answer = await source.fetch(_ME, Request.exact(Kind.MOD, version))
        h1_mod = dirhash.hash_go_mod(cast("bytes", answer.body))
        async with _written(source, version, target) as (file, size):
            facts = modzip.check_zip(version, file)
        return Got(asked.path, info, facts.h1, h1_mod, size, facts.files, target)


@asynccontextmanager
async def _written(
    source: ModuleSource, version: ModuleVersion, target: Path | None
) -> AsyncIterator[tuple[BinaryIO, int]]:
    """The zip in a temporary file, which gets its name when the block ends well."""
    answer = await source.fetch(_ME, Request.exact(Kind.ZIP, version))
    try:
        if target is None:
            with tempfile.TemporaryFile() as plain:
                size = await _copied(answer, cast("BinaryIO", plain))
                yield cast("BinaryIO", plain), size
            return
        with _new_file(target) as file:
            size = await _copied(answer, file)
            yield file, size
    except OSError as error:
        raise Unavailable(f"the zip cannot be written: {error.strerror}", where=str(target or "")) from error


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target, which takes its name when the block ends well. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        mask = os.umask(0o077)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        _give_name(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink()


async def _copied(answer: Answer, file: BinaryIO) -> int:
    async for piece in cast("AsyncIterator[bytes]", answer.body):
        file.write(piece)
    file.flush()
    return file.tell()


def _give_name(temporary: Path, target: Path) -> None:
    """A link fails where the name is taken by now; file systems without links get a rename."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        temporary.replace(target)
