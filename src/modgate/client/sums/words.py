"""Statuses, causes and faults in a person's words, the same in every format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modgate.client.sums.rows import Cause, Status
from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from modgate.client.sums.lines import Fault
    from modgate.client.sums.rows import Row
    from modgate.messages import Catalogue

__all__ = ["fault_text", "mismatch_text", "moment", "remarks", "safe", "status_word", "verdict_text"]

_LIMIT = 300

_NO_WORDS = {Cause.OFF, Cause.NO_SUCH_HASH, Cause.OFFLINE, Cause.NOT_FOUND}


def safe(text: str) -> str:
    """Strangers' words on one line: no secrets, no control characters, at most 300 characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in harmless(text)).split())
    return line if len(line) <= _LIMIT else f"{line[: _LIMIT - 1]}…"


def moment(seconds: float | None) -> str:
    """RFC 3339 in UTC; empty for None."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_word(row: Row, say: Catalogue) -> str:
    """The status in a word or two."""
    if row.verdict.status is Status.VERIFIED and row.verdict.own_log:
        return say("sums.status.own-log")
    if row.verdict.cause is Cause.PRIVATE:
        return say("sums.status.private")
    return say(f"sums.status.{row.verdict.status.value}")


def mismatch_text(row: Row, line: int, recorded: str, say: Catalogue) -> str:
    """What a line says and what was proved."""
    found = next(it.hash for it in row.entry.lines if it.number == line)
    return say(
        "sums.text.mismatch", line=line, database=safe(row.verdict.database), found=found, hash=safe(recorded)
    )


def verdict_text(row: Row, say: Catalogue) -> str:
    """Why it has that status, in a sentence; empty for VERIFIED."""
    verdict = row.verdict
    if verdict.status is Status.MISMATCH:
        return " ".join(mismatch_text(row, line, recorded, say) for line, recorded in verdict.wrong)
    if verdict.cause is None:
        return ""
    told = say(f"sums.cause.{verdict.cause.value}")
    if verdict.words and verdict.cause not in _NO_WORDS:
        return say("sums.text.words", told=told, words=safe(verdict.words))
    return told


def remarks(row: Row, say: Catalogue) -> list[str]:
    """What else a person should know of a row."""
    found: list[str] = []
    if row.changed:
        day = moment(row.first_seen)[:10]
        found.append(say("sums.remark.changed", hash=safe(row.changed), day=day))
    if row.facts.retracted is not None:
        reason = safe(" ".join(row.facts.retracted.split()))
        found.append(
            say("sums.remark.retracted", reason=reason) if reason else say("sums.remark.retracted-bare")
        )
    if row.facts.deprecated:
        found.append(say("sums.remark.deprecated", reason=safe(" ".join(row.facts.deprecated.split()))))
    if row.unused:
        found.append(say("sums.remark.unused"))
    return found


def fault_text(fault: Fault, say: Catalogue) -> str:
    """A fault of a line in a sentence."""
    return say(f"sums.fault.{fault.kind.value}", words=safe(fault.words))
