"""Asking the chosen proxies one small version before anybody relies on them, for three seconds at most.

What is asked exists on every public mirror, so 404 is an answer too: it is no mirror of the public modules.
Whether a server is a modgate shows in the same answer, by its instance header. Nothing here decides: without
a network the setting is written all the same.
"""

from __future__ import annotations

import asyncio
import os.path
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modgate.client.chain.ask import judged
from modgate.client.chain.rules import Answer
from modgate.client.machine.showing import safe
from modgate.errors import Invalid
from modgate.gomod.module import check
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.net.facts import Exchange
    from modgate.client.net.prober import Prober

__all__ = ["DATABASE", "Tried", "try_chain", "try_database"]

SECONDS = 3.0
DATABASE = "sum.golang.org"
_VERSION = check("rsc.io/quote", "v1.5.2")
_REQUEST = Request.exact(Kind.INFO, _VERSION)
_HEADER = "modgate-instance"


@dataclass(frozen=True, slots=True)
class Tried:
    """What one entry answered.

    Attributes:
        url: Credentials taken out.
        good: It has the version.
        text: What is wrong, None where it is good.
        gate: It is a modgate.
        seconds: Until the answer.
    """

    url: str
    good: bool
    text: Message | None = None
    gate: bool = False
    seconds: float = 0.0


async def try_chain(prober: Prober, chain: str, *, limit: float = SECONDS) -> tuple[Tried, ...]:
    """The answer of each proxy of the chain, all asked at once; none for a chain that cannot be read."""
    try:
        entries = [entry for entry in parse_proxy_list(chain) if entry.kind is EntryKind.PROXY]
    except Invalid:
        return ()
    return tuple(await asyncio.gather(*(_try(prober, entry.url, limit) for entry in entries)))


async def try_database(prober: Prober, url: str, *, limit: float = SECONDS) -> tuple[bool, bool]:
    """Whether the proxy carries the checksum database, and whether the database itself answers."""
    asked = (f"{url}/sumdb/{DATABASE}/supported", f"https://{DATABASE}/latest")
    answers = await asyncio.gather(*(_get(prober, item, limit) for item in asked))
    good = [answer is not None and answer.failure is None and answer.status == 200 for answer in answers]
    return good[0], good[1]


async def _try(prober: Prober, url: str, limit: float) -> Tried:
    shown = safe(url)
    if url.startswith("file:"):
        there = os.path.isdir(unquote(url.removeprefix("file://")))  # noqa: ASYNC240, PTH112  one call
        text = None if there else Message("use.tried.no-folder", {"url": shown})
        return Tried(shown, there, text)
    answer = await _get(prober, f"{url}/{_REQUEST.url_path}", limit)
    if answer is None:
        return Tried(shown, False, Message("use.tried.silent", {"url": shown, "seconds": f"{limit:g}"}))
    gate = _HEADER in answer.headers
    given = judged(_REQUEST, _VERSION.version, answer)
    if given.answer is Answer.GOOD:
        return Tried(shown, True, gate=gate, seconds=answer.seconds)
    values: dict[str, str | int | float | Message] = {
        "url": shown,
        "module": str(_VERSION),
        "status": answer.status,
    }
    if answer.failure is not None:
        words = safe(answer.failure.text or answer.failure.kind.value)
        text = Message("use.tried.failed", {"url": shown, "phase": _phase(answer), "text": words})
    elif given.answer is Answer.ABSENT:
        text = Message("use.tried.absent", values)
    elif answer.status == 200:
        text = Message("use.tried.content", values)
    else:
        text = Message("use.tried.status", values)
    return Tried(shown, False, text, gate, answer.seconds)


async def _get(prober: Prober, url: str, limit: float) -> Exchange | None:
    try:
        async with asyncio.timeout(limit):
            return await prober.get(url, most=4096)
    except TimeoutError:
        return None


def _phase(answer: Exchange) -> Message:
    return Message(f"doctor.phase.{answer.failure.phase.value}") if answer.failure else Message("use.source")
