"""`modgate doctor --fix`: show what would change, ask, do it, and say how to take it back."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.repair.apply import apply
from modgate.client.repair.diff import hidden, unified
from modgate.wiring import client as wiring

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from modgate.client.doctor.verdict import Verdict
    from modgate.client.findings import Finding
    from modgate.client.machine.host import Host
    from modgate.client.repair.plan import FileEdit
    from modgate.messages import Catalogue

__all__ = ["Plan", "mend", "plan", "print_diff"]

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(slots=True)
class Plan:
    """What `--fix` would do.

    Attributes:
        edits: One for each file.
        mended: The findings that they mend.
        later: Files that a second finding wants to change otherwise: after this one.
        commands: For the person to run.
    """

    edits: list[FileEdit] = field(default_factory=list)
    mended: list[Finding] = field(default_factory=list)
    later: list[Path] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def plan(verdict: Verdict) -> Plan:
    """The safe changes for everything that is wrong, what matters most first."""
    made = Plan()
    taken: dict[Path, FileEdit] = {}
    for finding in (*verdict.causes, *(item.finding for item in verdict.consequences)):
        repair = finding.repair
        if repair is None:
            continue
        made.commands += [command for command in repair.commands if command not in made.commands]
        if not repair.safe or not repair.edits:
            continue
        waiting = [edit.path for edit in repair.edits if taken.get(edit.path, edit) != edit]
        if waiting:
            made.later += [path for path in waiting if path not in made.later]
            continue
        made.mended.append(finding)
        for edit in repair.edits:
            if edit.path not in taken:
                taken[edit.path] = edit
                made.edits.append(edit)
    return made


def mend(
    verdict: Verdict, host: Host, say: Catalogue, out: Console | None, *, yes: bool, status: int
) -> tuple[int, dict[str, object]]:
    """Carry out the plan; returns the exit status, and what was done for `--json`. `out` None is silent.

    Raises ModgateError where it cannot be carried out: nothing has changed then.
    """
    made = plan(verdict)
    told: dict[str, object] = {"change": None, "files": [str(edit.path) for edit in made.edits]}
    if out is not None:
        out.print()
        _show(made, out, say)
    if not made.edits:
        return status, told
    if not yes and not _agreed(out, say):
        return status, told
    ids = ", ".join(dict.fromkeys(finding.cause.id for finding in made.mended))
    change = apply(made.edits, say("doctor.fix.reason", ids=ids), wiring.journal(host))
    told["change"] = change
    if out is not None:
        for edit in made.edits:
            out.print(say("doctor.fix.file", path=str(edit.path)), style="green")
        out.print(say("doctor.fix.done", count=len(made.edits), id=change), style="bold")
        out.print(say("doctor.fix.again"), style="dim")
    left = [cause for cause in verdict.causes if cause not in made.mended]
    return (status if left else 0), told


def print_diff(edit: FileEdit, out: Console, say: Catalogue) -> None:
    """The difference as a person reads it, secrets taken out."""
    lines = unified(edit)
    if lines is None:
        sizes = {"before": len(edit.before or b""), "after": len(edit.after or b"")}
        lines = [f"--- {edit.path}", f"+++ {edit.path}", say("doctor.fix.binary", **sizes)]
    for line in lines:
        head = line.startswith(("---", "+++"))
        out.print(f"  {line}", style="bold" if head else _STYLES.get(line[:1], ""), soft_wrap=True)


def _show(made: Plan, out: Console, say: Catalogue) -> None:
    if made.edits:
        out.print(say("doctor.fix.intro"), style="bold")
        for edit in made.edits:
            print_diff(edit, out, say)
    for path in made.later:
        out.print(say("doctor.fix.conflict", path=str(path)), style="yellow")
    if made.commands:
        out.print(say("doctor.fix.by_hand"), style="bold")
        for command in made.commands:
            out.print(f"  $ {hidden(command)}", soft_wrap=True)
    if not made.edits and not made.commands:
        out.print(say("doctor.fix.nothing"))


def _agreed(out: Console | None, say: Catalogue) -> bool:
    if out is None:
        return False
    if not sys.stdin.isatty() or not out.is_terminal:
        out.print(say("doctor.fix.not_asked"), style="bold")
        return False
    try:
        answer = input(say("doctor.fix.ask"))
    except EOFError:
        answer = ""
    if answer.strip().lower() in {"y", "yes", "是", "好"}:
        return True
    out.print(say("doctor.fix.declined"))
    return False
