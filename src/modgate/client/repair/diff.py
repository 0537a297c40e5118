"""A change as a person reads it: a unified diff in which nothing secret appears.

Profiles and settings hold tokens; a diff shows three lines around each change, so the neighbours of a line
are cleaned as the line itself is: what `harmless` takes out of any text, and what is assigned to a name that
sounds like a secret, in the syntax of shells and settings files.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from modgate.gomod.harmless import harmless
from modgate.gomod.proxylist import redacted

if TYPE_CHECKING:
    from modgate.client.repair.plan import FileEdit

__all__ = ["hidden", "unified"]

_NAMED = r"(?:token|secret|passw(?:or)?d|passphrase|credential|api_?key|access_?key|private_?key|auth)"
_ASSIGNED = re.compile(
    rf"""(?ix)(?P<name>["']?[\w.-]*{_NAMED}[\w.-]*["']?\s*[:=]\s*)(?P<value>"[^"]*"|'[^']*'|[^\s,;]+)"""
)
_SET = re.compile(rf"(?i)(?P<name>\bset\s+(?:-\w+\s+)*[\w]*{_NAMED}\w*\s+)(?P<value>.+)")
_NETRC = re.compile(r"(?i)(?P<name>\bpassword\s+)(?P<value>\S+)")


def unified(edit: FileEdit) -> list[str] | None:
    """The lines of the diff, cleaned; None where a content is no text."""
    try:
        before = (edit.before or b"").decode()
        after = (edit.after or b"").decode()
    except UnicodeDecodeError:
        return None
    name = str(edit.path)
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        "/dev/null" if edit.before is None else name,
        "/dev/null" if edit.after is None else name,
        lineterm="",
    )
    return [_printable(hidden(line)) for line in lines]


def hidden(text: str) -> str:
    """One line without its secrets."""
    text = harmless(redacted(text))
    for pattern in (_ASSIGNED, _SET, _NETRC):
        text = pattern.sub(lambda match: f"{match['name']}***", text)
    return text


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _printable(line: str) -> str:
    shown = line.replace("\r", "␍").replace("\ufeff", "<BOM>").replace("\t", "    ")
    return "".join(char if char.isprintable() else "?" for char in shown)
