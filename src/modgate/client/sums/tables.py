"""The audit on a terminal: the figures first, then what a person must look at, then (`-v`) every version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from modgate.messages import Catalogue

__all__ = ["show"]

_STYLE = {"verified": "green", "mismatch": "bold red", "unknown": "yellow", "unverifiable": "yellow"}
_MARK = {"verified": "✓", "mismatch": "✗", "unknown": "?", "unverifiable": "!"}
_FIGURES = ("verified", "mismatch", "unknown", "unverifiable", "private", "malformed", "conflicting")
_MOST = 40


def show(found: Mapping[str, Any], say: Catalogue, out: Console, *, verbose: bool) -> None:
    """Print the report."""
    _show_figures(found, say, out, verbose=verbose)
    for alarm in found["alarms"]:
        out.print()
        out.print(Text(say("sums.text.alarm"), "bold red"))
        out.print(Text(alarm, "red"), soft_wrap=True)
    if found["faults"]:
        out.print()
        _show_faults(found["faults"], say, out, every=verbose)
    attention = [row for row in found["rows"] if row["attention"]]
    if attention:
        out.print()
        _show_attention(attention, say, out, every=verbose)
    _show_tally(found, say, out)
    if verbose:
        for row in found["rows"]:
            out.print()
            _show_row(row, say, out)
    elif found["rows"]:
        out.print(Text(say("sums.text.more"), "dim"))


def _show_figures(found: Mapping[str, Any], say: Catalogue, out: Console, *, verbose: bool) -> None:
    summary = found["summary"]
    head = say(
        "sums.text.head",
        files=", ".join(found["files"]),
        lines=found["lines"],
        versions=len(found["rows"]),
    )
    out.print(Text(head, "bold"))
    pieces = []
    for name in _FIGURES:
        if summary[name] or name == "verified":
            style = _STYLE.get(name, "bold red" if name in {"malformed", "conflicting"} else "")
            pieces.append(
                Text(say(f"sums.figure.{name}", count=summary[name]), style if summary[name] else "")
            )
    out.print(Text(say("sums.text.comma")).join(pieces))
    if found["database"] is None:
        out.print(Text(say("sums.cause.off"), "yellow"))
    elif found["tree_size"]:
        out.print(
            Text(say("sums.text.tree", database=found["database"], size=f"{found['tree_size']:,}"), "dim")
        )
    for note in found["notes"]:
        out.print(Text(note, "yellow"))
    for hint in found["hints"] if verbose else []:
        out.print(Text(hint, "dim"))


def _show_faults(faults: Sequence[Mapping[str, Any]], say: Catalogue, out: Console, *, every: bool) -> None:
    out.print(Text(say("sums.head.faults"), "bold"))
    for fault in faults if every else faults[:_MOST]:
        out.print(Text.assemble((f"  {fault['file']}:{fault['line']}", "bold"), f"  {fault['text']}"))
    _show_rest(len(faults), say, out, every=every)


def _show_rest(count: int, say: Catalogue, out: Console, *, every: bool) -> None:
    if count > _MOST and not every:
        out.print(Text("  " + say("sums.text.rest", count=count - _MOST), "dim"))


def _show_attention(rows: Sequence[Mapping[str, Any]], say: Catalogue, out: Console, *, every: bool) -> None:
    out.print(Text(say("sums.head.attention"), "bold"))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows if every else rows[:_MOST]:
        status = row["status"]
        lines = ",".join(map(str, row["lines"]))
        name = Text.assemble(
            (f"{row['module']} {row['version']}", "bold"), (f"  {row['file']}:{lines}", "dim")
        )
        told = [text for text in (row["text"], *row["remarks"]) if text]
        if row["owners"]:
            told.append(say("sums.text.owner", owners=" ".join(row["owners"])))
        table.add_row(Text(f"{_MARK[status]} {row['word']}", _STYLE[status]), name)
        for text in told:
            table.add_row("", Text(text))
    out.print(table)
    _show_rest(len(rows), say, out, every=every)


def _show_tally(found: Mapping[str, Any], say: Catalogue, out: Console) -> None:
    rows = found["rows"]
    newer = sum(row["newer"] for row in rows if row["relation"] in {"direct", None})
    silent = [row["facts_failure"] for row in rows if row["facts_failure"]]
    if newer or silent:
        out.print()
    if newer:
        out.print(say("sums.text.newer", count=newer))
    if silent:
        out.print(Text(say("sums.text.silent", count=len(silent), words=silent[0]), "yellow"))


def _show_row(row: Mapping[str, Any], say: Catalogue, out: Console) -> None:
    """Everything that is known of a version, as a block: a table of it would need 200 columns."""
    lines = ",".join(map(str, row["lines"]))
    style = _STYLE[row["status"]]
    out.print(
        Text.assemble(
            (f"{_MARK[row['status']]} ", style),
            (f"{row['module']} {row['version']}", "bold"),
            (f"  {row['file']}:{lines}", "dim"),
        )
    )
    for value, mark in ((row["h1"], "zip   "), (row["h1_go_mod"], "go.mod")):
        if value:
            out.print(Text(f"    {mark}  {value}", "dim"))
    words = [row["word"]]
    if row["record"] is not None:
        words.append(say("sums.text.record", record=row["record"], database=row["database"]))
    if row["relation"]:
        words.append(say(f"sums.relation.{row['relation']}"))
    if row["owners"]:
        words.append(" ".join(row["owners"]))
    out.print(Text("    " + " · ".join(words)))
    times = [
        say(f"sums.text.{name}", time=row[name])
        for name in ("published", "first_seen", "verified_at")
        if row[name]
    ]
    if row["newer"]:
        times.append(say("sums.text.newest", version=row["newest"]))
    if times:
        out.print(Text("    " + " · ".join(times), "dim"))
