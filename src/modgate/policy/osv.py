"""Entries of the OSV schema, as far as they say which versions of Go modules are affected.

1. What decides must be right: the id, the module's name, the versions of events, the times. An entry in which
   one of them is broken is refused as a whole, since half of it could say "fixed" of what is not.
2. What is not known is passed over: the schema grows.
3. Only the ecosystem `Go`, only ranges of the type `SEMVER`, which GitHub's own files call `ECOSYSTEM`; a
   range of commits (`GIT`) is none. A module without such a range, and without
   `versions`, is affected in every version: so reads govulncheck. `custom_ranges` are of versions that the go
   command does not see (tags of another form) and are only noted.

Sources: ossf.github.io/osv-schema, go.dev/security/vuln/database (schema).
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.texts import shown
from modgate.model.advisory import Advisory, Block, Event
from modgate.policy import severity

__all__ = ["ALWAYS", "parse", "parse_object"]

ALWAYS = Event("introduced", "0")
"""The event that opens a range at the beginning of time."""

_MAX_SUMMARY = 500
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_PATH = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069@]{1,512}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class _Package(msgspec.Struct):
    name: str = ""
    ecosystem: str = ""


class _Event(msgspec.Struct):
    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""
    limit: str = ""


class _Range(msgspec.Struct):
    type: str = ""
    events: list[_Event] | None = None


class _Specific(msgspec.Struct):
    custom_ranges: list[msgspec.Raw] | None = None


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    versions: list[str] | None = None
    ecosystem_specific: _Specific | None = None


class _Score(msgspec.Struct):
    type: str = ""
    score: str = ""


class _Database(msgspec.Struct):
    url: str | None = None
    review_status: str | None = None
    severity: str | None = None


class _Reference(msgspec.Struct):
    type: str = ""
    url: str = ""


class _Entry(msgspec.Struct):
    id: str
    modified: str = ""
    published: str | None = None
    withdrawn: str | None = None
    aliases: list[str] | None = None
    summary: str | None = None
    affected: list[_Affected] | None = None
    severity: list[_Score] | None = None
    references: list[_Reference] | None = None
    database_specific: _Database | None = None


_DECODER = msgspec.json.Decoder(_Entry)


def parse(data: bytes, *, source: str = "", name: str = "") -> Advisory:
    """One entry; `source` names its database, `name` the entry where it does not say itself.

    An entry that concerns no Go module has no blocks. Raises Invalid, which names the entry.
    """
    try:
        entry = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"{shown(name or _guess(data))} is no OSV entry: {error}") from None
    return _advisory(entry, source)


def parse_object(entry: object, *, source: str = "", name: str = "") -> Advisory:
    """The same of JSON that was read already."""
    try:
        read = msgspec.convert(entry, _Entry)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"{shown(name or 'the entry')} is no OSV entry: {error}") from None
    return _advisory(read, source)


_ID_FIELD = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9._:-]{1,128})"')


def _guess(data: bytes) -> str:
    match = _ID_FIELD.search(data[:4096])
    return match[1].decode("ascii") if match else "the entry"


def _advisory(entry: _Entry, source: str) -> Advisory:
    if not _ID.fullmatch(entry.id):
        raise Invalid(f"{shown(entry.id)} is no id of an advisory")
    blocks: list[Block] = []
    for affected in entry.affected or ():
        if affected.package is not None and affected.package.ecosystem == "Go":
            blocks += _blocks(entry.id, affected)
    specific = entry.database_specific or _Database()
    rating = severity.rate(
        severity.source_of(entry.id),
        specific.severity or "",
        [each.score for each in entry.severity or () if each.type.startswith("CVSS_V")],
    )
    return Advisory(
        id=entry.id,
        blocks=tuple(blocks),
        aliases=tuple(each for each in entry.aliases or () if _ID.fullmatch(each)),
        summary=_CONTROL.sub(" ", entry.summary or "").strip()[:_MAX_SUMMARY],
        modified=_time(entry.id, "modified", entry.modified),
        published=_time(entry.id, "published", entry.published),
        withdrawn=_time(entry.id, "withdrawn", entry.withdrawn),
        reviewed=(specific.review_status or "").upper() != "UNREVIEWED",
        severity=rating.severity,
        severity_from=rating.source,
        score=rating.score,
        url=_url(entry, specific),
        source=source,
    )


def _blocks(identifier: str, affected: _Affected) -> list[Block]:
    path = affected.package.name if affected.package else ""
    if not _PATH.fullmatch(path):
        raise Invalid(f"{identifier} names {shown(path)}, which is no module")
    custom = bool(affected.ecosystem_specific and affected.ecosystem_specific.custom_ranges)
    versions = tuple(affected.versions or ())
    ranges = [each for each in affected.ranges or () if each.type in {"SEMVER", "ECOSYSTEM"}]
    if not ranges:
        return [Block(path, () if versions else (ALWAYS,), versions, custom)]
    blocks: list[Block] = []
    for number, each in enumerate(ranges):
        events = tuple(_event(identifier, path, event) for event in each.events or ()) or (ALWAYS,)
        blocks.append(Block(path, events, () if number else versions, custom))
    return blocks


def _event(identifier: str, path: str, event: _Event) -> Event:
    said = [
        Event(kind, version)
        for kind, version in (
            ("introduced", event.introduced),
            ("fixed", event.fixed),
            ("last_affected", event.last_affected),
        )
        if version
    ]
    if len(said) != 1 or event.limit:
        raise Invalid(f"{identifier}: an event of {path} must be one of introduced, fixed and last_affected")
    kind, version = said[0]
    if said[0] != ALWAYS and not semver.is_valid(f"v{version.removeprefix('v')}"):
        raise Invalid(f"{identifier}: {shown(version)}, at which {path} is {kind}, is no version")
    return said[0]


def _time(identifier: str, field: str, text: str | None) -> float:
    if not text:
        return 0.0
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError  # noqa: TRY301  one refusal for both
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[4].upper()}")
        return moment.timestamp() + float(f"0.{match[3] or 0}")
    except (ValueError, OverflowError):
        raise Invalid(f"{identifier}: {field} is {shown(text)}, which is no time") from None


def _url(entry: _Entry, specific: _Database) -> str:
    urls = [specific.url or "", *(each.url for each in entry.references or () if each.type == "ADVISORY")]
    return next((url for url in urls if url.startswith("https://") and not _CONTROL.search(url)), "")
