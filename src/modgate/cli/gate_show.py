"""A report on lock files for people: the worst first, each with its reason and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.gate.document import fix_of
from modgate.client.gate.judging import worst_first

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.client.gate.judging import Report, Row
    from modgate.messages import Catalogue

__all__ = ["show"]


def show(report: Report, say: Catalogue, out: Console, *, strict: bool) -> None:
    """Print it."""
    rows = [row for row in report.rows if row.standing != "allowed"]
    several = len(report.files) > 1
    for row in sorted(rows, key=worst_first):
        for line in _lines(row, say, several=several):
            # What a gate says is shown, and moves no cursor.
            line = "".join(char if char.isprintable() else "?" for char in line)  # noqa: PLW2901  the same line
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    if rows:
        out.print()
    values: dict[str, str | int] = {
        "checked": len(report.rows),
        "refused": len(report.refused),
        "warned": len(report.warned),
        "unknown": len(report.unjudged),
        "by": report.by,
    }
    out.print(say("gate.text.sum", **values), markup=False, soft_wrap=True)
    if not report.revision and report.rows:
        out.print(say("gate.text.no_policy"), markup=False, soft_wrap=True)
    if report.malformed:
        out.print(say("gate.text.malformed", count=report.malformed), markup=False, soft_wrap=True)
    fixes = [fix_of(row) for row in report.refused if fix_of(row)]
    if fixes:
        out.print(say("gate.text.next"), markup=False, soft_wrap=True)
    elif strict and not report.refused and rows:
        out.print(say("gate.text.strict"), markup=False, soft_wrap=True)


def _lines(row: Row, say: Catalogue, *, several: bool) -> list[str]:
    judged = row.judged
    where = f"{row.locked.file}:{row.locked.line}" if several else f"{row.locked.line}"
    words = [say(f"gate.standing.{row.standing}"), row.locked.name]
    lines = [f"{'  '.join(words)}  ({say('gate.text.line', where=where)})"]
    about = judged.reason
    named = [each for each in judged.advisories if each not in about]
    if named:
        about = f"{about} [{', '.join(named)}]" if about else ", ".join(named)
    if about:
        lines.append(f"    {about}")
    if judged.unknown:
        lines.append(f"    {say('gate.text.unknown', why=judged.unknown)}")
    if judged.waiver:
        lines.append(f"    {say('gate.text.waiver', waiver=judged.waiver)}")
    if fix := fix_of(row):
        lines.append(f"    {fix}")
    elif row.standing == "refused" and judged.advisories:
        lines.append(f"    {say('gate.text.no_fix')}")
    return lines
