"""Pages of a module index: a line for each version that the public proxy saw for the first time.

`{"Path":"example.com/mod","Version":"v1.2.3","Timestamp":"2026-04-10T19:08:52.997264Z"}`, ascending by
Timestamp, at most so many lines as were asked for; `since` is inclusive, so what ended one page begins the
next. Rules for a reader that must neither stop nor be led astray:

1. A line that is no such object is passed over, unless it is the last one (the page was cut) or nothing else
   came (it is no index): then the page ends before it and says so.
2. A path or version that go would refuse is passed over; its time counts all the same.
3. A time that cannot be (unreadable, before the index began, in the future) moves nobody's place.

Source: https://index.golang.org.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.gomod.types import ModuleVersion  # noqa: TC001  a field's type

__all__ = ["SECOND", "Entry", "Page", "read_page", "read_time", "write_time"]

SECOND = 1_000_000_000
"""Nanoseconds: times of an index are whole numbers of them since 1970."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGAN = 1_546_300_800 * SECOND  # 2019, the year of the first entry
_LAST = 253_402_300_799 * SECOND  # 9999, the last year that can be written
_MAX_LINE = 4096
_MAX_LINES = 20_000
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class _Line(msgspec.Struct):
    path: str = msgspec.field(name="Path")
    version: str = msgspec.field(name="Version")
    timestamp: str = msgspec.field(name="Timestamp")


_DECODER = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class Entry:
    """A version that was announced.

    Attributes:
        version: Which, checked as go checks it.
        at: When, in nanoseconds; 0 where the feed says what cannot be.
        mark: The same for the same line, however often it comes.
    """

    version: ModuleVersion
    at: int
    mark: int


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer said.

    Attributes:
        entries: Announced versions, in the order they came.
        lines: How many lines came, blank ones apart.
        refused: How many of them said nothing that can be used.
        last: The last time that can be; 0 without one.
        newest: The latest of all; 0 without one.
        fault: Why there may be more than this; empty for a whole page.
    """

    entries: tuple[Entry, ...]
    lines: int
    refused: int
    last: int
    newest: int
    fault: str = ""


def read_page(data: bytes, *, until: int) -> Page:
    """Read a page; `until` is the latest time (nanoseconds) that can be. Raises nothing."""
    lines = [line for line in data.split(b"\n", _MAX_LINES)[:_MAX_LINES] if line.strip()]
    entries: list[Entry] = []
    refused, last, newest, read, fault = 0, 0, 0, 0, ""
    for number, text in enumerate(lines, 1):
        line = _line(text)
        if line is None:
            refused += 1
            if number == len(lines):
                fault = "its page is cut" if read else "its answer is no module index"
            continue
        read += 1
        at = read_time(line.timestamp)
        if at is None or not _BEGAN <= at <= until:
            at = 0
        else:
            last, newest = at, max(newest, at)
        try:
            version = module.check(line.path, line.version)
        except Invalid:
            refused += 1
        else:
            entries.append(Entry(version, at, hash((line.path, line.version, line.timestamp))))
    return Page(tuple(entries), len(lines), refused, last, newest, fault)


def _line(text: bytes) -> _Line | None:
    if len(text) > _MAX_LINE:
        return None
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def read_time(text: str) -> int | None:
    """RFC 3339 as nanoseconds since 1970; None for what is no time."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[4].upper()}")
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1) * SECOND + int((match[3] or "").ljust(9, "0"))


def write_time(at: int) -> str:
    """Nanoseconds since 1970 as RFC 3339, as `since` takes them; held to years that can be written."""
    seconds, rest = divmod(min(max(at, 0), _LAST), SECOND)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
