"""A module's zip on the disk for a scanner: files and folders only, below one folder, within bounds.

The zip was verified when it was stored (zip rules, h1); what is checked here again is what would hurt this
machine.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.policy.licences import UNKNOWN, is_licence_file, recognise

if TYPE_CHECKING:
    from typing import BinaryIO

    from modgate.gomod.types import ModuleVersion

__all__ = ["licences_in", "unpack"]

_MAX_BYTES = 500 << 20
_MAX_FILES = 200_000
_MAX_LICENCE = 1 << 20
_PIECE = 1 << 20


def unpack(version: ModuleVersion, zip_file: BinaryIO, folder: Path) -> int:
    """Write the files of a zip, without their prefix, into an empty folder; how many. Blocking.

    Raises Unavailable for a zip that breaks a bound, and for a full disk.
    """
    prefix = f"{version.path}@{version.version}/"
    count = size = 0
    try:
        with zipfile.ZipFile(zip_file) as archive:
            for entry in archive.infolist():
                target = folder / _inside(entry.filename, prefix)
                if entry.is_dir():
                    continue
                count += 1
                size += entry.file_size
                if count > _MAX_FILES or size > _MAX_BYTES:
                    raise Unavailable("the zip holds too much to be unpacked", where=str(version))
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, _PIECE)
                target.chmod(0o644)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unavailable(f"the zip cannot be unpacked: {error}", where=str(version)) from error
    return count


def licences_in(version: ModuleVersion, zip_file: BinaryIO) -> tuple[str, ...]:
    """The SPDX ids of the licences at the root of a zip, sorted; empty where no file says one. Blocking.

    Raises Unavailable for what is no zip.
    """
    prefix = f"{version.path}@{version.version}/"
    found: set[str] = set()
    seen = False
    try:
        with zipfile.ZipFile(zip_file) as archive:
            for entry in archive.infolist():
                name = entry.filename.removeprefix(prefix)
                if "/" in name or not is_licence_file(name):
                    continue
                with archive.open(entry) as source:
                    text = source.read(_MAX_LICENCE).decode("utf-8", "replace")
                seen = seen or not name.lower().startswith("notice")
                found |= recognise(text)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unavailable(f"the zip cannot be read: {error}", where=str(version)) from error
    if seen and not found:
        found.add(UNKNOWN)
    return tuple(sorted(found))


def _inside(name: str, prefix: str) -> Path:
    """The path of an entry below the folder. Raises Unavailable for one that leads elsewhere."""
    rest = PurePosixPath(name.removeprefix(prefix))
    odd = not name.startswith(prefix) or rest.is_absolute() or "\\" in name or "\0" in name
    if odd or any(part in {"..", "."} for part in rest.parts):
        raise Unavailable("a file of the zip leads out of its folder", where=name[:200])
    return Path(*rest.parts)
