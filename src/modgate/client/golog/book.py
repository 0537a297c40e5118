"""The requests of a log: `# get URL` and its answer, paired by URL.

go asks in parallel, so an answer belongs to the oldest request for the same URL that has none. The seconds of
`# get URL: 200 OK (0.032s)` end at the head; the body comes after. Source: cmd/go/internal/web/http.go.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.golog.targets import Target, target
from modgate.client.requests import SeenRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Book", "Entry"]

_ANSWER = re.compile(r"(?P<status>\d{3})(?: (?P<phrase>[^(]{0,80}?))? \((?P<seconds>\d+\.\d+)s\)")
_SPLIT = re.compile(r": (?=\d{3} |Get \"|Head \"|insecure credentials|[A-Za-z][\w/ ]*:? )")


@dataclass(slots=True)
class Entry:
    """One request, as far as it is known now."""

    url: str
    line: int
    started: float | None = None
    status: int | None = None
    seconds: float | None = None
    error: str = ""
    answered: bool = False
    phase: Phase = Phase.OK
    body_done: bool | None = None
    raw: str = ""
    _target: Target | None = field(default=None, repr=False)

    @property
    def target(self) -> Target:
        """What it asks for."""
        if self._target is None:
            self._target = target(self.url)
        return self._target

    @property
    def ok(self) -> bool:
        """Whether a head without an error came."""
        return self.answered and not self.error and self.status is not None and self.status < 300

    def seen(self, first: float | None) -> SeenRequest:
        """The request as others see it; `first` is when the first one started."""
        about = self.target
        started = None
        if self.started is not None and first is not None:
            started = round(max(0.0, self.started - first), 3)
        return SeenRequest(
            url=self.url,
            module=about.module,
            version=about.version,
            endpoint=about.endpoint,
            phase=self.phase,
            status=self.status,
            seconds=self.seconds,
            start=started,
            error=self.error,
        )


class Book:
    """The requests in the order in which they were begun."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._open: dict[str, deque[int]] = {}
        self._first: float | None = None

    def get_line(self, rest: str, number: int, at: float | None, *, live: bool = True) -> int:
        """Take what follows `# get ` and return the index of the request it is about.

        A clock that is not `live` stands in the log: it may be coarse, so it says only when a request began.
        """
        url, answer = _url_and_answer(rest, self._open)
        if not answer:
            return self._begin(url, number, at)
        waiting = self._open.get(url)
        index = waiting.popleft() if waiting else self._begin(url, number, at, is_open=False)
        if waiting is not None and not waiting:
            del self._open[url]
        entry = self.entries[index]
        entry.answered = True
        entry.line = number
        entry.raw = f"# get {rest}"
        if found := _ANSWER.fullmatch(answer):
            entry.status = int(found["status"])
            entry.seconds = float(found["seconds"])
        else:
            entry.error = answer
            if live and at is not None and entry.started is not None:
                entry.seconds = round(max(at - entry.started, 0.0), 3)
        return index

    def add(self, entry: Entry) -> int:
        """A request that the log shows in another way."""
        self.entries.append(entry)
        return len(self.entries) - 1

    def open(self) -> list[Entry]:
        """The requests without an answer, oldest first."""
        return [self.entries[index] for waiting in self._open.values() for index in waiting]

    def last(self, *, endpoint: str) -> Entry | None:
        """The newest answered request for this end of the protocol."""
        return next((entry for entry in self.newest() if entry.target.endpoint == endpoint), None)

    def newest(self, limit: int = 2000) -> Iterator[Entry]:
        """From the newest back, at most `limit`."""
        for index in range(len(self.entries) - 1, max(-1, len(self.entries) - 1 - limit), -1):
            yield self.entries[index]

    def seen(self) -> tuple[SeenRequest, ...]:
        """All of them, as others see them."""
        return tuple(entry.seen(self._first) for entry in self.entries)

    def seen_one(self, index: int) -> SeenRequest:
        """One of them."""
        return self.entries[index].seen(self._first)

    def _begin(self, url: str, number: int, at: float | None, *, is_open: bool = True) -> int:
        if self._first is None and at is not None:
            self._first = at
        self.entries.append(Entry(url, number, at, raw=f"# get {url}"))
        index = len(self.entries) - 1
        if is_open:
            self._open.setdefault(url, deque()).append(index)
        return index


def _url_and_answer(rest: str, waiting: dict[str, deque[int]]) -> tuple[str, str]:
    """The URL and what was said of it; a URL may itself hold a colon and a space (a slip of GOPROXY)."""
    if rest in waiting:
        return rest, ""
    before, colon, _ = rest.partition(": ")
    while colon:
        if before in waiting:
            return before, rest[len(before) + 2 :]
        more, colon, _ = rest[len(before) + 2 :].partition(": ")
        before = f"{before}: {more}"
        if len(before) > 4096:
            break
    cut = _SPLIT.search(rest)
    return (rest[: cut.start()], rest[cut.end() :]) if cut else (rest, "")
