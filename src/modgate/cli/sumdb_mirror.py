"""What `modgate sumdb mirror` does: read the files, copy, prove the copy, show what is missing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.cli.speech import console, errors_console, print_json
from modgate.client.machine.goenv import read_go_settings
from modgate.errors import Denied, Invalid, ModgateError, Unavailable
from modgate.gomod import gosum, modfile
from modgate.gomod.module import check
from modgate.sumdb.spec import parse_gosumdb
from modgate.wiring.client import local_host
from modgate.wiring.sumdb import copy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modgate.gomod.types import ModuleVersion
    from modgate.messages import Catalogue

__all__ = ["Wish", "mirror_to"]


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command."""

    files: Sequence[Path]
    to: Path
    sumdb: str | None
    proxy: str | None
    timeout: float


def mirror_to(wish: Wish, say: Catalogue, *, as_json: bool) -> bool:
    """Copy and show; True where nothing is missing but private names. Raises ModgateError."""
    versions = _versions(wish.files)
    name, size, missing = asyncio.run(_copy(wish, versions, say))
    private = sorted(each for each, error in missing.items() if isinstance(error, Denied))
    unknown = {each: error.what for each, error in sorted(missing.items()) if each not in private}
    if as_json:
        document = {"schema": 1, "name": name, "size": size, "copied": len(versions) - len(missing)}
        print_json(document | {"folder": str(wish.to), "private": private, "unknown": unknown})
        return not unknown
    out = console()
    copied = len(versions) - len(missing)
    out.print(say("sumlog.text.copied", count=copied, name=name, size=size), soft_wrap=True)
    if private:
        out.print(say("sumlog.text.private", count=len(private)), soft_wrap=True)
    for version, why in unknown.items():
        out.print(say("sumlog.text.unknown", version=version, why=why), soft_wrap=True)
    out.print(say("sumlog.text.use", url=wish.to.resolve().as_uri()), soft_wrap=True)
    return not unknown


async def _copy(
    wish: Wish, versions: Sequence[ModuleVersion], say: Catalogue
) -> tuple[str, int, dict[str, ModgateError]]:
    settings = await read_go_settings(local_host())
    spec = parse_gosumdb(wish.sumdb or settings["GOSUMDB"] or "sum.golang.org")
    if spec is None:
        raise Invalid("GOSUMDB is off: there is nothing to mirror", next_step="Name one with --sumdb.")
    err = errors_console()

    def progress(done: int, count: int) -> None:
        if err.is_terminal and done == count:
            err.print(say("sumlog.text.proving"))

    size, missing = await copy(
        spec,
        wish.proxy if wish.proxy is not None else settings["GOPROXY"],
        wish.to,
        versions,
        private=settings["GONOSUMDB"],
        seconds=wish.timeout,
        progress=progress,
    )
    return spec.name, size, missing


def _versions(files: Sequence[Path]) -> list[ModuleVersion]:
    """The versions that go.sum and go.mod files name, each once. Raises Invalid, Unavailable."""
    found: dict[ModuleVersion, None] = {}
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise Unavailable(f"cannot be read: {error.strerror}", where=str(file)) from error
        if file.suffix == ".mod":
            required = modfile.parse_lax(data, name=str(file)).require
            pairs = [(each.path, each.version) for each in required]
        else:
            sums = gosum.parse(data, name=str(file))
            pairs = [(each.path, each.version.removesuffix(gosum.GO_MOD_SUFFIX)) for each in sums]
        found |= dict.fromkeys(check(path, version) for path, version in pairs)
    return list(found)
