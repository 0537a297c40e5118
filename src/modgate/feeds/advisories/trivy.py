"""Trivy's database (`trivy.db`, a bbolt file) as entries in the form of the OSV schema.

    go::<source>    / module / id  ->  {"VulnerableVersions", "PatchedVersions", "UnaffectedVersions",
                                        "VendorIDs", "Severity"}
    vulnerability   / id           ->  {"Title", "VendorSeverity", "CVSS", "References",
                                        "PublishedDate", "LastModifiedDate"}

An id is mostly a CVE, which entries of the Go database name as an alias: so their severity comes from here as
well. All modules of one id are one entry. Severities are those of the vendors that Trivy names, GitHub and
NVD first (`policy.severity`). An advisory of which one range cannot be read is a fault of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from modgate.errors import Invalid
from modgate.feeds.advisories.bbolt import Bolt, Bucket, is_bolt
from modgate.feeds.advisories.constraints import events_of
from modgate.feeds.advisories.entries import MAX_ENTRIES, MAX_ENTRY, Entry
from modgate.feeds.advisories.ratings import MARK, Said
from modgate.model.advisory import Severity
from modgate.policy.severity import Rating, best

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["entries", "is_database"]

_PREFIX: Final = b"go::"
_DETAILS: Final = b"vulnerability"
_LEVELS = (Severity.UNKNOWN, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class _Advisory(msgspec.Struct):
    vulnerable: list[str] | None = msgspec.field(default=None, name="VulnerableVersions")
    patched: list[str] | None = msgspec.field(default=None, name="PatchedVersions")
    unaffected: list[str] | None = msgspec.field(default=None, name="UnaffectedVersions")
    vendor_ids: list[str] | None = msgspec.field(default=None, name="VendorIDs")
    severity: int = msgspec.field(default=0, name="Severity")


class _Score(msgspec.Struct):
    v40: float = msgspec.field(default=0.0, name="V40Score")
    v3: float = msgspec.field(default=0.0, name="V3Score")
    v2: float = msgspec.field(default=0.0, name="V2Score")


class _Details(msgspec.Struct):
    title: str = msgspec.field(default="", name="Title")
    severities: dict[str, int] | None = msgspec.field(default=None, name="VendorSeverity")
    scores: dict[str, _Score] | None = msgspec.field(default=None, name="CVSS")
    references: list[str] | None = msgspec.field(default=None, name="References")
    published: str | None = msgspec.field(default=None, name="PublishedDate")
    modified: str | None = msgspec.field(default=None, name="LastModifiedDate")


_advisory = msgspec.json.Decoder(_Advisory)
_details = msgspec.json.Decoder(_Details)


def is_database(path: Path) -> bool:
    """Whether a file is a bbolt file, and so perhaps Trivy's."""
    return is_bolt(path)


def entries(path: Path) -> Iterator[Entry]:
    """What it says of Go modules, in the order of the ids. Blocks.

    Raises Absent where there is no file, Invalid where it is broken or not Trivy's, Unavailable.
    """
    with Bolt(path) as bolt:
        found = _collected(bolt)
        known = bolt.root.bucket(_DETAILS)
        for identifier, modules in sorted(found.items()):
            name, where = identifier.decode(), f"{path.name}: {identifier.decode()}"
            details = None if known is None else known.get(identifier)
            try:
                data = msgspec.json.encode(_entry(name, modules, details))
            except (Invalid, msgspec.MsgspecError, ValueError) as error:
                yield Entry(name, b"", where, str(error))
                continue
            yield Entry(name, data, where)


def _collected(bolt: Bolt) -> dict[bytes, list[tuple[str, bytes]]]:
    """By id what each module's advisory says."""
    found: dict[bytes, list[tuple[str, bytes]]] = {}
    count, ours = 0, False
    for source, modules in bolt.root.items():
        if not source.startswith(_PREFIX) or not isinstance(modules, Bucket):
            continue
        ours = True
        for module, advisories in modules.items():
            if not isinstance(advisories, Bucket):
                continue
            for identifier, value in advisories.items():
                if isinstance(value, Bucket) or not _ID.fullmatch(identifier) or len(value) > MAX_ENTRY:
                    continue
                count += 1
                if count > MAX_ENTRIES:
                    raise Invalid(f"it holds more than {MAX_ENTRIES} advisories", where=bolt.where)
                found.setdefault(identifier, []).append((module.decode("utf-8", "replace"), value))
    if not ours:
        raise Invalid("it is a bbolt file without what Trivy keeps of Go (`go::…`)", where=bolt.where)
    return found


def _entry(identifier: str, modules: list[tuple[str, bytes]], data: bytes | None) -> dict[str, Any]:
    details = _details.decode(data) if data else _Details()
    affected, aliases, own = [], set[str](), 0
    for module, value in modules:
        advisory = _advisory.decode(value)
        events = events_of(advisory.vulnerable or (), advisory.patched or (), advisory.unaffected or ())
        aliases |= set(advisory.vendor_ids or ())
        own = max(own, advisory.severity)
        if events:
            affected.append(
                {
                    "package": {"name": module, "ecosystem": "Go"},
                    "ranges": [{"type": "SEMVER", "events": events}],
                }
            )
    entry: dict[str, Any] = {
        "schema_version": "1.3.1",
        "id": identifier,
        "modified": details.modified or details.published or "1970-01-01T00:00:00Z",
        "aliases": sorted(aliases - {identifier}),
        "summary": details.title,
        "affected": affected,
        "references": [{"type": "ADVISORY", "url": url} for url in (details.references or ())[:20]],
    }
    if details.published:
        entry["published"] = details.published
    rating = best(_ratings(details, own))
    if rating.source:
        entry["database_specific"] = {
            MARK: Said(rating.severity.value, rating.source, rating.score),
            "severity": rating.severity.value.upper(),
        }
    return entry


def _ratings(details: _Details, own: int) -> Iterator[Rating]:
    scores = details.scores or {}
    for vendor, level in (details.severities or {}).items():
        said = scores.get(vendor, _Score())
        yield Rating(_level(level), vendor, said.v40 or said.v3 or said.v2)
    yield Rating(_level(own), "trivy")


def _level(number: int) -> Severity:
    return _LEVELS[number] if 0 <= number < len(_LEVELS) else Severity.UNKNOWN
