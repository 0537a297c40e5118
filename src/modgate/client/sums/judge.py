"""What a proved record, an exemption or an error means for the lines of a version.

Broken is never absent: only a database that answered "not found" makes a line UNVERIFIABLE; every error on
the way leaves it UNKNOWN. A folder that mirrors a database is not the database: what it lacks is UNKNOWN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.sums.lines import FaultKind
from modgate.client.sums.rows import Cause, Relation, Report, Row, Status, Verdict
from modgate.client.sums.ways import NotInMirror, OffLine
from modgate.errors import Absent, Denied, Invalid, ModgateError, Tampered, Unavailable
from modgate.gomod.gosum import GO_MOD_SUFFIX
from modgate.gomod.patterns import match_prefix_patterns

if TYPE_CHECKING:
    from modgate.client.sums.lines import Entry
    from modgate.sumdb.head import Record

__all__ = ["counts", "exempt", "failed", "from_error", "from_record", "needs_attention"]

_TOOLCHAIN = "golang.org/toolchain"
_KINDS = {
    "timeout": Cause.TIMEOUT,
    "overloaded": Cause.OVERLOADED,
    "bad-answer": Cause.BAD_ANSWER,
    "loop": Cause.BAD_ANSWER,
}
_FATAL = {FaultKind.MALFORMED, FaultKind.MERGE, FaultKind.CONFLICT}


def exempt(path: str, patterns: str, *, off: bool) -> Verdict | None:
    """The verdict without asking anybody; None where the database is to be asked.

    Toolchains are checked whatever GONOSUMDB says. Source: cmd/go/internal/modfetch/sumdb.go (useSumDB).
    """
    if off:
        return Verdict(Status.UNVERIFIABLE, Cause.OFF)
    if path != _TOOLCHAIN and match_prefix_patterns(patterns, path):
        matching = [glob for glob in patterns.split(",") if match_prefix_patterns(glob, path)]
        return Verdict(Status.UNVERIFIABLE, Cause.PRIVATE, ",".join(matching))
    return None


def from_record(entry: Entry, record: Record, *, database: str, own_log: bool, now: float) -> Verdict:
    """Compare the lines with the proved record of the version. Raises Tampered (two hashes in it)."""
    wrong: list[tuple[int, str]] = []
    lacking = False
    for line in entry.lines:
        version = entry.version + GO_MOD_SUFFIX if line.go_mod else entry.version
        known = record.h1(entry.path, version)
        if not known:
            lacking = True
        elif known != line.hash:
            wrong.append((line.number, known))
    status, cause = Status.VERIFIED, None
    if wrong:
        status = Status.MISMATCH
    elif lacking:
        status, cause = Status.UNVERIFIABLE, Cause.NO_SUCH_HASH
    return Verdict(
        status,
        cause,
        own_log=own_log,
        database=database,
        record=record.id,
        verified_at=now,
        wrong=tuple(wrong),
    )


def from_error(error: ModgateError) -> Verdict:
    """What an error of the look-up means."""
    words = f"{error.where}: {error.what}" if error.where else error.what
    if isinstance(error, Absent):
        return Verdict(Status.UNVERIFIABLE, Cause.NOT_FOUND, words)
    return Verdict(Status.UNKNOWN, _why(error), words)


def _why(error: ModgateError) -> Cause:
    if isinstance(error, Tampered):
        return Cause.TAMPERED
    if isinstance(error, Denied):
        return Cause.REFUSED
    if isinstance(error, NotInMirror):
        return Cause.NOT_IN_MIRROR
    if isinstance(error, OffLine):
        return Cause.OFFLINE
    if isinstance(error, Unavailable):
        return _KINDS.get(error.kind, Cause.UNREACHABLE)
    return Cause.BAD_ANSWER if isinstance(error, Invalid) else Cause.UNREACHABLE


def counts(report: Report) -> dict[str, int]:
    """How many versions have which status; PRIVATE ones are counted by themselves."""
    found = dict.fromkeys(["verified", "mismatch", "unknown", "unverifiable", "private"], 0)
    for row in report.rows:
        private = row.verdict.cause is Cause.PRIVATE
        found["private" if private else row.verdict.status.value] += 1
    return found


def failed(report: Report, *, strict: bool) -> bool:
    """Whether the audit fails: a mismatch, a line that is wrong in itself, a database that misbehaves.

    `strict`: also what nobody vouched for unless it is declared private, and what the go.mod lacks.
    """
    if report.alarms or any(fault.kind in _FATAL for fault in report.faults):
        return True
    if any(row.verdict.status is Status.MISMATCH for row in report.rows):
        return True
    if not strict:
        return False
    lacking = any(fault.kind is FaultKind.MISSING for fault in report.faults)
    return lacking or any(row.changed or _unvouched(row) for row in report.rows)


def _unvouched(row: Row) -> bool:
    verdict = row.verdict
    return verdict.status is not Status.VERIFIED and verdict.cause is not Cause.PRIVATE


def needs_attention(row: Row) -> bool:
    """Whether a person should look at the row: everything but newer versions and private modules."""
    direct = row.relation in {Relation.DIRECT, None}
    return bool(
        _unvouched(row)
        or row.changed
        or row.unused
        or row.facts.retracted is not None
        or (row.facts.deprecated and direct)
    )
