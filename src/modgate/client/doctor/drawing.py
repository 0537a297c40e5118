"""Waterfalls and tables out of what a check hands over in `data`.

`data["waterfalls"]` is a list of `{"title", "steps": [{"name", "seconds"}]}`, drawn as bars on one scale,
each step beginning where the one before it ended. `data["table"]` is `{"head": […], "rows": [[…]]}`.
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
    falls = data.get("waterfalls")
    if isinstance(falls, list):
        whole = max((sum(_seconds(step) for step in _steps(fall)) for fall in falls), default=0.0)
        for fall in falls:
            yield from _waterfall(fall, whole, "█" if unicode else "#")
    table = data.get("table")
    if isinstance(table, dict):
        yield _table(table, unicode=unicode)


def _waterfall(fall: object, whole: float, block: str) -> Iterator[RenderableType]:
    if not isinstance(fall, dict):
        return
    yield Text(str(fall.get("title", "")), style="bold", overflow="ellipsis", no_wrap=True)
    passed = 0.0
    for step in _steps(fall):
        name, seconds = str(step.get("name", "")), _seconds(step)
        begin = round(passed / whole * _WIDTH) if whole else 0
        length = max(1, round(seconds / whole * _WIDTH)) if whole else 1
        bar = Text(f"  {name:<11}")
        bar.append(" " * min(begin, _WIDTH - 1))
        bar.append(block * min(length, _WIDTH - min(begin, _WIDTH - 1)), style=_STYLES.get(name, "white"))
        bar.pad_right(max(0, 13 + _WIDTH - len(bar.plain)))
        bar.append(f" {seconds * 1000:8.1f} ms")
        yield bar
        passed += seconds


def _table(table: Mapping[str, object], *, unicode: bool) -> RenderableType:
    from rich import box  # noqa: PLC0415  only where a table is drawn

    head, rows = table.get("head"), table.get("rows")
    drawn = Table(box=box.SIMPLE if unicode else box.ASCII, pad_edge=False, show_edge=False)
    for column in head if isinstance(head, list) else []:
        drawn.add_column(Text(str(column)), overflow="fold")
    for row in rows if isinstance(rows, list) else []:
        drawn.add_row(*(Text(str(cell)) for cell in row))
    return drawn


def _steps(fall: object) -> list[Mapping[str, object]]:
    steps = fall.get("steps") if isinstance(fall, dict) else None
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _seconds(step: Mapping[str, object]) -> float:
    seconds = step.get("seconds", 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0
