"""How untrusted input may appear in a text for people: short, and free of control characters.

The go command hides a whole error text that contains a control character, and a terminal obeys
one, so whatever came from outside passes through `shown` before it is put into an error.
"""

from __future__ import annotations

__all__ = ["shown"]

_LIMIT = 200


def shown(text: str) -> str:
    """The text in double quotes, cut to 200 characters, what is not printable replaced by `?`."""
    cut = text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"
    return '"' + "".join(char if char.isprintable() and char != '"' else "?" for char in cut) + '"'
