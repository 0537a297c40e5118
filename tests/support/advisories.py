"""Small advisory databases: entries in the form of the OSV schema, and the files they stand in."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["entry", "write_jsonl", "write_v1"]


def entry(
    identifier: str,
    module: str,
    *events: tuple[str, str],
    aliases: Sequence[str] = (),
    severity: str = "",
    reviewed: bool = True,
    more: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (),
    **rest: Any,
) -> dict[str, Any]:
    """One entry: `events` such as `("introduced", "0"), ("fixed", "1.2.3")`; `more` for other modules."""
    blocks = [(module, events), *more]
    made: dict[str, Any] = {
        "schema_version": "1.3.1",
        "id": identifier,
        "modified": "2026-01-02T03:04:05Z",
        "published": "2026-01-01T00:00:00Z",
        "aliases": list(aliases),
        "summary": f"A fault in {module}",
        "affected": [
            {
                "package": {"name": name, "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{kind: version} for kind, version in turns]}],
                "ecosystem_specific": {},
            }
            for name, turns in blocks
        ],
        "database_specific": {"review_status": "REVIEWED" if reviewed else "UNREVIEWED"},
    }
    if severity:
        made["database_specific"]["severity"] = severity.upper()
    return made | rest


def write_jsonl(file: Path, *entries: dict[str, Any]) -> Path:
    """One entry a line."""
    file.write_text("".join(f"{json.dumps(each)}\n" for each in entries), encoding="utf-8")
    return file


def write_v1(folder: Path, *entries: dict[str, Any]) -> Path:
    """The layout of the Go vulnerability database's HTTP API, version 1."""
    modules: dict[str, list[dict[str, str]]] = {}
    for each in entries:
        for block in each["affected"]:
            row = {"id": each["id"], "modified": each["modified"]}
            modules.setdefault(block["package"]["name"], []).append(row)
    index = [{"path": path, "vulns": vulns} for path, vulns in sorted(modules.items())]
    documents: dict[str, Any] = {
        "index/db.json": {"modified": max(each["modified"] for each in entries)},
        "index/modules.json": index,
        "index/vulns.json": [
            {"id": each["id"], "modified": each["modified"], "aliases": each["aliases"]} for each in entries
        ],
    }
    documents |= {f"ID/{each['id']}.json": each for each in entries}
    for name, document in documents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(document).encode()
        file.write_bytes(data)
        (folder / f"{name}.gz").write_bytes(gzip.compress(data))
    return folder
