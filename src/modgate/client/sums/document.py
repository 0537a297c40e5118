"""The audit as one JSON document; the other formats are made of it or of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate import __version__
from modgate.client.sums.judge import counts, failed, needs_attention
from modgate.client.sums.rows import Status
from modgate.client.sums.words import fault_text, moment, remarks, safe, status_word, verdict_text

if TYPE_CHECKING:
    from modgate.client.sums.rows import Report, Row
    from modgate.messages import Catalogue

__all__ = ["SCHEMA", "document"]

SCHEMA = 1


def document(report: Report, say: Catalogue, *, strict: bool) -> dict[str, Any]:
    """The document. Times are RFC 3339 in UTC, what is not known is null."""
    return {
        "schema": SCHEMA,
        "tool": f"modgate {__version__}",
        "taken": moment(report.taken),
        "files": [safe(name) for name in report.files],
        "lines": report.lines,
        "database": report.database or None,
        "tree_size": report.tree or None,
        "summary": {
            **counts(report),
            "malformed": sum(fault.kind.value in {"malformed", "merge"} for fault in report.faults),
            "conflicting": sum(fault.kind.value == "conflict" for fault in report.faults),
            "failed": failed(report, strict=strict),
            "strict": strict,
            "requests": report.asked,
        },
        "alarms": [_shown(alarm) for alarm in report.alarms],
        "notes": [safe(say.say(note)) for note in report.notes],
        "hints": [safe(say.say(hint)) for hint in report.hints],
        "faults": [
            {
                "kind": fault.kind.value,
                "file": safe(fault.file),
                "line": fault.line,
                "text": fault_text(fault, say),
            }
            for fault in report.faults
        ],
        "rows": [_row(row, say) for row in report.rows],
    }


def _row(row: Row, say: Catalogue) -> dict[str, Any]:
    entry, verdict, facts = row.entry, row.verdict, row.facts
    by = "own-log" if verdict.own_log else "checksum-database"
    return {
        "file": safe(row.file),
        "lines": [line.number for line in entry.lines],
        "module": entry.path,
        "version": entry.version,
        "h1": entry.h1(go_mod=False) or None,
        "h1_go_mod": entry.h1(go_mod=True) or None,
        "status": verdict.status.value,
        "cause": verdict.cause.value if verdict.cause else None,
        "word": status_word(row, say),
        "text": verdict_text(row, say),
        "verified_by": by if verdict.status is Status.VERIFIED else None,
        "database": verdict.database or None,
        "record": verdict.record,
        "verified_at": moment(verdict.verified_at) or None,
        "first_seen": moment(row.first_seen) or None,
        "published": safe(facts.published) or None,
        "relation": row.relation.value if row.relation else None,
        "owners": [safe(owner) for owner in row.owners],
        "retracted": None if facts.retracted is None else safe(facts.retracted),
        "deprecated": safe(facts.deprecated) or None,
        "newest": facts.newest or None,
        "newer": facts.newer,
        "facts_failure": safe(facts.failure) or None,
        "unused": row.unused,
        "changed_from": row.changed or None,
        "wrong": [{"line": line, "recorded": recorded} for line, recorded in verdict.wrong],
        "remarks": remarks(row, say),
        "attention": needs_attention(row),
    }


def _shown(alarm: str) -> str:
    """A proof has many lines, and all of them count."""
    return "\n".join(safe(line) for line in alarm.splitlines()[:200])
