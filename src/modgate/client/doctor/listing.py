"""`--list-checks`: plain lines, because drawing a table would take longer than all the rest."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.client.doctor.registry import Listed
    from modgate.client.findings import Say
    from modgate.messages import Catalogue

__all__ = ["cells", "checks_json", "listing"]

_COLUMNS = 80
_SCHEMA = 1


def listing(checks: Sequence[Listed], say: Catalogue) -> Iterator[str]:
    """Name, title and causes of each check, and below it what it looks at."""
    for check in checks:
        title = say.say(Message(f"check.{check.name}.title"))
        yield f"{check.name}  {title}"
        groups = ", ".join(f"MG-{group}" for group in check.groups)
        network = f"; {say('doctor.list.network')}" if check.network else ""
        yield from _wrapped(say.say(Message(f"check.{check.name}.what")))
        yield from _wrapped(f"{say('doctor.list.finds')}: {groups}{network}")


def checks_json(checks: Sequence[Listed], say: Say) -> dict[str, object]:
    """What `--list-checks --json` prints."""
    return {
        "schema": _SCHEMA,
        "checks": [
            {
                "id": check.name,
                "title": say(Message(f"check.{check.name}.title")),
                "what": say(Message(f"check.{check.name}.what")),
                "network": check.network,
                "groups": list(check.groups),
                "systems": sorted(check.systems),
            }
            for check in checks
        ],
    }


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in _words(text):
        if cells(line) + cells(word) > _COLUMNS - 4 and line.strip():
            yield f"    {line.rstrip()}"
            line = ""
        line += word if line else word.lstrip()
    if line.strip():
        yield f"    {line.rstrip()}"


def _words(text: str) -> Iterator[str]:
    """Pieces between which a line may end: after a space, and around wide characters."""
    piece = ""
    for char in text:
        wide = unicodedata.east_asian_width(char) in "WF"
        if wide and unicodedata.category(char).startswith("L"):
            yield piece
            piece = char
        else:
            piece += char
            if char == " ":
                yield piece
                piece = ""
    yield piece
