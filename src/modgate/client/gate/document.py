"""A report on lock files: JSON (schema 1), SARIF 2.1.0.

SARIF levels: what may not be built with is an error, what somebody should look at a warning, what could not
be
judged a note. Rule ids are stable. Source: OASIS SARIF 2.1.0, 3.19 (tool), 3.27 (result).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modgate import __version__
from modgate.client.gate.judging import worst_first

if TYPE_CHECKING:
    from modgate.client.gate.judging import Report, Row
    from modgate.messages import Catalogue

__all__ = ["RULES", "document", "fix_of", "sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RULES = {
    "refused": ("MG-GATE-001", "error"),
    "warned": ("MG-GATE-002", "warning"),
    "unknown": ("MG-GATE-003", "note"),
}
"""Standing -> (rule id, level)."""
_IDS = [rule for rule, _ in RULES.values()]


def fix_of(row: Row) -> str:
    """The command that moves to the fixed version; empty where none is known."""
    return f"go get {row.locked.path}@{row.judged.fixed}" if row.judged.fixed else ""


def document(report: Report) -> dict[str, Any]:
    """Everything that was found; allowed versions are only counted."""
    found = [row for row in report.rows if row.standing != "allowed"]
    return {
        "schema": 1,
        "by": report.by,
        "revision": report.revision,
        "files": list(report.files),
        "checked": len(report.rows),
        "allowed": len(report.rows) - len(found),
        "refused": len(report.refused),
        "warned": len(report.warned),
        "unknown": len(report.unjudged),
        "waived": len(report.waived),
        "malformed_lines": report.malformed,
        "findings": [_finding(row) for row in sorted(found, key=worst_first)],
    }


def _finding(row: Row) -> dict[str, Any]:
    judged = row.judged
    return {
        "module": row.locked.path,
        "version": row.locked.version,
        "file": row.locked.file,
        "line": row.locked.line,
        "standing": row.standing,
        "effect": judged.effect,
        "rule": judged.rule,
        "reason": judged.reason,
        "advisories": judged.advisories,
        "severity": judged.severity,
        "fixed": judged.fixed or None,
        "fix": fix_of(row) or None,
        "waiver": judged.waiver or None,
        "decision": judged.decision or None,
    }


def sarif(report: Report, say: Catalogue) -> dict[str, Any]:
    """The log with one run."""
    rows = [row for row in report.rows if row.standing in RULES]
    rules = [
        {
            "id": rule,
            "name": standing,
            "shortDescription": {"text": say(f"gate.rule.{standing}")},
            "defaultConfiguration": {"level": level},
        }
        for standing, (rule, level) in RULES.items()
    ]
    driver = {
        "name": "modgate gate",
        "version": __version__,
        "semanticVersion": __version__,
        "informationUri": "https://go.dev/ref/mod#go-sum-files",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(row) for row in rows],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(row: Row) -> dict[str, Any]:
    rule, level = RULES[row.standing]
    uri = quote(row.locked.file.replace("\\", "/"))
    words = [f"{row.locked.name}: {row.judged.reason or row.judged.effect}", fix_of(row)]
    text = "\n".join(word for word in words if word)
    fingerprint = hashlib.sha256(f"{rule}\0{uri}\0{row.locked.name}".encode()).hexdigest()
    return {
        "ruleId": rule,
        "ruleIndex": _IDS.index(rule),
        "level": level,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri},
                    "region": {"startLine": max(row.locked.line, 1)},
                }
            }
        ],
        "partialFingerprints": {"modgateGate/v1": fingerprint},
        "properties": {"advisories": row.judged.advisories, "severity": row.judged.severity},
    }
