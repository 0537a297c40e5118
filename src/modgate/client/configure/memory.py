"""What stands in people's files by modgate's hand, and what stood there before: for `modgate use --reset`.

One JSON file in the state folder for each file of a person's. It is edited in the same change as the file it
tells of, so the journal, a kill and `modgate undo` keep it true; one for all would keep an older change from
being undone after a newer one of another file. The oldest value before modgate's first change is kept as
long as nobody else changes the variable in between; then theirs counts.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from modgate.client.configure.places import Scope, Written
from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FOLDER", "memory_of", "remembered", "with_written"]

FOLDER = "used"
"""Below the state folder."""
_FORMAT = 1


def memory_of(file: str) -> str:
    """The name of the memory of a person's file."""
    return f"{hashlib.sha256(file.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.json"


def remembered(data: bytes | None) -> tuple[Written, ...]:
    """What the file tells. Raises Invalid for one of a newer format."""
    if not data:
        return ()
    try:
        read = json.loads(data)
        if read["format"] != _FORMAT:
            raise Invalid("modgate's memory was written by a newer modgate", next_step="Use that version.")
        return tuple(
            Written(
                Scope(row["scope"]), row["file"], row["name"], row["before"], row["after"], bool(row["made"])
            )
            for row in read["written"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            f"modgate's memory cannot be read: {error}", next_step=f"Delete {FOLDER} in its state folder."
        ) from error


def with_written(data: bytes | None, written: Iterable[Written]) -> bytes | None:
    """The file after these changes; None where nothing is left to tell."""
    known = {(item.file, item.name): item for item in remembered(data)}
    for item in written:
        old = known.pop((item.file, item.name), None)
        continues = old is not None and old.after == item.before
        first = old.before if continues and old is not None else item.before
        made = old.made if old is not None else item.made
        if item.after != first:
            known[item.file, item.name] = Written(item.scope, item.file, item.name, first, item.after, made)
    if not known:
        return None
    rows = [
        {
            "scope": item.scope.value,
            "file": item.file,
            "name": item.name,
            "before": item.before,
            "after": item.after,
            "made": item.made,
        }
        for item in known.values()
    ]
    return json.dumps({"format": _FORMAT, "written": rows}, indent=1, ensure_ascii=False).encode() + b"\n"
