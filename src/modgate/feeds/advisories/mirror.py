"""What is known, in the form in which `govulncheck` and every other user of the Go database read it.

Rules:

1. The entries are those of the index, each vulnerability once: what the Go vulnerability database knows is
   served as it wrote it; an entry of another database only where no Go entry stands for it.
2. Such an entry is brought into the form that govulncheck reads: its `affected` holds SEMVER ranges of Go
   modules alone, `last_affected` becomes the smallest version above it as `fixed`, and a version that is
   named one by one becomes a range of itself. Nothing else of it changes, and its id stays.
3. `fixed` in `index/modules.json` lets a client skip an entry without reading it. So it is there only where
   every range of the module closes, and is the last of those ends.
4. `modified` in `index/db.json` is when the merged content last changed here, not the newest entry: an entry
   of a further database may be old, and whoever asks only for this field must learn of it.

A mirror never changes: what is served is replaced as a whole, so documents of one moment agree.
Source: go.dev/security/vuln/database.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Unavailable
from modgate.feeds.advisories.constraints import above
from modgate.gomod import semver

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modgate.feeds.advisories.pack import Pack
    from modgate.model.advisory import Advisory, Block, Event

__all__ = ["Document", "Mirror", "last_fix"]


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the database: its bytes, what names them, and when they changed (Unix seconds)."""

    body: bytes
    etag: str
    modified: float


class Mirror:
    """The files of the database by their names. Making one and reading entries blocks.

    Args:
        advisories: The merged ones, each of which names its source.
        packs: The raw entries, by source.
        changed_at: When this content came into force.
    """

    def __init__(self, advisories: Iterable[Advisory], packs: Mapping[str, Pack], changed_at: float) -> None:
        self._packs = packs
        self._advisories = {
            each.id: each
            for each in advisories
            if each.source in packs and each.id in packs[each.source].entries
        }
        self._index: dict[str, Document] = {}
        for name, content in (
            ("db", {"modified": _time(changed_at)}),
            ("modules", _modules(self._advisories.values())),
            ("vulns", _vulns(self._advisories.values())),
        ):
            body = msgspec.json.encode(content)
            self._index[f"index/{name}.json"] = _document(body, changed_at)
            self._index[f"index/{name}.json.gz"] = _document(gzip.compress(body, 6, mtime=0), changed_at)

    def __len__(self) -> int:
        """How many entries it has."""
        return len(self._advisories)

    def document(self, name: str) -> Document | None:
        """The file of that name (`index/db.json`, `ID/GO-2020-0001.json.gz`); None where there is none.

        Raises Unavailable where the disk refuses it.
        """
        if name in self._index:
            return self._index[name]
        zipped = name.endswith(".json.gz")
        if not name.startswith("ID/") or not (zipped or name.endswith(".json")):
            return None
        identifier = name.removeprefix("ID/").removesuffix(".gz").removesuffix(".json")
        advisory = self._advisories.get(identifier)
        return None if advisory is None else self._entry(advisory, zipped=zipped)

    def _entry(self, advisory: Advisory, *, zipped: bool) -> Document:
        pack = self._packs[advisory.source]
        digest = pack.entries[advisory.id].digest
        etag = f"{digest}-gz" if zipped else digest
        if advisory.id.startswith("GO-"):
            body = pack.compressed(advisory.id) if zipped else pack.read(advisory.id)
            return Document(body, etag, advisory.modified)
        body = _go_form(pack.read(advisory.id), advisory)
        return _document(gzip.compress(body, 6, mtime=0) if zipped else body, advisory.modified)


def _document(body: bytes, modified: float) -> Document:
    return Document(body, hashlib.blake2b(body, digest_size=16).hexdigest(), modified)


def _modules(advisories: Iterable[Advisory]) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, str]]] = {}
    for advisory in sorted(advisories, key=lambda each: each.id):
        blocks: dict[str, list[Block]] = {}
        for block in advisory.blocks:
            blocks.setdefault(block.path, []).append(block)
        for path, own in blocks.items():
            vuln = {"id": advisory.id, "modified": _time(advisory.modified)}
            if fix := last_fix(own):
                vuln["fixed"] = fix
            found.setdefault(path, []).append(vuln)
    return [{"path": path, "vulns": vulns} for path, vulns in sorted(found.items())]


def _vulns(advisories: Iterable[Advisory]) -> list[dict[str, Any]]:
    return [
        {"id": each.id, "modified": _time(each.modified)}
        | ({"aliases": each.aliases} if each.aliases else {})
        for each in sorted(advisories, key=lambda each: each.id)
    ]


def last_fix(blocks: Iterable[Block]) -> str:
    """The version, without `v`, from which on nothing in the blocks of one module is affected; empty where
    there is none.
    """
    ends: list[str] = []
    for block in blocks:
        if block.events:
            last = max(enumerate(block.events), key=lambda each: (_order(each[1]), each[0]))[1]
            if last.kind == "introduced":
                return ""
            ends.append(_end(last))
        ends += [above(version) for each in block.versions if (version := _version(each))]
    return max(ends, key=lambda each: semver.sort_key(f"v{each}"), default="")


def _end(event: Event) -> str:
    version = _version(event.version)
    return above(version) if event.kind == "last_affected" and version else event.version.removeprefix("v")


def _order(event: Event) -> tuple[object, ...]:
    if event.version == "0":
        return ()
    return semver.sort_key(f"v{event.version.removeprefix('v')}")[0]  # type: ignore[return-value]  # no tie


def _version(text: str) -> str:
    return semver.canonical(f"v{text.removeprefix('v')}").removeprefix("v")


def _go_form(data: bytes, advisory: Advisory) -> bytes:
    """An entry of another database as govulncheck reads it. Raises Unavailable for bytes that are none."""
    try:
        entry = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unavailable(f"the kept entry {advisory.id} is damaged") from error
    affected: dict[str, list[dict[str, Any]]] = {}
    for block in advisory.blocks:
        affected.setdefault(block.path, []).extend(_ranges(block))
    entry["affected"] = [
        {"package": {"name": path, "ecosystem": "Go"}, "ranges": ranges, "ecosystem_specific": {}}
        for path, ranges in affected.items()
    ]
    entry["database_specific"] = {"url": advisory.url, "review_status": "REVIEWED"}
    return msgspec.json.encode(entry)


def _ranges(block: Block) -> list[dict[str, Any]]:
    ranges = []
    if block.events:
        ranges.append([_event(each) for each in block.events])
    named = [version for each in block.versions if (version := _version(each))]
    ranges += [[{"introduced": version}, {"fixed": above(version)}] for version in named]
    return [{"type": "SEMVER", "events": events} for events in ranges]


def _event(event: Event) -> dict[str, str]:
    return {"introduced": event.version} if event.kind == "introduced" else {"fixed": _end(event)}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
