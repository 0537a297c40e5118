"""Asking every entry of a chain for one version, all at once, and what each answer means to go.

go would ask one after the other and stop early; here every entry is asked, because a person wants to know
about the second before the first fails. Of a zip only the beginning is read. Which version is the latest,
each entry says for itself.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modgate.client.chain.rules import WANTED, Answer
from modgate.client.findings import Phase
from modgate.client.net.facts import FailureKind
from modgate.errors import Unavailable
from modgate.gomod import semver
from modgate.gomod.module import check
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.proxylist import EntryKind
from modgate.gomod.query import Query, choose, newest_pseudo_version
from modgate.gomod.versionlist import parse_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.net.facts import Exchange, Failure
    from modgate.client.net.prober import Prober
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.gomod.types import ModulePath, ModuleVersion

__all__ = ["Given", "ask_entries", "ask_latest", "judged"]

_MOST = 65536
_MOST_TEXT = 1 << 22
_OK = 200
_LISTS = {Answer.GOOD, Answer.EMPTY}
_ABSENT = {404, 410}


@dataclass(frozen=True, slots=True)
class Given:
    """What one entry gave for one endpoint.

    Attributes:
        answer: What it means to go.
        status: 0 where no head came (or the entry is a folder).
        seconds: Until the end of what was read.
        failure: How it failed on the network, None where it did not.
        html: Whether a page came where a file belongs.
        version: The version that it is about: of a list, the one that `latest` means.
        commit: The newest pseudo-version of a list, which should hold none.
    """

    answer: Answer
    status: int = 0
    seconds: float = 0.0
    failure: Failure | None = None
    html: bool = False
    version: str = ""
    commit: str = ""


async def ask_entries(
    prober: Prober,
    entries: Sequence[ProxyEntry],
    version: ModuleVersion,
    endpoints: Sequence[str] = WANTED,
) -> Mapping[tuple[int, str], Given]:
    """The answer of each proxy of the chain by (index, endpoint); `direct` and `off` are not asked."""
    keys = [(index, endpoint) for index in _proxies(entries) for endpoint in endpoints]
    answers = await asyncio.gather(
        *(
            _ask(prober, entries[index].url, Request.exact(Kind(endpoint), version), version.version)
            for index, endpoint in keys
        )
    )
    return dict(zip(keys, answers, strict=True))


async def ask_latest(
    prober: Prober, entries: Sequence[ProxyEntry], path: ModulePath
) -> Mapping[tuple[int, str], Given]:
    """What each proxy says of the latest version: `list`, and `info` of the newest on it or `latest`.

    `latest` is always asked, because a staged fault may stand before the list.
    """
    found = await asyncio.gather(*(_newest(prober, entries[index].url, path) for index in _proxies(entries)))
    return {
        (index, endpoint): given
        for index, answers in zip(_proxies(entries), found, strict=True)
        for endpoint, given in answers.items()
    }


async def _newest(prober: Prober, base: str, path: ModulePath) -> dict[str, Given]:
    listed = await _ask(prober, base, Request(Kind.LIST, path), "")
    named = listed.version or listed.commit
    if not named:
        return {"list": listed, "latest": await _ask(prober, base, Request(Kind.LATEST, path), "")}
    newest = check(path, named)
    info, latest = await asyncio.gather(
        _ask(prober, base, Request.exact(Kind.INFO, newest), newest.version),
        _ask(prober, base, Request(Kind.LATEST, path), ""),
    )
    return {"list": listed, "info": info, "latest": latest}


def _proxies(entries: Sequence[ProxyEntry]) -> list[int]:
    return [index for index, entry in enumerate(entries) if entry.kind is EntryKind.PROXY]


async def _ask(prober: Prober, base: str, request: Request, wanted: str) -> Given:
    if base.startswith("file://"):
        return await asyncio.to_thread(
            _read, Path(unquote(base.removeprefix("file://"))) / request.url_path, request, wanted
        )
    most = _MOST if request.kind is Kind.ZIP else _MOST_TEXT
    return judged(request, wanted, await prober.get(f"{base}/{request.url_path}", most=most))


def judged(request: Request, wanted: str, exchange: Exchange) -> Given:
    """What an exchange means to go; `wanted` is the version that an .info must be about, empty for any."""
    failure = exchange.failure
    if failure is not None and failure.kind is not FailureKind.TOO_LARGE:
        return Given(_failed(failure), exchange.status, exchange.seconds, failure)
    html = exchange.body.lstrip()[:1] == b"<"
    if exchange.status in _ABSENT:
        answer, version = Answer.ABSENT, ""
    elif exchange.status != _OK:
        answer, version = Answer.ERROR, ""
    else:
        answer, version = _content(request, wanted, exchange.body)
    html = html and exchange.status == _OK
    commit = _newest_commit(request, exchange.body) if answer in _LISTS else ""
    return Given(answer, exchange.status, exchange.seconds, None, html, version, commit)


def _failed(failure: Failure) -> Answer:
    """Go limits how long it dials, shakes hands and waits for CONNECT, and nothing after that."""
    waits = failure.kind in {FailureKind.TIMEOUT, FailureKind.STALL}
    return Answer.SILENT if waits and failure.phase in {Phase.HEADERS, Phase.BODY} else Answer.ERROR


def _content(request: Request, wanted: str, body: bytes) -> tuple[Answer, str]:
    """What a whole body means, and the version that it names."""
    match request.kind:
        case Kind.ZIP:
            return Answer.GOOD if body.startswith(b"PK") else Answer.SPOILT, wanted
        case Kind.LIST:
            newest = _highest(body, request.path)
            return Answer.GOOD if newest else Answer.EMPTY, newest
        case Kind.INFO | Kind.LATEST:
            found = _version_in(body)
            good = isinstance(found, str) and semver.is_valid(found) and (not wanted or found == wanted)
            return Answer.GOOD if good else Answer.ERROR, str(found) if good else ""
        case _:
            return Answer.GOOD, wanted


def _highest(body: bytes, path: ModulePath) -> str:
    """What go takes from a list: its highest release, else its highest version."""
    try:
        return choose(Query("latest"), parse_list(body, path)) or ""
    except Unavailable:
        return ""


def _newest_commit(request: Request, body: bytes) -> str:
    if request.kind is not Kind.LIST:
        return ""
    words = (line.split() for line in body.decode(errors="replace").splitlines())
    return newest_pseudo_version(fields[0] for fields in words if fields) or ""


def _version_in(body: bytes) -> object:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found.get("Version") if isinstance(found, dict) else None


def _read(file: Path, request: Request, wanted: str) -> Given:
    try:
        with file.open("rb") as opened:
            body = opened.read(_MOST if request.kind is Kind.ZIP else _MOST_TEXT)
    except FileNotFoundError:
        return Given(Answer.ABSENT)
    except OSError:
        return Given(Answer.ERROR)
    answer, version = _content(request, wanted, body)
    commit = _newest_commit(request, body) if answer in _LISTS else ""
    return Given(answer, version=version, commit=commit)
