"""What a crash left in `.modgate/tmp`: finished if the object stands, else undone.

Each sidecar in `tmp` names a key whose object was on its way in or out (the steps are those of
`tree` and `leaving`). If the object it describes stands, the sidecar goes to its place; if not, so must what
was put beside it. Then everything in `tmp` is deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.storage.failures import translated
from modgate.storage.keys import OWN_FOLDER, check_key
from modgate.storage.sidecar import Sidecar, decode

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["sweep"]


def sweep(root: Path) -> int:
    """Clean up behind a server that died; returns how many files were left. Raises Unavailable."""
    temporary = root / OWN_FOLDER / "tmp"
    count = 0
    with translated("cannot sweep temporary files", str(temporary)):
        for path in sorted(temporary.iterdir()):
            if path.name.endswith(".meta"):
                sidecar = decode(path.read_bytes())
                if sidecar is not None:
                    _settle(root, path, sidecar)
            path.unlink(missing_ok=True)
            count += 1
    return count


def _settle(root: Path, path: Path, sidecar: Sidecar) -> None:
    try:
        key = check_key(sidecar.key)
    except Invalid:
        return
    target = root / key
    try:
        found = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        if key.endswith(".zip"):
            target.with_name(target.name + "hash").unlink(missing_ok=True)
        return
    place = root / OWN_FOLDER / "meta" / key
    # An object whose sidecar is nowhere else was about to be taken away. One that was to be set aside because
    # it is damaged must not lose what proves the damage.
    leaving = not sidecar.mutable and not place.exists()
    if leaving or (found.st_mtime_ns, found.st_size) == (sidecar.mtime_ns, sidecar.meta.size):
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
