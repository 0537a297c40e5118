"""The report of an isolated run, on standard error: what was reached, and what else was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.cli.speech import errors_console
from modgate.client.launch.targets import shown_target
from modgate.client.machine.showing import safe

if TYPE_CHECKING:
    from modgate.client.launch.record import Record
    from modgate.messages import Catalogue

__all__ = ["show_report"]

_MOST = 30


def show_report(record: Record, say: Catalogue) -> None:
    """Print it."""
    from rich.table import Table  # noqa: PLC0415  rich stays off --help

    console = errors_console()
    if not record.traffic and not record.blocked:
        console.print(say("run.report.nothing"))
        return
    if record.traffic:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(say("run.report.reached"), overflow="fold")
        for name in ("connections", "failed", "sent", "received"):
            table.add_column(say(f"run.report.{name}"), justify="right")
        for target, traffic in record.traffic.items():
            numbers = (traffic.connections, traffic.failed, _size(traffic.sent), _size(traffic.received))
            table.add_row(shown_target(target.host, target.port), *map(str, numbers))
        console.print(table)
    if not record.blocked:
        console.print(say("run.report.clean"))
        return
    if record.traffic:
        console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(say("run.report.blocked"), overflow="fold")
    table.add_column(say("run.report.tried"))
    table.add_column(say("run.report.times"), justify="right")
    ranked = sorted(record.blocked.items(), key=lambda item: (-item[1], item[0]))
    for attempt, times in ranked[:_MOST]:
        table.add_row(safe(attempt.shown), say(f"run.kind.{attempt.kind}"), str(times))
    console.print(table)
    hidden = sum(times for _, times in ranked[_MOST:]) + record.more
    if hidden:
        console.print(say("run.report.more", count=hidden), style="dim")
    if any(attempt.kind == "proxy" for attempt in record.blocked):
        console.print(say("run.note.redirect"), style="dim")


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
