"""What no policy needs and a reader of TOML takes minutes for, looked for in the text before it is read.

The reader's time grows with the square of the parts of a key and of the digits of a number, and places of
keys are kept by their names. One walk over the text, which knows strings and comments and nothing else of
TOML, finds keys of many parts, brackets within brackets, and words of any kind that are too long. What is
broken it leaves to the reader, who says it better.
"""

from __future__ import annotations

import re
from typing import Any, Final

from modgate.policy.problems import Problem

__all__ = ["MAX_DEPTH", "MAX_WORD", "TOO_DEEP", "TOO_LONG", "check_numbers", "check_toml"]

MAX_DEPTH: Final = 20
"""Parts of a key; brackets within brackets."""

MAX_WORD: Final = 4096
"""Characters of a key or a value: the longest range of versions."""

TOO_DEEP: Final = f"it is nested too deeply: at most {MAX_DEPTH} tables or lists within each other"
TOO_LONG: Final = f"a key or a value has at most {MAX_WORD} characters"
_TOO_MANY_PARTS: Final = f"a key has at most {MAX_DEPTH} parts"
_TOO_LARGE: Final = "a number has at most 64 bits"

_STOP = re.compile(r"\"\"\"|'''|[\"'#\[\]{}.=,\n]")
_BASIC_END = re.compile(r"\\.|[\"\n]", re.DOTALL)
_LONG_END = re.compile(r"\\.|\"\"\"", re.DOTALL)
_RESETS = frozenset("[]{}=,\n")


def check_toml(text: str) -> Problem | None:
    """The first place that goes beyond a bound."""
    place = depth = dots = 0
    while (stop := _STOP.search(text, place)) is not None:
        found, end = stop[0], stop.end()
        if stop.start() - place > MAX_WORD and len(text[place : stop.start()].strip()) > MAX_WORD:
            return _at(text, place, TOO_LONG)
        if found == "#":
            end = _or_end(text.find("\n", end), text)
        elif found[0] in "\"'":
            last = _string_end(text, found, end)
            if last - end > MAX_WORD:
                return _at(text, end, TOO_LONG)
            end = last
        elif found == ".":
            dots += 1
            if dots >= MAX_DEPTH:
                return _at(text, end, _TOO_MANY_PARTS)
        else:
            depth = max(depth + (found in "[{") - (found in "]}"), 0)
            if depth > MAX_DEPTH:
                return _at(text, end, TOO_DEEP)
        if found in _RESETS:
            dots = 0
        place = end
    return _at(text, place, TOO_LONG) if len(text[place:].strip()) > MAX_WORD else None


def check_numbers(value: Any) -> Problem | None:
    """A number of a document that is too large to be written in decimal digits."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.values()
            waiting += each
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, int) and each.bit_length() > 64:
            return Problem("", _TOO_LARGE)
    return None


def _string_end(text: str, opened: str, start: int) -> int:
    if opened[0] == "'":
        return _or_end(text.find(opened, start), text, len(opened))
    pattern = _LONG_END if len(opened) > 1 else _BASIC_END
    for found in pattern.finditer(text, start):
        if found[0][0] != "\\":
            return found.end()
    return len(text)


def _or_end(found: int, text: str, more: int = 0) -> int:
    return len(text) if found < 0 else found + more


def _at(text: str, place: int, what: str) -> Problem:
    return Problem("", what, text.count("\n", 0, place) + 1)
