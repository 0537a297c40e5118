"""The audit as SARIF 2.1.0, for code scanning: a result at each line that somebody should look at.

Rule ids are stable. Levels: what fails the audit is an error, what nobody could vouch for a warning, the
rest a note. Source: OASIS SARIF 2.1.0, 3.19 (tool), 3.27 (result).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modgate import __version__
from modgate.client.sums.lines import FaultKind
from modgate.client.sums.rows import Cause, Status
from modgate.client.sums.words import fault_text, mismatch_text, remarks, safe, verdict_text

if TYPE_CHECKING:
    from modgate.client.sums.rows import Report, Row
    from modgate.messages import Catalogue

__all__ = ["RULES", "sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RULES = {
    "MG-SUM-001": ("mismatch", "error"),
    "MG-SUM-002": ("malformed", "error"),
    "MG-SUM-003": ("conflict", "error"),
    "MG-SUM-004": ("alarm", "error"),
    "MG-SUM-005": ("unverifiable", "warning"),
    "MG-SUM-006": ("unknown", "warning"),
    "MG-SUM-007": ("changed", "warning"),
    "MG-SUM-008": ("missing", "warning"),
    "MG-SUM-009": ("retracted", "warning"),
    "MG-SUM-010": ("deprecated", "note"),
    "MG-SUM-011": ("unused", "note"),
    "MG-SUM-012": ("duplicate", "note"),
}
"""Rule id -> (its name and text, its level)."""

_FAULTS = {
    FaultKind.MALFORMED: "MG-SUM-002",
    FaultKind.MERGE: "MG-SUM-002",
    FaultKind.CONFLICT: "MG-SUM-003",
    FaultKind.MISSING: "MG-SUM-008",
    FaultKind.DUPLICATE: "MG-SUM-012",
    FaultKind.IGNORED: "MG-SUM-012",
}
_IDS = list(RULES)


def sarif(report: Report, say: Catalogue) -> dict[str, Any]:
    """The log with one run."""
    results = [result for row in report.rows for result in _of_row(row, say)]
    results += [_result(_FAULTS[it.kind], fault_text(it, say), it.file, it.line) for it in report.faults]
    # The database is at fault, not a line; yet a result without a place is shown nowhere.
    results += [_result("MG-SUM-004", safe(it.splitlines()[0]), report.files[0], 1) for it in report.alarms]
    rules = [
        {
            "id": rule,
            "name": name,
            "shortDescription": {"text": say(f"sums.rule.{name}")},
            "helpUri": "https://go.dev/ref/mod#go-sum-files",
            "defaultConfiguration": {"level": level},
        }
        for rule, (name, level) in RULES.items()
    ]
    driver = {
        "name": "modgate sums",
        "version": __version__,
        "semanticVersion": __version__,
        "informationUri": "https://go.dev/ref/mod#checksum-database",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _of_row(row: Row, say: Catalogue) -> list[dict[str, Any]]:
    entry, verdict = row.entry, row.verdict
    name = f"{entry.path}@{entry.version}"
    first = entry.lines[0].number
    found: list[tuple[str, str, int]] = []
    if verdict.status is Status.MISMATCH:
        for line, recorded in verdict.wrong:
            found.append(("MG-SUM-001", mismatch_text(row, line, recorded, say), line))
    elif verdict.status is Status.UNVERIFIABLE and verdict.cause is not Cause.PRIVATE:
        found.append(("MG-SUM-005", verdict_text(row, say), first))
    elif verdict.status is Status.UNKNOWN:
        found.append(("MG-SUM-006", verdict_text(row, say), first))
    told = iter(remarks(row, say))
    for rule, holds in (
        ("MG-SUM-007", bool(row.changed)),
        ("MG-SUM-009", row.facts.retracted is not None),
        ("MG-SUM-010", bool(row.facts.deprecated)),
        ("MG-SUM-011", bool(row.unused)),
    ):
        if holds:
            found.append((rule, next(told), first))
    return [_result(rule, f"{name}: {text}", row.file, line) for rule, text, line in found]


def _result(rule: str, text: str, file: str, line: int) -> dict[str, Any]:
    uri = quote(file.replace("\\", "/"))
    fingerprint = hashlib.sha256(f"{rule}\0{uri}\0{text}".encode()).hexdigest()
    return {
        "ruleId": rule,
        "ruleIndex": _IDS.index(rule),
        "level": RULES[rule][1],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri},
                    "region": {"startLine": max(line, 1)},
                }
            }
        ],
        "partialFingerprints": {"modgateSums/v1": fingerprint},
    }
