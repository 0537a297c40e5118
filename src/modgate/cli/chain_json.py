"""`modgate chain --json`, schema 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.chain.rules import ROWS, move_of
from modgate.client.machine.showing import safe
from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from modgate.cli.chain_story import Story
    from modgate.client.chain.rehearse import Observed
    from modgate.client.chain.rules import Download
    from modgate.messages import Catalogue

__all__ = ["document"]


def document(story: Story, say: Catalogue) -> dict[str, object]:
    """The story as JSON, schema 1; entries count from 1."""
    made: dict[str, object] = {
        "schema": 1,
        "chain": safe(story.text),
        "broken": story.broken or None,
        "lint": [
            {
                "id": one.cause.id,
                "severity": one.shown_severity.value,
                "text": say.say(one.message("text")),
                "fix": say.say(one.message("fix")),
            }
            for one in story.lint
        ],
        "entries": [_entry_json(story, index) for index in range(len(story.entries))],
        "module": story.module or None,
        "latest": story.latest,
        "private": story.private,
        "asked": [
            {
                "entry": index + 1,
                "endpoint": endpoint,
                "answer": given.answer.value,
                "status": given.status or None,
                "seconds": round(given.seconds, 4),
                "failure": given.failure.kind.value if given.failure else None,
            }
            for (index, endpoint), given in story.asked.items()
        ],
        "predicted": _download_json(story.predicted),
        "observed": _observed_json(story.observed),
        "agrees": story.agrees,
        "verdict": story.verdict.value if story.verdict else None,
    }
    return made


def _entry_json(story: Story, index: int) -> dict[str, object]:
    entry = story.entries[index]
    spec = story.faults.get(index)
    moves = {name: move_of(story.entries, index, answer).value for name, answer in ROWS}
    return {
        "entry": index + 1,
        "kind": entry.kind.value,
        "url": safe(entry.display) if entry.url else None,
        "falls_back_on_error": entry.falls_back_on_error,
        "fault": str(spec) if spec else None,
        "made_up": index in story.made_up,
        "moves": moves if entry.kind is EntryKind.PROXY else None,
    }


def _number(index: int | None) -> int | None:
    return None if index is None else index + 1


def _download_json(predicted: Download | None) -> dict[str, object] | None:
    if predicted is None:
        return None
    return {
        "good": predicted.good,
        "waits": predicted.waits,
        "reported": _number(predicted.reported),
        "walks": [
            {
                "endpoint": one.endpoint,
                "steps": [
                    {"entry": step.entry + 1, "answer": step.answer.value, "move": step.move.value}
                    for step in one.steps
                ],
                "used": _number(one.used),
            }
            for one in predicted.walks
        ],
    }


def _observed_json(observed: Observed | None) -> dict[str, object] | None:
    if observed is None:
        return None
    return {
        "good": observed.good,
        "waits": observed.waited,
        "reported": _number(observed.reported),
        "asked": {name: [index + 1 for index in steps] for name, steps in observed.asked.items()},
        "error": observed.error,
    }
