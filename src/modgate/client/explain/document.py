"""What `modgate explain --json` prints: one document, schema 1, without credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.machine.showing import hidden_value, safe

if TYPE_CHECKING:
    from modgate.client.explain.model import Explained, Explanation, Source
    from modgate.client.findings import Say

__all__ = ["SCHEMA", "document"]

SCHEMA = 1


def document(explanation: Explanation, say: Say) -> dict[str, object]:
    """The whole document."""
    go = explanation.go
    return {
        "schema": SCHEMA,
        "for": explanation.consumer.value,
        "go": {
            "version": go.version or None,
            "goroot": go.goroot or None,
            "goenv": go.goenv_file or None,
        },
        "shell": {"name": explanation.shell or None, "files": list(explanation.files)},
        "variables": [_row(row, say) for row in explanation.variables],
        "keys": [_row(row, say) for row in explanation.keys],
        "notes": [say(note) for note in explanation.notes],
        "problems": [safe(problem) for problem in go.problems],
    }


def _row(row: Explained, say: Say) -> dict[str, object]:
    return {
        "name": row.name,
        "value": _shown(row.name, row.value),
        "changed": row.changed,
        "predicted": row.predicted,
        "sources": [_source(source, say) for source in row.sources],
    }


def _source(source: Source, say: Say) -> dict[str, object]:
    return {
        "name": source.name,
        "place": source.place.value,
        "scope": source.scope or None,
        "key": source.key or None,
        "file": source.file or None,
        "line": source.line or None,
        "value": _shown(source.name, source.text),
        "state": source.state.value,
        "why": say(source.why) if source.why else None,
    }


def _shown(name: str, text: str | None) -> str | None:
    return None if text is None else hidden_value(name, text)
