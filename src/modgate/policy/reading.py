"""Taking a table of a document apart: every key is asked for once, whatever is left is unknown.

A fault is noted and reading goes on with a harmless value, so that all faults are told at once.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid
from modgate.gomod.patterns import malformed_patterns
from modgate.policy.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Table", "duration", "moment"]

_MAX_TEXT = 1000
_MAX_ITEMS = 10_000
_MAX_DURATION = 100
_HINTS = 100
_PART = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w|y)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 365 * 86400}


class Table:
    """One table: `path` is its key, `lines` the line of every key of the document."""

    def __init__(
        self, values: Mapping[Any, Any], path: str, lines: Mapping[str, int], problems: list[Problem]
    ) -> None:
        self._values = values
        self.path = path
        self._lines = lines
        self.problems = problems
        self._known: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def key(self, name: str) -> str:
        """The whole key of one of its keys."""
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, what: str) -> None:
        """Note a fault of a key; of the table itself for an empty name."""
        key = self.key(name) if name else self.path
        line, above = 0, key
        while not line and above:
            line = self._lines.get(above, 0)
            above = above.rpartition(".")[0] if not above.endswith("]") else above.rpartition("[")[0]
        self.problems.append(Problem(key, what, line))

    def take(self, name: str) -> Any:
        """The value of a key as it is; None where it is not there."""
        self._known[name] = None
        return self._values.get(name)

    def text(self, name: str, *, required: bool = False) -> str:
        """A text of one line; empty where it is not there."""
        value = self.take(name)
        if value is None:
            if required:
                self.wrong(name, "it is missing")
            return ""
        if not isinstance(value, str):
            self.wrong(name, f"a text is wanted, not {_kind(value)}")
        elif not value.strip() and required:
            self.wrong(name, "it is empty")
        elif len(value) > _MAX_TEXT or not value.isprintable():
            self.wrong(name, f"a text is one line of at most {_MAX_TEXT} characters")
        else:
            return value.strip()
        return ""

    def word(self, name: str, words: Iterable[str], default: str = "") -> str:
        """One of some words; `default` where it is not there; the first one beside a fault."""
        known = list(words)
        value = self.take(name)
        if value is None:
            if not default:
                self.wrong(name, f"it is missing: {', '.join(known)}")
            return default or known[0]
        if value in known:
            return str(value)
        self.wrong(name, f"{_quoted(value)} is none of {', '.join(known)}{_near(str(value), known)}")
        return default or known[0]

    def boolean(self, name: str) -> bool | None:
        """True or false; None where it is not there."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(name, f"true or false is wanted, not {_kind(value)}")
        return None

    def strings(self, name: str) -> tuple[str, ...] | None:
        """A list of texts, or one text; None where it is not there."""
        return self._as_strings(name, self.take(name))

    def strings_or_none(self, name: str) -> tuple[str, ...] | None:
        """The same, where an empty list says that there is nothing."""
        return () if self.take(name) == [] else self.strings(name)

    def line(self) -> int:
        """The line that the table stands on; 0 where it is not known."""
        return self._lines.get(self.path, 0)

    def choice(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """A list of texts, or a table with `any` and `except`: (any, except); None where it is not there."""
        value = self.take(name)
        if not isinstance(value, dict):
            found = self._as_strings(name, value)
            return None if found is None else (found, ())
        inner = Table(value, self.key(name), self._lines, self.problems)
        wanted, spared = inner.strings("any") or (), inner.strings("except") or ()
        inner.end()
        if not (wanted or spared):
            inner.wrong("", "`any` or `except` is wanted in it")
        return wanted, spared

    def globs(self, name: str, patterns: Iterable[str]) -> None:
        """Note those of the key's module patterns that would match nothing."""
        for pattern in patterns:
            if malformed_patterns(pattern):
                self.wrong(name, f"the pattern {_quoted(pattern)} is malformed and would match nothing")
            elif "://" in pattern or " " in pattern:
                self.wrong(name, f"{_quoted(pattern)} is no module pattern, such as example.org/team/*")

    def table(self, name: str) -> Table | None:
        """A table; None where it is not there."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(name, f"a table is wanted, not {_kind(value)}")
            return None
        return Table(value, self.key(name), self._lines, self.problems)

    def tables(self, name: str) -> list[Table]:
        """A list of tables."""
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(name, f"a list of tables is wanted, not {_kind(value)}")
            return []
        if len(value) > _MAX_ITEMS:
            self.wrong(name, f"it has more than {_MAX_ITEMS} entries")
            return []
        found = []
        for number, item in enumerate(value, start=1):
            key = f"{name}[{number}]"
            if isinstance(item, dict):
                found.append(Table(item, self.key(key), self._lines, self.problems))
            else:
                self.wrong(key, f"a table is wanted, not {_kind(item)}")
        return found

    def named(self) -> list[str]:
        """All keys of a table whose keys are names."""
        for name in self._values:
            if not isinstance(name, str):
                self.wrong("", f"the name {_quoted(name)} is no text")
        return [name for name in self._values if isinstance(name, str)]

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number between two others; None where it is not there."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.wrong(name, f"a number from {low:g} to {high:g} is wanted")
        return None

    def parsed(self, name: str, read: Callable[[Any], Any]) -> Any:
        """A value through a reader that raises Invalid; None where it is not there or wrong."""
        value = self.take(name)
        if value is None:
            return None
        try:
            return read(value)
        except Invalid as error:
            self.wrong(name, error.what)
            return None

    def end(self) -> None:
        """Note every key that nobody asked for."""
        for name in self._values:
            if name not in self._known:
                known = list(self._known)
                if len(self.problems) >= _HINTS:  # what was meant takes longer to find than the fault
                    self.wrong(str(name)[:80], "there is no such key")
                    continue
                hint = _near(str(name), known) or f"; known are {', '.join(known)}"
                self.wrong(str(name)[:80], f"there is no such key{hint}")

    def _as_strings(self, name: str, value: object) -> tuple[str, ...] | None:
        if value is None:
            return None
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.wrong(name, f"a list of texts is wanted, not {_kind(value)}")
            return ()
        if not items or not all(item.strip() for item in items):
            self.wrong(name, "it holds nothing, or an empty text")
        if len(items) > _MAX_ITEMS or any(len(item) > _MAX_TEXT or not item.isprintable() for item in items):
            self.wrong(name, f"at most {_MAX_ITEMS} texts of one line and {_MAX_TEXT} characters are wanted")
            return ()
        return tuple(item.strip() for item in items)


def duration(value: object) -> float:
    """Seconds from `7d`, `36h`, `1w2d`. Raises Invalid."""
    if isinstance(value, str) and len(value) <= _MAX_DURATION:
        parts = _PART.findall(value.strip())
        if parts and "".join(number + unit for number, unit in parts) == value.strip():
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
            if seconds < math.inf:
                return seconds
    raise Invalid('a length of time is a text such as "7d", "36h" or "2w" (s, m, h, d, w, y)')


def moment(value: object) -> float:
    """Unix seconds from a date (its end, in UTC) or a date with a time (UTC where it names no offset), as a
    value of the document or a text in ISO 8601. Raises Invalid.
    """
    if isinstance(value, str):
        try:
            whole = len(value.strip()) <= 10
            value = dt.datetime.fromisoformat(value.strip())
            value = value.date() if whole else value
        except ValueError:
            pass
    try:
        if isinstance(value, dt.datetime):
            return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
        if isinstance(value, dt.date):
            start = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
            return start.timestamp() + 86400
    except (OverflowError, ValueError):
        pass
    raise Invalid("a date such as 2027-03-31, or one with a time such as 2027-03-31T18:00:00Z, is wanted")


def _near(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name.lower()[:80], list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def _quoted(value: object) -> str:
    return repr(value if isinstance(value, str) else str(value))[:100]


def _kind(value: object) -> str:
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return f"a {type(value).__name__}"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "a table"),
)
