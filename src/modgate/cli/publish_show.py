"""What `modgate publish` shows: what goes in, what stays out and why, and how it ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from modgate.cli.speech import errors_console
from modgate.cli.wide import wrapped
from modgate.messages import Language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modgate.cli.publish_send import Refused, Sent
    from modgate.cli.publish_tree import GitNews, Packed, Tree
    from modgate.gomod.modzip import FileFault
    from modgate.gomod.types import ModuleVersion
    from modgate.messages import Catalogue

__all__ = ["Report", "bytes_shown", "document", "show", "show_refusal", "warn"]

_MOST = 20
_LARGEST = 5
_CONFLICT = 409


@dataclass(slots=True)
class Report:
    """All that is known at the end: what was not reached is None."""

    version: ModuleVersion
    tree: Tree
    git: GitNews | None
    packed: Packed | None = None
    out: str | None = None
    sent: Sent | None = None
    refusal: Refused | None = None
    warned: bool = False


def bytes_shown(count: int, say: Catalogue) -> str:
    """A size for people."""
    shown = decimal(count)
    unit = shown.rpartition(" ")[2]
    return say(f"publish.text.{unit}", count=count) if unit in {"byte", "bytes"} else shown


def warn(report: Report, say: Catalogue) -> None:
    """Say on standard error what git does not have like this, before it is sent: what is sent stays."""
    for hint in _git_hints(report, say):
        _print(hint, "yellow", say, errors_console())
    report.warned = True


def show(report: Report, say: Catalogue, out: Console, *, everything: bool) -> None:
    """Print it; with `everything` the largest files as well."""
    tree, packed = report.tree, report.packed
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row(say("publish.head.module"), Text(str(report.version), "bold"))
    count = len(tree.checked.valid)
    facts.add_row(
        say("publish.head.files"),
        say("publish.text.files", count=count, size=bytes_shown(tree.unpacked, say)),
    )
    if packed is not None:
        facts.add_row(say("publish.head.zip"), bytes_shown(packed.size, say))
        facts.add_row("h1", packed.h1)
        facts.add_row("h1 go.mod", packed.h1_mod)
    if report.out:
        facts.add_row(say("publish.head.written"), report.out)
    out.print(facts)
    if everything:
        _largest(report, say, out)
    _faults(tree.omitted, say, out, "publish.head.omitted")
    _faults(tree.checked.invalid, say, out, "publish.head.invalid", style="red")
    if tree.checked.size_error:
        out.print(Text(tree.checked.size_error, "red"))
    if everything and report.git is not None:
        _names(report.git.unknown, say, out, "publish.head.unknown")
        _names(report.git.changed, say, out, "publish.head.changed")
    for hint in [] if report.warned else _git_hints(report, say):
        _print(hint, "yellow", say, out)
    for hint in _hints(report, say):
        _print(hint, "yellow", say, out)
    _end(report, say, out)


def _end(report: Report, say: Catalogue, out: Console) -> None:
    if report.tree.checked.invalid or report.tree.checked.size_error:
        out.print(Text(say("publish.text.invalid"), "red"))
    elif report.sent is not None:
        key = "created" if report.sent.created else "exists"
        out.print(Text(say(f"publish.text.{key}", version=str(report.version)), "green"))
    elif report.refusal is None:
        out.print(say("publish.text.dry-run"))


def show_refusal(refusal: Refused, say: Catalogue) -> None:
    """Print why the gate did not take it, on standard error."""
    errors = errors_console()
    _print(f"modgate: {say.say(refusal.message)}", "red", say, errors)
    lines = refusal.said.splitlines()
    if refusal.status == _CONFLICT:
        # What to do is said above, in the person's language.
        lines = [*lines[:1], *(line for line in lines[1:] if line.startswith("request "))]
    for line in lines:
        errors.print(Text(f"  {line}", "dim"))


def _print(line: str, style: str, say: Catalogue, out: Console) -> None:
    """A paragraph. Rich breaks lines at blanks only, of which Chinese has none but around other words."""
    for part in wrapped(line, out.width) if say.language is Language.CHINESE else [line]:
        out.print(Text(part, style))


def _largest(report: Report, say: Catalogue, out: Console) -> None:
    files = sorted(report.tree.checked.valid, key=lambda entry: -entry.size)[:_LARGEST]
    if files:
        out.print()
        out.print(say("publish.head.largest"), style="bold")
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for entry in files:
            table.add_row(bytes_shown(entry.size, say), Text(entry.path))
        out.print(table)


def _faults(faults: Sequence[FileFault], say: Catalogue, out: Console, head: str, *, style: str = "") -> None:
    if not faults:
        return
    out.print()
    out.print(Text(say(head, count=len(faults)), f"bold {style}"))
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    reasons = Counter(fault.reason for fault in faults)
    for fault in faults[:_MOST]:
        table.add_row(Text(fault.path), Text(fault.reason))
    out.print(table)
    if len(faults) > _MOST:
        most = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common(3))
        out.print(Text(say("publish.text.more", count=len(faults) - _MOST, reasons=most), "dim"))


def _names(names: Sequence[str], say: Catalogue, out: Console, head: str) -> None:
    if names:
        out.print()
        out.print(Text(say(head, count=len(names)), "bold"))
        for name in names[:_MOST]:
            out.print(Text(name, overflow="fold"))
        if len(names) > _MOST:
            out.print(Text(say("publish.text.more-names", count=len(names) - _MOST), "dim"))


def _git_hints(report: Report, say: Catalogue) -> list[str]:
    hints = []
    if report.git is not None and (unknown := report.git.unknown):
        hints.append(say("publish.hint.unknown", count=len(unknown), first=unknown[0]))
    if report.git is not None and (changed := report.git.changed):
        hints.append(say("publish.hint.changed", count=len(changed), first=changed[0]))
    return hints


def _hints(report: Report, say: Catalogue) -> list[str]:
    hints = []
    if report.packed is not None and report.packed.replaces:
        hints.append(say("publish.hint.replaces", count=report.packed.replaces))
    if any(entry.path == ".git" for entry in report.tree.checked.valid):
        hints.append(say("publish.hint.git-file"))
    return hints


def document(report: Report, base: str, say: Catalogue) -> dict[str, object]:
    """The same for a machine (schema 1)."""
    tree, packed = report.tree, report.packed
    status = "dry-run"
    if report.refusal is not None:
        status = "refused"
    elif tree.checked.invalid or tree.checked.size_error:
        status = "invalid"
    elif report.sent is not None:
        status = "created" if report.sent.created else "exists"
    found: dict[str, object] = {
        "schema": 1,
        "status": status,
        "module": report.version.path,
        "version": report.version.version,
        "to": base,
        "files": len(tree.checked.valid),
        "unpacked": tree.unpacked,
        "omitted": [fault._asdict() for fault in tree.omitted],
        "invalid": [fault._asdict() for fault in tree.checked.invalid],
        "hints": _git_hints(report, say) + _hints(report, say),
    }
    if report.git is not None:
        found["git"] = {"unknown": list(report.git.unknown), "changed": list(report.git.changed)}
    if packed is not None:
        found |= {"h1": packed.h1, "h1_mod": packed.h1_mod, "size": packed.size}
    if report.out:
        found["out"] = report.out
    if tree.checked.size_error:
        found["error"] = tree.checked.size_error
    if report.refusal is not None:
        found |= {
            "error": say.say(report.refusal.message),
            "said": report.refusal.said,
            "http_status": report.refusal.status,
        }
    return found
