"""Small entries of the OSV schema for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modgate.policy import osv

if TYPE_CHECKING:
    from modgate.model.advisory import Advisory

__all__ = ["advisory", "entry", "ranges"]


def ranges(*events: tuple[str, str]) -> dict[str, Any]:
    """A SEMVER range of (kind, version) events."""
    return {"type": "SEMVER", "events": [{kind: version} for kind, version in events]}


def entry(
    identifier: str = "GO-2024-0001", *, modules: dict[str, list[Any]] | None = None, **more: Any
) -> bytes:
    """An entry that names modules with their ranges."""
    affected = [
        {"package": {"name": path, "ecosystem": "Go"}, "ranges": spans, "ecosystem_specific": {}}
        for path, spans in (modules or {}).items()
    ]
    return json.dumps(
        {"id": identifier, "modified": "2024-05-20T16:03:47Z", "affected": affected, **more}
    ).encode()


def advisory(
    identifier: str = "GO-2024-0001", *, modules: dict[str, list[Any]] | None = None, **more: Any
) -> Advisory:
    """The same, read."""
    return osv.parse(entry(identifier, modules=modules, **more))
