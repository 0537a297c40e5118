"""The mirrors that are known, and those that articles recommend although they do not exist.

Statements of others are dated data (`mirrors.toml`), kept apart from what is measured: a policy that was read
once is not a fact about today, so each carries its day and its source. A mirror that nobody runs answers 404
or an HTML page to everything, which looks like "module absent" to go; recognising its address costs nothing.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FIELDS",
    "Bogus",
    "KnownMirror",
    "Statement",
    "bogus_mirrors",
    "data_date",
    "find_mirror",
    "known_bogus",
    "known_mirrors",
    "nearest_mirror",
]

FIELDS = ("sumdb", "toolchain", "private", "logs", "privacy", "audit")
"""What is stated of a mirror, in the order it is shown."""

# One letter or two of a host name mistyped, and not another host of the same company.
_ALIKE = 0.84


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody says of a mirror.

    Attributes:
        field: One of FIELDS.
        value: A word of `mirrors.value`, or a URL.
        date: ISO day on which it was read, or that the statement itself bears.
        source: URL; empty where it was heard and not verified.
    """

    field: str
    value: str
    date: str
    source: str

    @property
    def verified(self) -> bool:
        """Whether there is a source to read it in."""
        return bool(self.source)


@dataclass(frozen=True, slots=True)
class KnownMirror:
    """A public mirror: `url` as GOPROXY takes it, without a slash at the end; `notes` are words of
    `mirrors.note`.
    """

    name: str
    url: str
    operator: str
    facts: tuple[Statement, ...]
    notes: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host of the URL."""
        return _split(self.url).hostname or ""

    def stated(self, field: str) -> Statement | None:
        """What is stated under one of FIELDS."""
        return next((fact for fact in self.facts if fact.field == field), None)


@dataclass(frozen=True, slots=True)
class Bogus:
    """An address that is no mirror, and why.

    Attributes:
        host: In lower case.
        path: What the URL's path begins with, empty for the whole host.
        reason: Ready to be said.
        instead: The URL that was probably meant, empty where there is none.
        date: ISO day on which that was known.
        source: URL, empty where there is none.
    """

    host: str
    path: str
    reason: Message
    instead: str
    date: str
    source: str

    @property
    def url(self) -> str:
        """How articles write it."""
        return f"https://{self.host}{self.path or '/'}"


def known_mirrors() -> tuple[KnownMirror, ...]:
    """The public mirrors, in the order of the data file."""
    return _data().mirrors


def bogus_mirrors() -> tuple[Bogus, ...]:
    """The addresses that are no mirrors."""
    return _data().bogus


def data_date() -> str:
    """The ISO day of the data file."""
    return _data().date


def known_bogus(url: str) -> Bogus | None:
    """Why this URL is no module proxy, None where nothing is known against it.

    Takes a URL or a host with a path, credentials and a slash at the end allowed. Besides the listed ones:
    a checksum database given as a proxy, and a known mirror's host with a path that is not its mirror's.
    """
    parts = _split(url)
    host, path = parts.hostname or "", parts.path.rstrip("/")
    for entry in _data().bogus:
        if entry.host == host and (not entry.path or _below(path, entry.path)):
            return entry
    for database, date, source in _data().databases:
        if host == database:
            return Bogus(host, "", Message("mirrors.bogus.database", {"host": host}), "", date, source)
    here = [mirror for mirror in _data().mirrors if mirror.host == host]
    if here and not any(_below(path, _split(mirror.url).path) for mirror in here):
        values = {"url": here[0].url}
        return Bogus(host, path, Message("mirrors.bogus.wrong-path", values), here[0].url, _data().date, "")
    return None


def find_mirror(text: str) -> KnownMirror | None:
    """The known mirror of this name, host or URL."""
    wanted = text.strip().rstrip("/").lower()
    for mirror in _data().mirrors:
        if wanted in {mirror.name, mirror.host, mirror.url, mirror.url.partition("://")[2]}:
            return mirror
    return None


def nearest_mirror(text: str) -> KnownMirror | None:
    """The mirror that a misspelt name, host or URL was probably meant for; None where nothing is near, and
    for what is spelt right.
    """
    if find_mirror(text) is not None:
        return None
    names: dict[str, KnownMirror] = {}
    for mirror in _data().mirrors:
        names |= {mirror.name: mirror, mirror.host: mirror}
    wanted = _split(text).hostname or text.strip().lower()
    if wanted in names:
        return None
    found = difflib.get_close_matches(wanted, names, n=1, cutoff=_ALIKE)
    return names[found[0]] if found else None


@dataclass(frozen=True, slots=True)
class _Data:
    date: str
    mirrors: tuple[KnownMirror, ...]
    bogus: tuple[Bogus, ...]
    databases: tuple[tuple[str, str, str], ...]


@functools.cache
def _data() -> _Data:
    text = (resources.files(__package__ or "") / "mirrors.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    mirrors = tuple(_mirror(table) for table in tables["mirror"])
    urls = {mirror.name: mirror.url for mirror in mirrors}
    return _Data(
        date=str(tables["date"]),
        mirrors=mirrors,
        bogus=tuple(_bogus(table, urls) for table in tables["bogus"]),
        databases=tuple((table["host"], str(table["date"]), table["source"]) for table in tables["database"]),
    )


def _mirror(table: Mapping[str, object]) -> KnownMirror:
    facts = table["facts"]
    notes = table.get("notes", ())
    assert isinstance(facts, list)
    assert isinstance(notes, (list, tuple))
    return KnownMirror(
        name=str(table["name"]),
        url=str(table["url"]),
        operator=str(table["operator"]),
        facts=tuple(
            Statement(fact["field"], fact["value"], str(fact["date"]), fact.get("source", ""))
            for fact in facts
        ),
        notes=tuple(notes),
    )


def _bogus(table: Mapping[str, object], urls: Mapping[str, str]) -> Bogus:
    instead = urls.get(str(table.get("instead", "")), "")
    host = str(table["host"])
    key = f"mirrors.bogus.{table['reason']}"
    values = {"host": host, "url": instead} if instead else {"host": host}
    return Bogus(
        host=host,
        path=str(table.get("path", "")),
        reason=Message(key, values),
        instead=instead,
        date=str(table["date"]),
        source=str(table.get("source", "")),
    )


def _split(url: str) -> SplitResult:
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        parts.hostname  # noqa: B018  a bad port or bracket shows when it is read
    except ValueError:
        return urlsplit("")
    return parts


def _below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(f"{prefix}/")
