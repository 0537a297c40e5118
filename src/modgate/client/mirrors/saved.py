"""Runs that were kept: in the user's state folder, newest last by name, the oldest dropped."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.mirrors.compare import read_document
from modgate.client.whole import write_whole
from modgate.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.mirrors.document import Document

__all__ = ["last_run", "read_run", "save_run", "state_folder"]

_KEPT = 30
_NAME = re.compile(r"mirrors-\d{8}T\d{6}Z\.json")
_MOST = 32 << 20


def state_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """`~/.local/state/modgate/mirrors` and its like on macOS and Windows."""
    home = Path(environ.get("USERPROFILE" if platform == "win32" else "HOME") or Path("~").expanduser())
    if platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        named = environ.get("XDG_STATE_HOME", "")
        base = Path(named) if named.startswith("/") else home / ".local" / "state"
    return base / "modgate" / "mirrors"


def save_run(found: Document, folder: Path, file: Path | None = None) -> Path:
    """Keep a run in the folder, or in the given file; where it is now. Raises Unavailable."""
    name = "mirrors-" + re.sub(r"[-:]", "", found["taken"]) + ".json"
    target = file or folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, json.dumps(found, indent=1, ensure_ascii=False))
        if file is None:
            for old in _runs(folder)[:-_KEPT]:
                with suppress(FileNotFoundError):
                    old.unlink()
    except OSError as error:
        raise Unavailable(f"the run cannot be saved: {error.strerror}", where=str(target)) from error
    return target


def read_run(file: Path) -> Document:
    """A run from a file. Raises Invalid (there is none, or it is no run), Unavailable."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST)
    except FileNotFoundError:
        raise Invalid("there is no such file", where=str(file)) from None
    except OSError as error:
        raise Unavailable(f"it cannot be read: {error.strerror}", where=str(file)) from error
    return read_document(data, str(file))


def last_run(folder: Path) -> Document | None:
    """The newest run of the folder that can be read, None for none."""
    for file in reversed(_runs(folder)):
        with suppress(Invalid, Unavailable):
            return read_run(file)
    return None


def _runs(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))
    except OSError:
        return []
