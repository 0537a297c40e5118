"""Waterfalls and tables out of what a check hands over in `data`.

`data["waterfall"]` is a list of exchanges `{"url", "status", "failure", "steps": [{"name", "seconds"}]}`,
drawn as bars on one scale, each step beginning where the one before it ended. `data["answers"]` is a list of
what resolvers said, `{"host", "server", "addresses", "seconds", "failure"}`, drawn as a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

__all__ = ["drawings"]

_WIDTH = 36
_STYLES = {"dns": "cyan", "connect": "blue", "proxy": "magenta", "tls": "yellow", "body": "green"}


def drawings(data: Mapping[str, object], *, unicode: bool) -> Iterator[RenderableType]:
    """Everything in the data that can be drawn, at most 76 columns wide."""
    falls = _rows(data, "waterfall")
    whole = max((sum(_seconds(step) for step in _rows(fall, "steps")) for fall in falls), default=0.0)
    for fall in falls:
        yield from _waterfall(fall, whole, "█" if unicode else "#")
    answers = _rows(data, "answers")
    if answers:
        yield _answers(answers, unicode=unicode)


def _waterfall(fall: Mapping[str, object], whole: float, block: str) -> Iterator[RenderableType]:
    came = _failure(fall) or str(fall.get("status") or "-")
    yield Text(f"{came}  {fall.get('url', '')}", style="bold", overflow="ellipsis", no_wrap=True)
    passed = 0.0
    for step in _rows(fall, "steps"):
        name, seconds = str(step.get("name", "")), _seconds(step)
        begin = min(round(passed / whole * _WIDTH) if whole else 0, _WIDTH - 1)
        length = max(1, round(seconds / whole * _WIDTH) if whole else 1)
        bar = Text(f"  {name:<11}" + " " * begin)
        bar.append(block * min(length, _WIDTH - begin), style=_STYLES.get(name, "white"))
        bar.pad_right(max(0, 13 + _WIDTH - len(bar.plain)))
        bar.append(f" {seconds * 1000:8.1f} ms")
        yield bar
        passed += seconds


def _answers(answers: list[Mapping[str, object]], *, unicode: bool) -> RenderableType:
    from rich import box  # noqa: PLC0415  only where a table is drawn

    drawn = Table(
        box=box.SIMPLE if unicode else box.ASCII, pad_edge=False, show_edge=False, show_header=False
    )
    for name in ("host", "server", "addresses", "ms"):
        drawn.add_column(name, overflow="fold", justify="right" if name == "ms" else "left")
    for answer in answers:
        addresses = answer.get("addresses")
        shown = " ".join(map(str, addresses[:4])) if isinstance(addresses, list) else ""
        drawn.add_row(
            Text(str(answer.get("host", ""))),
            Text(str(answer.get("server", ""))),
            Text(shown or _failure(answer)),
            Text(f"{_seconds(answer) * 1000:.0f} ms"),
        )
    return drawn


def _failure(row: Mapping[str, object]) -> str:
    failure = row.get("failure")
    if isinstance(failure, dict):
        return f"{failure.get('phase')}: {failure.get('kind')}"
    return str(failure) if failure else ""


def _rows(data: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    rows = data.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _seconds(step: Mapping[str, object]) -> float:
    seconds = step.get("seconds", 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0
