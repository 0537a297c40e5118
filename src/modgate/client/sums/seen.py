"""What this user's modgate has seen before: when a version was first met, and with which hashes.

For a private module nobody else can vouch; that its hash is not the one it had is then the only sign that a
tag was moved. Commit times are kept as well, since `.info` never changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modgate.client.sums.kept import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.client.sums.lines import Entry

__all__ = ["Seen"]

_SCHEMA = 1


@dataclass(slots=True)
class Seen:
    """The memory; `folder` None for one that is not kept."""

    folder: Path | None
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def read(cls, folder: Path | None) -> Seen:
        """What is kept; a file that is damaged counts as none."""
        if folder is None:
            return cls(None)
        try:
            found = json.loads((folder / "seen.json").read_bytes())
            versions = found["versions"] if found["schema"] == _SCHEMA else {}
        except (OSError, ValueError, KeyError, TypeError):
            versions = {}
        good = isinstance(versions, dict) and all(isinstance(value, dict) for value in versions.values())
        return cls(folder, versions if good else {})

    def meet(self, entry: Entry, now: float, *, vouched: bool) -> tuple[float, str]:
        """When the version was first seen, and a hash that it had then where it is another now.

        `vouched`: what stands there is right (proved, or accepted by a person) and is remembered instead.
        """
        known = self._known(f"{entry.path}@{entry.version}", now)
        changed = ""
        for name, go_mod in (("zip", False), ("mod", True)):
            value, before = entry.h1(go_mod=go_mod), known.get(name)
            if not value or value == before:
                continue
            if vouched or not before:
                known[name] = value
                self._changed = True
            elif all(line.hash != before for line in entry.hashes(go_mod=go_mod)):
                changed = changed or str(before)
        first = known.get("first")
        return (float(first) if isinstance(first, int | float) else now), changed

    def published(self, version: str) -> str:
        """The commit time of `path@version`, empty where it was never told."""
        return str(self.versions.get(version, {}).get("time") or "")

    def learn(self, version: str, published: str, now: float) -> None:
        """Remember a commit time."""
        known = self._known(version, now)
        if published and known.get("time") != published:
            known["time"] = published
            self._changed = True

    def write(self) -> str:
        """Keep it; the reason where that fails, which is no failure of the audit."""
        if self.folder is None or not self._changed:
            return ""
        data = json.dumps({"schema": _SCHEMA, "versions": self.versions}, separators=(",", ":"))
        try:
            replace_file(self.folder / "seen.json", data.encode())
        except OSError as error:
            return f"{self.folder}: {error.strerror}"
        return ""

    def _known(self, version: str, now: float) -> dict[str, Any]:
        if version not in self.versions:
            self.versions[version] = {"first": round(now)}
            self._changed = True
        return self.versions[version]
