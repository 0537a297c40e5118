"""How a log is told to a person: its requests, the cause in one sentence, the proof, what to do.

Failed requests come first, then the slowest; of the rest only the number is told, since a build asks for
hundreds. A bar shows when a request ran where the log has times, else how long it took to the head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modgate.client.findings import Phase, cause_json
from modgate.client.golog.making import plain
from modgate.client.golog.targets import target
from modgate.client.requests import request_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from modgate.client.findings import Evidence, Finding
    from modgate.client.golog.analyser import Analysis
    from modgate.client.requests import SeenRequest
    from modgate.messages import Catalogue

__all__ = ["document", "drawing"]

_ROWS = 12
_BAR = 14
_NAME = 28
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def drawing(analysis: Analysis, say: Catalogue, *, verbose: bool) -> Iterator[RenderableType]:
    """The parts of the answer, in order; each fits the width that it is printed at."""
    yield from _requests(analysis.requests, say, verbose=verbose)
    root = analysis.root_cause
    if root is None:
        failed = any(request.phase is not Phase.OK for request in analysis.requests)
        yield Text(say("log.verdict.fine_in_the_end" if failed else "log.verdict.nothing"), "green")
    else:
        yield from _cause(root, say)
    rest = [finding for finding in analysis.findings if finding is not root]
    if rest and (verbose or root is not None):
        shown = rest if verbose else rest[:3]
        yield Text("")
        yield Text(say("log.verdict.also"), "bold")
        for finding in shown:
            yield _also(finding, say)
    for hint in analysis.hints:
        yield Text("")
        yield Text(say.say(hint), "dim")


def document(analysis: Analysis, say: Catalogue) -> dict[str, object]:
    """The log as JSON, schema 1."""
    return {
        "schema": 1,
        "requests": [request_json(request) for request in analysis.requests],
        "root_cause": cause_json(analysis.root_cause, say.say),
    }


def _cause(root: Finding, say: Catalogue) -> Iterator[RenderableType]:
    about: dict[str, str | int] = {
        "id": root.cause.id,
        "phase": say(f"doctor.phase.{root.cause.phase.value}"),
        "confidence": round(root.confidence * 100),
    }
    key = "log.verdict.where"
    if root.cause.row is not None:
        key, about["row"] = "log.verdict.where_row", root.cause.row
    title = Text(
        say.say(root.message("title")), "bold red" if root.cause.phase is not Phase.OK else "bold yellow"
    )
    yield Text("")
    yield title
    yield Text(say(key, **about), "dim")
    yield Text("")
    yield Text(say.say(root.message("text")))
    if root.evidence:
        yield Text("")
        yield Text(say("log.verdict.evidence"), "bold")
        yield _proofs(root.evidence)
    yield Text("")
    yield Text(say("log.verdict.fix"), "bold")
    yield Padding(Text(say.say(root.message("fix")), "green"), (0, 0, 0, 2))


def _proofs(evidence: Sequence[Evidence]) -> RenderableType:
    """The lines themselves, with their numbers."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", style="dim", min_width=4)
    grid.add_column(overflow="fold")
    for proof in evidence:
        grid.add_row(proof.source.rpartition(":")[2], Text(proof.raw))
    return grid


def _also(finding: Finding, say: Catalogue) -> RenderableType:
    line = Text(f"{finding.cause.id}  ", "dim")
    line.append(plain(say.say(finding.message("text")), 400), "")
    return Padding(line, (0, 0, 0, 2))


def _requests(requests: Sequence[SeenRequest], say: Catalogue, *, verbose: bool) -> Iterator[RenderableType]:
    if not requests:
        return
    failed = [request for request in requests if request.phase is not Phase.OK]
    chosen = list(requests) if verbose else _chosen(requests, failed)
    hosts = {target(request.url).host for request in requests}
    several = len(hosts) > 1
    scale = None if several else _Scale(chosen)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, width=1)
    table.add_column(say("log.table.request"), no_wrap=True, max_width=9)
    table.add_column(say("log.table.module"), no_wrap=True, max_width=_NAME)
    if several:
        table.add_column(say("log.table.host"), no_wrap=True, max_width=18)
    table.add_column(say("log.table.answer"), no_wrap=True, max_width=17)
    table.add_column(say("log.table.time"), no_wrap=True, justify="right")
    if scale:
        table.add_column("", no_wrap=True, width=_BAR)
    for request in chosen:
        bad = request.phase is not Phase.OK
        cells: list[Text | str] = [
            Text("✗" if bad else "✓", "red" if bad else "green"),
            request.endpoint.removeprefix("sumdb-"),
        ]
        cells.append(_name(request))
        if several:
            cells.append(_end(plain(target(request.url).host, 60), 18))
        cells.append(Text(_answer(request, say), "red" if bad else ""))
        cells.append("" if request.seconds is None else f"{request.seconds:.3f}")
        if scale:
            cells.append(Text(scale.bar(request), "red" if bad else "cyan"))
        table.add_row(*cells)
    yield table
    shown = sum(request.phase is not Phase.OK for request in chosen)
    for key, count in (
        ("more_failed", len(failed) - shown),
        ("more", len(requests) - len(failed) - (len(chosen) - shown)),
    ):
        if count > 0:
            yield Text(say(f"log.table.{key}", count=count), "dim")


def _chosen(requests: Sequence[SeenRequest], failed: Sequence[SeenRequest]) -> list[SeenRequest]:
    """The rows that are shown, in the order of the log: failures first, then the slowest."""
    if len(requests) <= _ROWS:
        return list(requests)
    kept = {id(request) for request in failed[:_ROWS]}
    slowest = sorted(requests, key=lambda request: -(request.seconds or 0.0))
    for request in slowest[: 2 * _ROWS]:
        if len(kept) >= _ROWS:
            break
        kept.add(id(request))
    return [request for request in requests if id(request) in kept]


def _name(request: SeenRequest) -> str:
    name = f"{request.module}@{request.version}" if request.version else request.module
    name = plain(name or target(request.url).url, 200)
    return _end(name, _NAME)


def _end(words: str, cells: int) -> str:
    """The end of a name: its beginning says least."""
    return words if len(words) <= cells else f"…{words[1 - cells :]}"


def _answer(request: SeenRequest, say: Catalogue) -> str:
    if request.status is None and not request.error:
        return say("log.table.no_answer")
    if request.status is None:
        return say(f"doctor.phase.{request.phase.value}")
    keys = {Phase.BODY: "broken", Phase.CONTENT: "wrong"}
    if request.phase in keys and request.status < 300:
        return say(f"log.table.{keys[request.phase]}", status=request.status)
    return str(request.status)


class _Scale:
    """Bars by the time of day where the log has it, else by duration."""

    def __init__(self, requests: Sequence[SeenRequest]) -> None:
        self._timed = all(request.start is not None for request in requests)
        ends = [(request.start or 0.0) * self._timed + (request.seconds or 0.0) for request in requests]
        self._span = max(ends, default=0.0)

    def __bool__(self) -> bool:
        return self._span > 0

    def bar(self, request: SeenRequest) -> str:
        """One bar, in eighths of a cell."""
        cells = _BAR / self._span
        before = int((request.start or 0.0) * self._timed * cells)
        if request.seconds is None:
            return " " * before + "·" * (_BAR - before)
        eighths = max(1, round(request.seconds * cells * 8))
        full, rest = divmod(min(eighths, (_BAR - before) * 8), 8)
        return (" " * before + "█" * full + (_EIGHTHS[rest] if rest else ""))[:_BAR]
