"""A document of a measurement that needs no network: made by the product from results that a test sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.client.mirrors.campaign import Campaign, Target
from modgate.client.mirrors.document import document
from modgate.client.mirrors.known import find_mirror
from modgate.client.mirrors.results import Check, Database, Freshness, Outcome, Sample, Transfer
from modgate.client.mirrors.subject import DEFAULT, Limits
from modgate.messages import Catalogue, Language
from modgate.wiring.client import outfit

if TYPE_CHECKING:
    from modgate.client.mirrors.results import MirrorResult

__all__ = ["fill", "made"]


def fill(
    result: MirrorResult, *, latency: float = 0.05, rate: float = 2e6, fail_every: int = 0, rounds: int = 10
) -> MirrorResult:
    """A mirror that was measured: latencies with a little spread, one request in `fail_every` lost."""
    result.reachable = True
    result.http_version, result.status_existing, result.status_absent = "HTTP/2", 200, 404
    for at in range(rounds):
        seconds = latency * (1 + 0.02 * (at % 3))
        steps = (("dns", 0.001), ("connect", seconds / 4), ("tls", seconds / 2), ("first-byte", seconds / 4))
        lost = bool(fail_every) and at % fail_every == 0
        result.samples.append(Sample(at, True, seconds * 2, steps, "tls/reset" if lost else ""))
        result.samples.append(Sample(at, False, seconds))
    result.transfers += [Transfer(1 << 20, (1 << 20) / rate, rate * (1 + 0.01 * at), True) for at in range(3)]
    result.database = Database(200, 1000, True)
    result.toolchain, result.toolchain_status = True, 200
    result.freshness["golang.org/x/tools"] = Freshness(
        "golang.org/x/tools", "v0.40.0", "2026-01-01T00:00:00Z", ("v0.40.0",), 5, "", 0
    )
    result.checks = [Check("list", Outcome.PASS), Check("zip", Outcome.PASS), Check("head", Outcome.PASS)]
    return result


def made(*names: str, language: Language = Language.ENGLISH, **filled: Any) -> dict[str, Any]:
    """The document of these mirrors, each filled in the same way."""
    targets = [Target(name, f"https://{name}", find_mirror(name)) for name in names or ("goproxy.cn",)]
    campaign = Campaign(targets, DEFAULT, Limits(), outfit({}), clock=lambda: 0.0)
    campaign.rounds_done = 10
    for result in campaign.results:
        fill(result, **filled)
    return document(campaign, Catalogue(language), now=1_790_000_000.0, complete=True)
