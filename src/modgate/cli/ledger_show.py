"""How a copy of the ledger looks: what was moved, table by table, and what was looked at afterwards."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console, errors_console, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modgate.messages import Catalogue
    from modgate.wiring.ledger_move import Moved

__all__ = ["as_document", "bar", "show"]


def as_document(moved: Moved, *, dry_run: bool) -> None:
    """One document for a program."""
    copied = moved.copied
    print_json(
        {
            "schema": 1,
            "dry_run": dry_run,
            "from": str(moved.source),
            "to": str(moved.destination),
            "from_schema": int(copied.schema),
            "running": [str(place) for place in moved.running],
            "rows": sum(copied.rows.values()),
            "tables": dict(copied.rows),
            "audit": {
                "head": f"{copied.audit.number}:{copied.audit.hash.hex()}",
                "faults": list(copied.faults),
            },
            "logs": [
                {"name": log.name, "records": log.records, "head": log.head, "agrees": log.agrees}
                for log in copied.logs
            ],
        }
    )


def show(moved: Moved, say: Catalogue, *, dry_run: bool) -> None:
    """For people."""
    copied, out = moved.copied, console()
    out.print(Text(say("ledger.text.from", place=str(moved.source), schema=copied.schema)), soft_wrap=True)
    out.print(Text(say("ledger.text.to", place=str(moved.destination))), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(say("ledger.head.table"))
    table.add_column(say("ledger.head.rows"), justify="right")
    for name, count in copied.rows.items():
        table.add_row(name, f"{count:,}")
    table.add_row(say("ledger.head.all"), f"{sum(copied.rows.values()):,}", style="bold")
    out.print(table)
    if copied.faults:
        out.print(Text(say("ledger.text.audit_broken", count=len(copied.faults)), style="yellow"))
        for fault in copied.faults[:5]:
            out.print(Text(f"  {fault}"), soft_wrap=True)
    elif copied.audit.number:
        out.print(Text(say("ledger.text.audit", number=f"{copied.audit.number:,}")))
    for log in copied.logs:
        key = "ledger.text.log" if log.agrees else "ledger.text.log_broken"
        told = say(key, name=log.name, records=f"{log.records:,}", head=f"{log.head:,}")
        out.print(Text(told, style="" if log.agrees else "yellow"))
    for place in moved.running:
        out.print(Text(say("ledger.text.running", place=str(place)), style="yellow"), soft_wrap=True)
    out.print(Text(say("ledger.text.would" if dry_run else "ledger.text.done")))


@contextmanager
def bar(say: Catalogue, *, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error where that is a terminal, gone at the end; what moves it."""
    on = errors_console()
    if quiet or not on.is_terminal:
        yield lambda _what, _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
    with Progress(*columns, console=on, transient=True, expand=True) as bars:
        task = bars.add_task("", total=None)

        def told(what: str, done: int, total: int) -> None:
            bars.update(task, description=say(f"ledger.doing.{what}"), completed=done, total=total)

        yield told
