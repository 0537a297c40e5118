"""Asking every entry of a chain for one version, all at once, and what each answer means to go.

go would ask one after the other and stop early; here every entry is asked, because a person wants to know
about the second before the first fails. Of a zip only the beginning is read.
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
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.net.facts import Exchange, Failure
    from modgate.client.net.prober import Prober
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.gomod.types import ModuleVersion

__all__ = ["Given", "ask_entries", "judged"]

_MOST = 65536
_OK = 200
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
    """

    answer: Answer
    status: int = 0
    seconds: float = 0.0
    failure: Failure | None = None
    html: bool = False


async def ask_entries(
    prober: Prober, entries: Sequence[ProxyEntry], version: ModuleVersion
) -> Mapping[tuple[int, str], Given]:
    """The answer of each proxy of the chain by (index, endpoint); `direct` and `off` are not asked."""
    keys = [
        (index, endpoint)
        for index, entry in enumerate(entries)
        if entry.kind is EntryKind.PROXY
        for endpoint in WANTED
    ]
    answers = await asyncio.gather(*(_ask(prober, entries[index].url, key, version) for index, key in keys))
    return dict(zip(keys, answers, strict=True))


async def _ask(prober: Prober, base: str, endpoint: str, version: ModuleVersion) -> Given:
    path = Request.exact(Kind(endpoint), version).url_path
    if base.startswith("file://"):
        return await asyncio.to_thread(
            _read, Path(unquote(base.removeprefix("file://"))) / path, endpoint, version
        )
    return judged(endpoint, version, await prober.get(f"{base}/{path}", most=_MOST))


def judged(endpoint: str, version: ModuleVersion, exchange: Exchange) -> Given:
    """What an exchange means to go."""
    failure = exchange.failure
    if failure is not None and failure.kind is not FailureKind.TOO_LARGE:
        return Given(_failed(failure), exchange.status, exchange.seconds, failure)
    html = exchange.body.lstrip()[:1] == b"<"
    if exchange.status in _ABSENT:
        answer = Answer.ABSENT
    elif exchange.status != _OK:
        answer = Answer.ERROR
    else:
        answer = _content(endpoint, version, exchange.body)
    return Given(answer, exchange.status, exchange.seconds, None, html and exchange.status == _OK)


def _failed(failure: Failure) -> Answer:
    """Go limits how long it dials, shakes hands and waits for CONNECT, and nothing after that."""
    waits = failure.kind in {FailureKind.TIMEOUT, FailureKind.STALL}
    return Answer.SILENT if waits and failure.phase in {Phase.HEADERS, Phase.BODY} else Answer.ERROR


def _content(endpoint: str, version: ModuleVersion, body: bytes) -> Answer:
    if endpoint == "zip":
        return Answer.GOOD if body.startswith(b"PK") else Answer.SPOILT
    if endpoint == "info":
        return Answer.GOOD if _version_in(body) == version.version else Answer.ERROR
    return Answer.GOOD


def _version_in(body: bytes) -> object:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found.get("Version") if isinstance(found, dict) else None


def _read(file: Path, endpoint: str, version: ModuleVersion) -> Given:
    try:
        with file.open("rb") as opened:
            body = opened.read(_MOST)
    except FileNotFoundError:
        return Given(Answer.ABSENT)
    except OSError:
        return Given(Answer.ERROR)
    return Given(_content(endpoint, version, body))
