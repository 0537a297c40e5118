"""A working tree becomes the module zip that go would make of it: `modgate publish` before anything is sent.

The rules are those of golang.org/x/mod/zip, CreateFromDir: what go leaves out (other modules, vendored
packages, version control, whatever is no regular file) is left out here, and listed. Folders that are left
out whole are not even read.
"""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from modgate.errors import Invalid, Unavailable
from modgate.gomod import dirhash, modfile, modzip
from modgate.gomod.modzip import FileEntry, FileKind
from modgate.gomod.publishing import go_mod_of, publishable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from modgate.gomod.modzip import CheckedFiles, FileFault
    from modgate.gomod.types import ModuleVersion

__all__ = ["GitNews", "Packed", "Tree", "git_news", "pack", "read_tree", "version_of"]

_VERSION_CONTROL = frozenset([".bzr", ".git", ".hg", ".svn"])
_GIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a folder, sorted out: `files` go in; `omitted` stay out; `invalid` keep all from going."""

    folder: Path
    checked: CheckedFiles
    omitted: tuple[FileFault, ...]

    @property
    def unpacked(self) -> int:
        """Bytes of all files that go in."""
        return sum(entry.size for entry in self.checked.valid)


@dataclass(frozen=True, slots=True)
class Packed:
    """A zip that was written: its sums, its size in bytes, and the `replace` lines of its go.mod."""

    h1: str
    h1_mod: str
    size: int
    files: int
    replaces: int


@dataclass(frozen=True, slots=True)
class GitNews:
    """Files that go in although git does not have them, or has them otherwise."""

    unknown: tuple[str, ...]
    changed: tuple[str, ...]


def version_of(folder: Path, version: str, path: str | None) -> ModuleVersion:
    """What is to be published: the path of go.mod unless `path` names one.

    Raises Invalid where there is neither, or the version cannot be published.
    """
    if path is None:
        try:
            said = modfile.parse_lax((folder / "go.mod").read_bytes(), name=str(folder / "go.mod")).module
        except FileNotFoundError:
            raise Invalid(
                "there is no go.mod", where=str(folder), next_step="Name the module: --module PATH."
            ) from None
        except OSError as error:
            raise Invalid(f"go.mod cannot be read: {error.strerror}", where=str(folder)) from error
        if said is None:
            raise Invalid("the go.mod has no module line", where=str(folder / "go.mod"))
        path = said.path
    return publishable(path, version)


def read_tree(folder: Path) -> Tree:
    """Sort the files of a folder. Raises Unavailable where one cannot be read."""
    try:
        found, passed_over = modzip.list_files_in_dir(_walk(folder, ""))
        checked = modzip.check_files(found)
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}", where=error.filename or str(folder)) from error
    return Tree(folder, checked, (*passed_over, *checked.omitted))


def pack(version: ModuleVersion, tree: Tree, out: BinaryIO) -> Packed:
    """Write the zip. Raises Invalid where the files make no module, Unavailable where one cannot be read."""
    counted = _Counted(out)
    facts = modzip.create_zip(version, tree.checked.valid, cast("BinaryIO", counted))
    go_mod = go_mod_of(version, facts.go_mod)
    return Packed(facts.h1, dirhash.hash_go_mod(go_mod), counted.size, facts.files, _replaces(go_mod))


def _replaces(go_mod: bytes) -> int:
    try:
        return len(modfile.parse(go_mod).replace)
    except Invalid:
        return 0  # a directive of a go that is newer than this


class _Counted:
    """Counts what is written."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return self._out.write(data)


def _walk(folder: Path, prefix: str) -> Iterator[FileEntry]:
    """Every file below, and the folders that are left out whole, which are not entered."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{prefix}{entry.name}"
        kind = _kind(entry.stat(follow_symlinks=False).st_mode)
        if kind is not FileKind.FOLDER:
            path = Path(entry.path)
            yield FileEntry(name, entry.stat(follow_symlinks=False).st_size, _opener(path), kind)
        elif entry.name in _VERSION_CONTROL:
            yield FileEntry(name, 0, _opener(Path(os.devnull)), kind)
        elif (own := _go_mod_in(Path(entry.path), name)) is not None:
            yield own
        else:
            yield from _walk(Path(entry.path), f"{name}/")


def _go_mod_in(folder: Path, name: str) -> FileEntry | None:
    """The go.mod of another module's folder."""
    try:
        found = (folder / "go.mod").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    kind = _kind(found.st_mode)
    if kind is FileKind.FOLDER:
        return None
    return FileEntry(f"{name}/go.mod", found.st_size, _opener(folder / "go.mod"), kind)


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _kind(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return FileKind.REGULAR
    if stat.S_ISDIR(mode):
        return FileKind.FOLDER
    return FileKind.SYMLINK if stat.S_ISLNK(mode) else FileKind.OTHER


def git_news(tree: Tree, environ: Mapping[str, str]) -> GitNews | None:
    """What git would tell of the files that go in; None without git, or outside of a repository.

    A hint only: whatever goes wrong is no news.
    """
    if not any(fault.path == ".git" for fault in tree.omitted) and not _inside_repository(tree.folder):
        return None
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(tree.folder)]
    command += ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching"]
    command += ["--ignore-submodules=all", "--", "."]
    try:
        done = subprocess.run(  # noqa: S603  the user's own git, in the user's own folder
            command,
            env={**environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
        top = subprocess.run(  # noqa: S603  likewise
            [*command[:5], "rev-parse", "--show-prefix"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode or top.returncode:
        return None
    prefix = os.fsdecode(top.stdout).strip()
    valid = {entry.path for entry in tree.checked.valid}
    unknown: list[str] = []
    changed: list[str] = []
    for line in os.fsdecode(done.stdout).split("\0"):
        name = line[3:].removeprefix(prefix)
        below = [name] if name in valid else []
        if name.endswith("/"):
            below = sorted(path for path in valid if path.startswith(name))
        (unknown if line[:2] in {"??", "!!"} else changed).extend(below)
    return GitNews(tuple(sorted(unknown)), tuple(sorted(changed)))


def _inside_repository(folder: Path) -> bool:
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))
