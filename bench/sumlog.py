"""The own checksum log on this machine's disk: `python -m bench.sumlog [--records N] [--json]`.

Prints how many records a second are appended (one after another, and many at once), how long a proof takes
(a lookup with its tiles, each verified by a client that began with nothing), and how long it is from a
lookup of a version that the log does not know to its answer (the limit is 50 ms; the authority answers at
once). Beside them stands what the disk itself costs: an fdatasync of 4 kB.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.checksumdb.log import ChecksumLog
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.model.answer import Verification
from modgate.model.checksums import Sums
from modgate.model.context import Context
from modgate.storage.disk import DiskStore
from modgate.sumdb.head import open_head, parse_lookup
from modgate.sumdb.note import generate_key, new_verifier, verifier_list
from modgate.sumdb.tiles import plan
from modgate.sumdb.tlog import record_hash, stored_hash_index

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "sum.bench.example"
LIMIT_MS = 50.0
_ASK = Context()


def _h1(text: str) -> str:
    return "h1:" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _sums(version: ModuleVersion) -> Sums:
    return Sums(_h1(f"{version} zip"), _h1(f"{version} mod"), Verification.LOCAL)


def _version(number: int) -> ModuleVersion:
    return ModuleVersion(ModulePath(f"bench.example/team{number % 40}/m{number}"), Version("v1.0.0"))


class _Authority:
    """Knows everything at once."""

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:  # noqa: ARG002  as every authority
        return _sums(version)


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50 ms": round(statistics.median(ordered) * 1e3, 3),
        "p99 ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3, 3),
        "max ms": round(ordered[-1] * 1e3, 3),
    }


async def _fresh(log: ChecksumLog, start: int, count: int) -> list[float]:
    """Seconds of each of so many lookups of versions that the log does not know."""
    took = []
    for number in range(start, start + count):
        began = time.perf_counter()
        await log.fetch(_ASK, NAME, f"lookup/{_version(number).path}@v1.0.0")
        took.append(time.perf_counter() - began)
    return took


async def _proof(log: ChecksumLog, version: ModuleVersion, key: str) -> float:
    """Seconds of a lookup and of all tiles that prove it, as a client that knows nothing asks for them."""
    began = time.perf_counter()
    body = (await log.fetch(_ASK, NAME, f"lookup/{version.path}@v1.0.0")).body
    number, text, note = parse_lookup(body)
    head = open_head(note, verifier_list(new_verifier(key)))
    needed = plan(head.tree, [stored_hash_index(0, number)])
    tiles = [(await log.fetch(_ASK, NAME, tile.path())).body for tile in needed.tiles]
    proved = needed.hashes(tiles).read_hashes([stored_hash_index(0, number)])
    took = time.perf_counter() - began
    if proved != [record_hash(text)]:
        raise SystemExit("a proof failed")
    return took


def _disk(folder: Path) -> list[float]:
    took = []
    for number in range(50):
        handle = os.open(folder / f"sync{number}", os.O_WRONLY | os.O_CREAT)
        os.write(handle, bytes(4096))
        began = time.perf_counter()
        os.fdatasync(handle)
        took.append(time.perf_counter() - began)
        os.close(handle)
    return took


async def measure(folder: Path, records: int) -> dict[str, object]:
    """All figures, in a folder of their own."""
    key, verifier_key = generate_key(NAME, b"b" * 32)
    store = await DiskStore.open(folder / "store", clock=time.time)
    ledger = await SqlLedger.open(folder / "ledger", clock=time.time)

    def opened(holder: str) -> ChecksumLog:
        return ChecksumLog(
            key,
            book=SqlLogBook(ledger),
            store=store,
            ledger=ledger,
            authority=_Authority(),
            clock=time.time,
            holder=holder,
        )

    log = opened("one")
    await log.start()
    result: dict[str, object] = {"records": records, "fdatasync": _spread(_disk(folder))}
    # Many at once, as when a gate that has been running is given a log.
    began = time.perf_counter()
    for start in range(0, records, 2000):
        some = map(_version, range(start, min(records, start + 2000)))
        await asyncio.gather(*(log.log(_ASK, version, _sums(version)) for version in some))
    result["appended together, records/s"] = round(records / (time.perf_counter() - began))
    fresh = await _fresh(log, records, 300)
    result["fresh lookup to answer"] = _spread(fresh)
    result["appended one by one, records/s"] = round(len(fresh) / sum(fresh))
    result["fresh lookups within 50 ms"] = sum(each * 1e3 <= LIMIT_MS for each in fresh) / len(fresh)
    step = max(1, records // 500)
    result["proof, warm"] = _spread(
        [await _proof(log, _version(number), verifier_key) for number in range(0, records, step)]
    )
    await log.flush()
    began = time.perf_counter()
    again = opened("two")
    await again.start()
    result["start s"] = round(time.perf_counter() - began, 4)
    result["proof, cold"] = _spread(
        [await _proof(again, _version(number), verifier_key) for number in range(1, records, step)]
    )
    await again.close()
    await log.close()
    await ledger.close()
    await store.close()
    return result


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modgate-sumlog-") as folder:
        result = asyncio.run(measure(Path(folder), options.records))
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"  {name}: {value}")


if __name__ == "__main__":
    main()
