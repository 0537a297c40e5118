"""How right `modgate mirrors test` measures: five loopback mirrors whose qualities are set.

Latency, throughput, the share of lost requests and the lag are known beforehand; what is measured is compared
with them. The ranking must be right, and each quality of each mirror within 10 %.

    python -m bench.mirrors [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.client.mirrors.lab import BUSY, SUBJECT, LabMirror, build_world, database_of

from modgate.client.mirrors.campaign import Campaign, Target
from modgate.client.mirrors.ranking import rank, rate_of
from modgate.client.mirrors.stats import summary
from modgate.client.mirrors.subject import Limits
from modgate.wiring.client import outfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.mirrors.results import MirrorResult

WITHIN = 0.10
NOW = 1_716_163_200.0
"""2024-05-20: the first of the versions that the lagging mirror misses is seven days old then."""


@dataclass(frozen=True, slots=True)
class Set:
    """A mirror as it is set: seconds, bytes a second, one request in so many lost, versions missing."""

    name: str
    delay: float
    rate: float
    lose_every: int = 0
    lag: int = 0
    database: bool = True


MIRRORS = (
    Set("no-database", 0.03, 8e6, database=False),
    Set("lagging", 0.04, 6e6, lag=3),
    Set("lossy", 0.06, 4e6, lose_every=5),
    Set("slow", 0.2, 2e6),
    Set("near", 0.1, 3e6),
)
EXPECTED = ["near", "slow", "lagging", "lossy", "no-database"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One quality of one mirror. Zero must be measured as zero."""

    mirror: str
    what: str
    set: float
    measured: float

    @property
    def error(self) -> float:
        """Relative to what was set."""
        return abs(self.measured - self.set) / self.set if self.set else abs(self.measured)

    @property
    def good(self) -> bool:
        """Within the bound."""
        return self.error <= WITHIN


async def measure(rounds: int, folder: Path) -> tuple[list[str], list[Figure]]:
    """The order that was found, and every figure."""
    world = build_world(folder, size=1 << 20)
    database = database_of(world)
    async with contextlib.AsyncExitStack() as stack:
        servers = {
            it.name: await stack.enter_async_context(
                LabMirror(
                    world,
                    database if it.database else None,
                    delay=it.delay,
                    rate=it.rate,
                    lose_every=it.lose_every,
                    lag=it.lag,
                )
            )
            for it in MIRRORS
        }
        campaign = Campaign(
            [Target(name, server.url) for name, server in servers.items()],
            SUBJECT,
            Limits(rounds=rounds, timeout=3.0, pause=0.02),
            outfit({}),
            clock=lambda: NOW,
        )
        await campaign.run()
    results = {result.name: result for result in campaign.results}
    figures = [figure for it in MIRRORS for figure in _figures(it, results[it.name])]
    return [ranked.result.name for ranked in rank(campaign.results)], figures


def _figures(known: Set, result: MirrorResult) -> list[Figure]:
    cold, warm = summary(result.good(cold=True)), summary(result.good(cold=False))
    fresh = result.freshness[BUSY]
    share = result.failed / result.attempts
    works = result.database is not None and result.database.works
    values = [
        ("cold P50 s", known.delay, cold.p50 if cold else 0.0),
        ("warm P50 s", known.delay, warm.p50 if warm else 0.0),
        ("bytes/s", known.rate, rate_of(result) or 0.0),
        ("lost share", 1 / known.lose_every if known.lose_every else 0.0, share),
        ("versions behind", float(known.lag), float(fresh.behind or 0)),
        ("days behind", 7.0 if known.lag else 0.0, fresh.days or 0.0),
        ("database", float(known.database), float(works)),
    ]
    return [Figure(known.name, what, set_to, measured) for what, set_to, measured in values]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure once and print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        order, figures = asyncio.run(measure(args.rounds, Path(folder)))
    exact = [it.name for it in MIRRORS if all(f.good for f in figures if f.mirror == it.name)]
    if args.json:
        rows = [
            {"mirror": f.mirror, "what": f.what, "set": f.set, "measured": f.measured, "error": f.error}
            for f in figures
        ]
        print(
            json.dumps({"order": order, "ranked_right": order == EXPECTED, "exact": exact, "figures": rows})
        )
    else:
        for f in figures:
            mark = "" if f.good else "   <-- beyond 10 %"
            values = f"set {f.set:12.4f}  measured {f.measured:12.4f}  {f.error:6.1%}"
            print(f"{f.mirror:12} {f.what:16} {values}{mark}")
        worst = max(figures, key=lambda f: f.error)
        print(f"\nranked right: {order == EXPECTED} ({' > '.join(order)})")
        print(f"within 10 %: {len(exact)} of {len(MIRRORS)} mirrors; largest error {worst.error:.1%}")
    return 0 if order == EXPECTED and len(exact) == len(MIRRORS) else 1


if __name__ == "__main__":
    sys.exit(main())
