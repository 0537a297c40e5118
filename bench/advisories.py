"""The advisory index on the whole database: `python -m bench.advisories [SOURCE] [--json]`.

Prints how long reading and building take, what the index holds in memory, and how long a question takes: cold
(each version asked once), ready (asked again, as by the next file of the same version), and of a module that
no advisory names; cold also of an index that works nothing out before (`tests.policy.slow_index`), on the
same questions. Limits: 20 µs a question, 99 of 100 cold ones included, 3 s to build, 100 MB.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.policy.slow_index import SlowIndex

from modgate.feeds.advisories.entries import gather
from modgate.feeds.advisories.files import read_path
from modgate.gomod.toolchain import TOOLCHAIN
from modgate.policy.advisories import AdvisoryIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.advisory import Hit

PLATFORMS = [f"{system}-{cpu}" for system in ("linux", "darwin", "windows") for cpu in ("amd64", "arm64")]
DATA = Path(__file__).parents[2] / "shared" / "data" / "govulndb.jsonl.gz"
_ROUNDS = 5


def _build(source: Path) -> AdvisoryIndex:
    return AdvisoryIndex(gather(read_path(source), source=str(source)).advisories)


def _questions(index: AdvisoryIndex, count: int) -> list[tuple[str, str]]:
    """Versions of all modules alike, around the turns of their ranges."""
    chosen = random.Random(1)
    versions = sorted(
        {
            (block.path, f"v{event.version}")
            for advisory in index.advisories
            for block in advisory.blocks
            for event in block.events
            if event.version != "0"
        }
    )
    near = [
        (path, version + suffix) for path, version in versions for suffix in ("", "-0.pre", "1", "7", "9")
    ]
    chosen.shuffle(near)
    return near[:count]


def _toolchains() -> list[tuple[str, str]]:
    """Releases of Go for some platforms, as modules."""
    asked: list[tuple[str, str]] = [
        (TOOLCHAIN, f"v0.0.1-go1.{minor}.{patch}.{platform}")
        for minor in range(18, 27)
        for patch in range(1, 15)
        for platform in PLATFORMS
    ]
    random.Random(1).shuffle(asked)
    return asked


class _Index(Protocol):
    def hits(self, path: str, version: str) -> tuple[Hit, ...]: ...


def _micros(index: _Index, questions: Sequence[tuple[str, str]]) -> list[float]:
    taken = []
    hits, clock = index.hits, time.perf_counter_ns
    for path, version in questions:
        start = clock()
        hits(path, version)
        taken.append((clock() - start) / 1000)
    return sorted(taken)


def measure(source: Path) -> dict[str, object]:
    """All figures."""
    built = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        index = _build(source)
        built.append(time.perf_counter() - start)
    questions = _questions(index, 20_000)
    unknown = [(f"example.com/{number}", "v1.2.3") for number in range(20_000)]
    worst = [(path, version) for path, version in questions if path == "stdlib"]
    gc.disable()
    known = index.advisories
    cold, before = _micros(_build(source), questions), _micros(SlowIndex(known), questions)
    ready = index.hits
    for question in questions[:200]:
        ready(*question)
    again = _micros(index, questions[:200] * 100)
    stdlib, stdlib_before = _micros(_build(source), worst), _micros(SlowIndex(known), worst)
    tools, tools_before = (_micros(each, _toolchains()) for each in (_build(source), SlowIndex(known)))
    none = _micros(index, unknown)
    gc.enable()
    del index, known
    gc.collect()
    tracemalloc.start()
    kept = _build(source)
    gc.collect()
    memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "advisories": len(kept),
        "modules": len(kept.paths),
        "built_s": round(statistics.median(built), 3),
        "held_mb": round(memory[0] / 1e6, 1),
        "peak_mb": round(memory[1] / 1e6, 1),
        "hits_us": {
            "cold": _told(cold),
            "cold, nothing worked out before": _told(before),
            "cold, stdlib": _told(stdlib),
            "cold, stdlib, nothing worked out before": _told(stdlib_before),
            "cold, toolchains": _told(tools),
            "cold, toolchains, nothing worked out before": _told(tools_before),
            "ready": _told(again),
            "module without advisories": _told(none),
        },
    }


def _told(taken: list[float]) -> dict[str, float]:
    if not taken:
        return {}
    return {
        "mean": round(statistics.fmean(taken), 2),
        "p50": round(statistics.median(taken), 2),
        "p99": round(taken[int(len(taken) * 0.99)], 2),
        "max": round(taken[-1], 2),
        "asked": len(taken),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = measure(asked.source)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['advisories']} advisories of {figures['modules']} modules")
    print(
        f"read and built in {figures['built_s']} s; "
        f"holds {figures['held_mb']} MB (peak {figures['peak_mb']} MB)"
    )
    hits = figures["hits_us"]
    assert isinstance(hits, dict)
    for name, taken in hits.items():
        print(f"hits, {name}: {', '.join(f'{key} {value}' for key, value in taken.items())} (µs)")


if __name__ == "__main__":
    main()
