"""Which files of a source tree belong into its module's zip.

A zip holds one module: other modules in the tree (folders with their own go.mod), vendored
packages, version control's own folders and whatever is no regular file are left out, and a file
that cannot be in any zip makes the whole tree invalid. The checksum of a version depends on this
choice, so it must be Go's to the last file. Trees come in as values; nothing here touches a disk.
Source: golang.org/x/mod/zip, CheckFiles and listFilesInDir.
"""

from __future__ import annotations

import enum
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modgate.errors import Invalid, Unavailable
from modgate.gomod import modfile, module
from modgate.gomod.texts import shown
from modgate.gomod.zippaths import (
    MAX_GO_MOD,
    MAX_LICENSE,
    MAX_ZIP_FILE,
    Collisions,
    equal_fold,
    is_vendored_package,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import BinaryIO

__all__ = ["CheckedFiles", "FileEntry", "FileFault", "FileKind", "check_files", "list_files_in_dir"]


class FileKind(enum.StrEnum):
    """What a name in a tree is."""

    REGULAR = "regular"
    FOLDER = "folder"
    SYMLINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a tree.

    Attributes:
        path: Relative to the module's root, with `/`.
        size: Bytes.
        open: Opens the content for reading; only called for regular files, at most twice.
        kind: What it is.
    """

    path: str
    size: int
    open: Callable[[], BinaryIO]
    kind: FileKind = FileKind.REGULAR

    @classmethod
    def of(cls, path: str, data: bytes, kind: FileKind = FileKind.REGULAR) -> FileEntry:
        """An entry that holds its content."""
        return cls(path, len(data), lambda: io.BytesIO(data), kind)


class FileFault(NamedTuple):
    """A file, and why it is left out or refused."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """What `check_files` decided; every path is in one of the three lists.

    Attributes:
        valid: The files that make the zip.
        omitted: The files that are left out.
        invalid: The files that no zip may hold.
        size_error: Not empty if all valid files together are too large.
    """

    valid: tuple[FileEntry, ...]
    omitted: tuple[FileFault, ...]
    invalid: tuple[FileFault, ...]
    size_error: str = ""

    def check(self) -> None:
        """Raises Invalid unless the valid files make a module zip."""
        if self.size_error:
            raise Invalid(self.size_error)
        if self.invalid:
            first, more = self.invalid[0], len(self.invalid) - 1
            others = f" (and {more} more files)" if more else ""
            raise Invalid(f"{shown(first.path)}: {first.reason}{others}")


_VENDORED: Final = "file is in vendor directory"
_SUBMODULE: Final = "file is in another module"
_NOT_REGULAR: Final = "not a regular file"
_VCS_FOLDERS: Final = frozenset([".bzr", ".git", ".hg", ".svn"])


def check_files(files: Iterable[FileEntry]) -> CheckedFiles:
    """Sort files into valid, omitted and invalid. Opens nothing but the root's go.mod.

    Raises Unavailable where that cannot be read.
    """
    entries = list(files)
    roots = {
        _folder_of(entry.path) for entry in entries if _is_go_mod(entry) and entry.kind is FileKind.REGULAR
    }
    go_version = _go_version(entries)
    collisions = Collisions()
    valid: list[FileEntry] = []
    omitted: dict[str, str] = {}
    invalid: dict[str, str] = {}
    total = 0
    for entry in entries:
        path = entry.path
        # A path that is named twice is reported once, for its first fault.
        known = path in omitted or path in invalid
        reason = _reason_to_omit(path, go_version, roots) if _is_clean_relative(path) else ""
        if not reason:
            fault = _fault(entry, collisions)
            if fault:
                if not known:
                    invalid[path] = fault
                continue
            reason = _IRREGULAR.get(entry.kind, "")
        if reason:
            if not known:
                omitted[path] = reason
            continue
        total += entry.size
        fault = _size_fault(entry)
        if not fault:
            valid.append(entry)
        elif not known:
            invalid[path] = fault
    size_error = ""
    if total > MAX_ZIP_FILE:
        size_error = f"module source tree is too large (limit is {MAX_ZIP_FILE} bytes)"
    return CheckedFiles(tuple(valid), _faults(omitted), _faults(invalid), size_error)


_IRREGULAR: Final = {
    FileKind.SYMLINK: "file is a symbolic link",
    FileKind.FOLDER: _NOT_REGULAR,
    FileKind.OTHER: _NOT_REGULAR,
}


def _faults(reasons: dict[str, str]) -> tuple[FileFault, ...]:
    return tuple(FileFault(path, reason) for path, reason in reasons.items())


def _folder_of(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _is_go_mod(entry: FileEntry) -> bool:
    return equal_fold(entry.path[entry.path.rfind("/") + 1 :], "go.mod")


def _go_version(entries: Iterable[FileEntry]) -> str:
    """The argument of the root go.mod's go directive; empty where there is none, or no valid file."""
    version = ""
    for entry in entries:
        if entry.path == "go.mod" and entry.kind is FileKind.REGULAR and entry.size <= MAX_GO_MOD:
            try:
                with entry.open() as file:
                    version = modfile.parse_lax(file.read(MAX_GO_MOD + 1)).go
            except Invalid:
                version = ""
            except OSError as err:
                raise Unavailable(f"go.mod cannot be read: {err}") from err
    return version


def _is_clean_relative(path: str) -> bool:
    """Whether Go's path.Clean would return a relative path unchanged."""
    climbing = True
    for element in path.split("/"):
        if element == "..":
            if not climbing:
                return False
        elif element in {"", "."}:
            return path == "."
        else:
            climbing = False
    return True


def _reason_to_omit(path: str, go_version: str, roots: set[str]) -> str:
    if is_vendored_package(path, go_version):
        return _VENDORED
    folder = _folder_of(path)
    while folder:
        if folder in roots:
            return _SUBMODULE
        folder = _folder_of(folder[:-1])
    if path == ".hg_archival.txt":
        return "file is inserted by 'hg archive' and is always omitted"
    return ""


def _fault(entry: FileEntry, collisions: Collisions) -> str:
    path = entry.path
    if not _is_clean_relative(path):
        return "file path is not clean, or not relative"
    try:
        module.check_file_path(path)
        if path.lower() == "go.mod" and path != "go.mod":
            return "go.mod files must have lowercase names"
        collisions.check(path, is_dir=entry.kind is FileKind.FOLDER)
    except Invalid as err:
        return err.what
    return ""


def _size_fault(entry: FileEntry) -> str:
    if (entry.path == "go.mod" and entry.size > MAX_GO_MOD) or (
        entry.path == "LICENSE" and entry.size > MAX_LICENSE
    ):
        return f"{entry.path} file too large (limit is {MAX_GO_MOD} bytes)"
    return ""


def list_files_in_dir(files: Iterable[FileEntry]) -> tuple[list[FileEntry], list[FileFault]]:
    """The files that `check_files` is to judge, out of all that stand in a folder, and what was passed over.

    Where a folder is passed over (another module, version control), its content is not listed.
    Folders need not be among `files`. Raises Unavailable where the root's go.mod cannot be read.
    """
    entries = {entry.path: entry for entry in files}
    folders = {path for path, entry in entries.items() if entry.kind is FileKind.FOLDER}
    for path in entries:
        parts = path.split("/")
        folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
    go_version = _go_version(entries.values())
    found: list[FileEntry] = []
    omitted: list[FileFault] = []
    skipped: Sequence[str] = ()
    for parts in sorted(path.split("/") for path in folders | entries.keys()):
        if skipped and parts[: len(skipped)] == skipped:
            continue
        path = "/".join(parts)
        if is_vendored_package(path, go_version):
            omitted.append(FileFault(path, _VENDORED))
        elif path in folders:
            go_mod = entries.get(f"{path}/go.mod")
            if parts[-1] in _VCS_FOLDERS:
                omitted.append(FileFault(path, "directory is a version control repository"))
                skipped = parts
            elif go_mod is not None and go_mod.kind is not FileKind.FOLDER:
                omitted.append(FileFault(path, "directory is in another module"))
                skipped = parts
        elif entries[path].kind is FileKind.REGULAR:
            found.append(entries[path])
        else:
            omitted.append(FileFault(path, _NOT_REGULAR))
    return found, omitted
