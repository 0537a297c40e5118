"""What `modgate doctor --json` prints: one document, schema 1, described by schema.json beside this file.

Findings are given as they were judged: a fault of an entry that go never reaches has the severity `note`
here, as it has in the verdict. Nothing in it holds a credential.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

from modgate.client.findings import cause_json
from modgate.client.machine.showing import safe
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.run import Done
    from modgate.client.doctor.scene import Scene
    from modgate.client.doctor.verdict import Verdict
    from modgate.client.findings import Evidence, Finding, Say
    from modgate.client.repair.plan import Repair

__all__ = ["SCHEMA", "document", "finding_json", "schema"]

SCHEMA = 1


def document(
    version: str, scene: Scene, dones: Sequence[Done], verdict: Verdict, *, seconds: float, say: Say
) -> dict[str, object]:
    """The whole document. `dones` in the order in which the checks are to stand."""
    return {
        "schema": SCHEMA,
        "modgate": version,
        "go": scene.go.version or None,
        "system": scene.host.system.value,
        "goproxy": safe(scene.go["GOPROXY"]),
        "healthy": verdict.healthy,
        "seconds": round(seconds, 3),
        "checks": [_check_json(done, verdict, say) for done in dones],
        "root_cause": cause_json(verdict.root, say),
        "causes": [finding_json(finding, say) for finding in verdict.causes],
        "consequences": [
            {"finding": finding_json(item.finding, say), "of": item.of.cause.id}
            for item in verdict.consequences
        ],
    }


def finding_json(finding: Finding, say: Say) -> dict[str, object]:
    """One finding with its texts."""
    return {
        "id": finding.cause.id,
        "severity": finding.shown_severity.value,
        "impact": finding.impact.name.lower(),
        "confidence": round(finding.confidence, 2),
        "phase": finding.cause.phase.value,
        "catalogue": finding.cause.row,
        "subject": redacted(finding.subject),
        "title": say(finding.message("title")),
        "text": say(finding.message("text")),
        "fix": say(finding.message("fix")),
        "evidence": [_evidence_json(item, say) for item in finding.evidence],
        "repair": _repair_json(finding.repair) if finding.repair else None,
    }


def schema() -> dict[str, object]:
    """The JSON Schema of the document."""
    found = json.loads(resources.files(__package__ or "").joinpath("schema.json").read_bytes())
    assert isinstance(found, dict)
    return found


def _check_json(done: Done, verdict: Verdict, say: Say) -> dict[str, object]:
    judged = [verdict.as_judged(finding) for finding in done.result.findings]
    return {
        "id": done.check.name,
        "title": say(Message(f"check.{done.check.name}.title")),
        "status": done.outcome.value,
        "seconds": round(done.seconds, 3),
        "unknown": say(done.result.unknown) if done.result.unknown else None,
        "findings": [finding_json(finding, say) for finding in judged],
        "facts": [say(fact) for fact in done.result.facts],
        "data": done.result.data,
    }


def _evidence_json(evidence: Evidence, say: Say) -> dict[str, object]:
    return {
        "what": say(evidence.what) if evidence.what else "",
        "raw": redacted(evidence.raw),
        "source": redacted(evidence.source),
    }


def _repair_json(repair: Repair) -> dict[str, object]:
    return {
        "safe": repair.safe,
        "files": [str(edit.path) for edit in repair.edits],
        "commands": [redacted(command) for command in repair.commands],
    }
