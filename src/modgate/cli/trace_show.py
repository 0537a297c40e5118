"""How a trace is drawn: one line for each module, its requests as a waterfall beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from modgate.client.findings import cause_json
from modgate.client.requests import request_json
from modgate.client.trace.board import STILL
from modgate.gomod.proxylist import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from modgate.client.trace.board import Bar, Board, Row
    from modgate.client.trace.run import Traced
    from modgate.messages import Catalogue

__all__ = ["bar_line", "document", "live", "verdict", "waterfall"]

_LETTERS = {"info": "i", "mod": "m", "zip": "z", "list": "l", "latest": "l", "git": "g", "go-import": "g"}
_STYLES = {"i": "cyan", "m": "blue", "z": "green", "l": "magenta", "s": "yellow", "g": "white", "·": "white"}
_OPEN = "…"


def waterfall(
    board: Board, now: float, say: Catalogue, *, width: int, most: int | None = None
) -> RenderableType:
    """The rows as a table that fits `width` cells; with `most`, open rows and the newest of the others."""
    rows = board.rows()
    hidden = 0
    if most is not None and len(rows) > most:
        still = [row for row in rows if row.open][:most]
        ended = [row for row in rows if not row.open]
        rest = most - len(still)
        kept = {id(row) for row in (*still, *(ended[-rest:] if rest else ()))}
        hidden = len(rows) - len(kept)
        rows = tuple(row for row in rows if id(row) in kept)
    span = max((row.end(now) for row in board.rows()), default=0.0) or 1.0
    room = max(12, width - 46)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column(say("trace.head.subject"), no_wrap=True, width=32)
    table.add_column(Text(_scale(span, room)), no_wrap=True, width=room)
    table.add_column(say("trace.head.end"), no_wrap=True, justify="right")
    for row in rows:
        table.add_row(_name(row.subject), _line(row, now, span, room), _result(row, now, say))
    if hidden:
        table.add_row(Text(say("trace.head.hidden", count=hidden), "dim"))
    return table


def live(board: Board, now: float, say: Catalogue, console: Console) -> RenderableType:
    """The waterfall while it grows: as many rows as the screen has room for."""
    from rich.console import Group  # noqa: PLC0415  beside its use

    shown = waterfall(board, now, say, width=console.width, most=max(3, console.height - 6))
    bars = board.bars
    lines: list[RenderableType] = [shown, Text(say("trace.live.sum", **_sums(bars, now)), "dim")]
    silent = [bar for bar in bars if bar.waits(now)]
    if silent:
        lines.append(Text(_silent(silent[0], now, say), "bold yellow"))
    return Group(*lines)


def bar_line(bar: Bar, now: float, say: Catalogue) -> str:
    """One finished (or silent) request on a line of its own, for what is no terminal."""
    if bar.end is None:
        return _silent(bar, now, say)
    took = _seconds(bar.end - bar.start)
    status = str(bar.status or "-")
    size = f" {_size(bar.size)}" if bar.size else ""
    return f"{bar.end:8.2f}s {status:>3} {took:>7}{size}  .{bar.endpoint} {bar.subject}"


def _silent(bar: Bar, now: float, say: Catalogue) -> str:
    key = "silent" if bar.head is None else "stalled"
    return say(f"trace.live.{key}", url=bar.url, seconds=int(bar.silence(now)))


def verdict(traced: Traced, board: Board, say: Catalogue, console: Console) -> None:
    """What the trace came to: a sum, and the root cause where something failed."""
    sums = _sums(board.bars, traced.seconds)
    console.print(Text(say("trace.end.sum", **sums), "dim"))
    for bar in [bar for bar in board.bars if bar.end is None][:3]:
        still = bar.moved is not None and bar.silence(traced.seconds) <= STILL
        key = "coming" if still else "unanswered" if bar.head is None else "stalled"
        console.print(Text(say(f"trace.end.{key}", url=bar.url), "yellow"), soft_wrap=True)
    root = traced.analysis.root_cause
    if root is None:
        key = "interrupted" if traced.interrupted else "good" if traced.status == 0 else "unknown"
        console.print(Text(say(f"trace.end.{key}"), "green" if key == "good" else "yellow"))
        return
    title = Text(f"{root.cause.id} ", "bold red")
    title.append(say.say(root.message("title")), "bold")
    title.append(f"  [{root.cause.phase.value}]", "dim")
    console.print(title)
    console.print(Text(say.say(root.message("text"))))
    console.print(Text(say("trace.end.fix", fix=say.say(root.message("fix"))), "green"))


def document(traced: Traced, command: Sequence[str], say: Catalogue) -> dict[str, object]:
    """The trace as JSON, schema 1."""
    return {
        "schema": 1,
        "command": [redacted(word) for word in command],
        "exit": traced.status,
        "seconds": round(traced.seconds, 3),
        "interrupted": traced.interrupted,
        "requests": [
            request_json(one) | ({} if one.proxy is None else {"entry": one.proxy + 1})
            for one in traced.requests
        ],
        "root_cause": cause_json(traced.analysis.root_cause, say.say),
    }


def _sums(bars: Sequence[Bar], now: float) -> dict[str, str | int | float]:
    size = sum(bar.size or 0 for bar in bars)
    return {
        "requests": len(bars),
        "open": sum(bar.end is None for bar in bars),
        "failed": sum(bar.failed for bar in bars),
        "seconds": f"{now:.1f}",
        "size": f" · {_size(size)}" if size else "",
    }


def _name(subject: str) -> Text:
    """At most 32 cells, cut in the middle: the beginning and the version tell most."""
    shown = "".join(char if char.isprintable() else "?" for char in subject)
    if cell_len(shown) > 32:
        path, at, version = shown.rpartition("@")
        if not at:
            path, version = shown, ""
        tail = f"@{version[-14:]}" if at else ""
        keep = 32 - cell_len(tail) - 1
        shown = set_cell_size(path, 10).rstrip() + "…" + path[-(keep - 10) :] + tail
    return Text(shown)


def _line(row: Row, now: float, span: float, room: int) -> Text:
    cells = [" "] * room
    styles = [""] * room
    for bar in row.bars:
        letter = _LETTERS.get(bar.endpoint, "s" if bar.endpoint.startswith("sumdb") else "·")
        first = min(room - 1, int(bar.start / span * room))
        last = min(room - 1, max(first, int((now if bar.end is None else bar.end) / span * room)))
        style = "bold red" if bar.failed else "yellow" if bar.absent else _STYLES[letter]
        head = first if bar.head is None else min(last, int(bar.head / span * room))
        for place in range(first, last + 1):
            # The body is seen through a tap only; before the head there is nothing but waiting.
            body = bar.size is not None and place >= head
            cells[place] = letter.upper() if body else letter
            if bar.end is None and place == last:
                cells[place] = _OPEN
            elif bar.failed and place == last:
                cells[place] = "✗"
            styles[place] = style
    made = Text()
    for char, style in zip(cells, styles, strict=True):
        made.append(char, style or None)
    return made


def _result(row: Row, now: float, say: Catalogue) -> Text:
    still = next((bar for bar in row.bars if bar.end is None), None)
    if still is not None:
        waited = now - still.start
        style = "bold yellow" if still.waits(now) else "dim"
        return Text(say("trace.head.waiting", seconds=f"{waited:.0f}"), style)
    last = row.bars[-1]
    if last.error:
        return Text(say("trace.head.failed"), "bold red")
    if last.failed or last.absent:
        return Text(str(last.status), "bold red" if last.failed else "yellow")
    return Text(_seconds(row.end(now) - row.start))


def _scale(span: float, room: int) -> str:
    end = _seconds(span)
    return "0" + " " * max(1, room - 1 - len(end)) + end


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}s" if seconds >= 1 else f"{max(seconds, 0) * 1000:.0f}ms"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB" if size >= 1000 else f"{size} B"
