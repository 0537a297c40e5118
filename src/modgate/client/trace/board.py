"""What is known of the requests of a running command: one bar each, in the order in which they began.

Without a tap a bar ends at the head of the answer, because go says nothing of the body. With one it ends with
the body. A bar that does not end is what a person wants to see first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.golog.targets import target
from modgate.client.requests import SeenRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.client.trace.tap import Tapped

__all__ = ["PATIENCE", "STILL", "Bar", "Board", "Row"]

PATIENCE = 8.0
"""Seconds without an answer after which a person is told that go sets no limit."""
STILL = 2.0
"""Seconds of silence below which a request that was cut off by its end was still coming."""
_FAILED = 400
_OFTEN_ABSENT = {404, 410}


@dataclass(slots=True)
class Bar:
    """One request; seconds since the command began.

    Attributes:
        url: With credentials taken out.
        subject: `module@version`, the module, or the host where the URL names none.
        endpoint: As `SeenRequest.endpoint`.
        start: When it began.
        head: When the head came, None before.
        end: When it ended, as far as it is seen; None before.
        status: None before the head and where none came.
        size: Bytes of body, None where they are not seen.
        error: go's words, empty where none.
        proxy: Index of the chain's entry, None where it is not known.
        moved: When something of it came last, None where nothing did or it is not seen.
    """

    url: str
    subject: str
    endpoint: str
    start: float
    head: float | None = None
    end: float | None = None
    status: int | None = None
    size: int | None = None
    error: str = ""
    proxy: int | None = None
    moved: float | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended badly; absence is an answer."""
        return bool(self.error) or ((self.status or 0) >= _FAILED and not self.absent)

    @property
    def absent(self) -> bool:
        """Whether the answer was 404 or 410."""
        return self.status in _OFTEN_ABSENT and not self.error

    def silence(self, now: float) -> float:
        """Seconds since something of it came, 0 where it has ended."""
        since = self.start if self.moved is None else self.moved
        return 0.0 if self.end is not None else now - since

    def waits(self, now: float) -> bool:
        """Whether it has been silent for longer than a person should have to wonder."""
        return self.silence(now) > PATIENCE


@dataclass(frozen=True, slots=True)
class Row:
    """The bars of one module version (or host), oldest first."""

    subject: str
    bars: tuple[Bar, ...]

    @property
    def start(self) -> float:
        """When the first began."""
        return self.bars[0].start

    def end(self, now: float) -> float:
        """When the last ended; now where one has not."""
        return max(now if bar.end is None else bar.end for bar in self.bars)

    @property
    def open(self) -> bool:
        """Whether one has not ended."""
        return any(bar.end is None for bar in self.bars)


class Board:
    """All bars of one command. `begun` is the clock when the command began."""

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._bars: list[Bar] = []
        self._lines: dict[int, Bar] = {}
        self._taps: dict[int, Bar] = {}

    @property
    def bars(self) -> Sequence[Bar]:
        """Every bar, the oldest first."""
        return self._bars

    def from_line(self, index: int, seen: SeenRequest, at: float) -> Bar:
        """A request as `-x` tells of it: `index` is the analyser's, `at` the clock when the line came."""
        now = at - self._begun
        bar = self._lines.get(index)
        if bar is None:
            bar = self._lines[index] = self._add(seen.url, now)
        if seen.status is not None or seen.error:
            bar.status, bar.error = seen.status, seen.error
            bar.end = now
            bar.head = now if seen.status is not None else None
        return bar

    def from_tap(self, tapped: Tapped) -> Bar:
        """A request as the tap saw it."""
        bar = self._taps.get(id(tapped))
        if bar is None:
            bar = self._taps[id(tapped)] = self._add(tapped.url, tapped.start - self._begun)
            bar.proxy = tapped.entry
        bar.head = None if tapped.head is None else tapped.head - self._begun
        bar.end = None if tapped.end is None else tapped.end - self._begun
        bar.moved = None if tapped.moved is None else tapped.moved - self._begun
        bar.status = tapped.status or None
        bar.size = tapped.size if tapped.head is not None else None
        bar.error = tapped.error
        return bar

    def rows(self) -> tuple[Row, ...]:
        """The bars by what they are about, in the order of their beginnings."""
        grouped: dict[str, list[Bar]] = {}
        for bar in self._bars:
            grouped.setdefault(bar.subject, []).append(bar)
        return tuple(Row(subject, tuple(bars)) for subject, bars in grouped.items())

    def requests(self, judged: Iterable[SeenRequest]) -> tuple[SeenRequest, ...]:
        """Every request for the output; phases are taken from what the analyser `judged`, by URL."""
        waiting: dict[str, list[SeenRequest]] = {}
        for seen in judged:
            waiting.setdefault(seen.url, []).append(seen)
        made = []
        for bar in self._bars:
            known = waiting.get(bar.url)
            made.append(self._request(bar, known.pop(0) if known else None))
        return tuple(made)

    def _request(self, bar: Bar, seen: SeenRequest | None) -> SeenRequest:
        about = target(bar.url)
        if seen is None:
            phase = _phase(bar)
            seen = SeenRequest(bar.url, about.module, about.version, about.endpoint, phase)
        phase = seen.phase
        if phase is Phase.OK and (bar.error or bar.end is None):
            phase = _phase(bar)
        body = bar.end - bar.head if bar.size is not None and bar.end and bar.head else None
        return replace(
            seen,
            phase=phase,
            status=bar.status,
            seconds=None if bar.end is None else round(bar.end - bar.start, 4),
            start=round(bar.start, 4),
            body_seconds=None if body is None else round(body, 4),
            size=bar.size,
            error=bar.error,
            proxy=bar.proxy,
        )

    def _add(self, url: str, start: float) -> Bar:
        about = target(url)
        subject = f"{about.module}@{about.version}" if about.version else about.module or about.host
        bar = Bar(url, subject, about.endpoint, start)
        self._bars.append(bar)
        return bar


def _phase(bar: Bar) -> Phase:
    """Where a request stands that the analyser said nothing of."""
    if bar.end is None or bar.error:
        return Phase.BODY if bar.head is not None else Phase.HEADERS
    return Phase.STATUS if (bar.status or 0) >= _FAILED else Phase.OK
