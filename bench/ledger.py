"""Recording decisions while modules are served: `python -m bench.ledger [--rate 1000] [--rounds 3] [--json]`.

Beside a running gate a second process records new decisions (each with its row in the audit and its message
in the outbox) at a set rate into the gate's own database, while wrk asks the gate for a stored `.mod`. By
turns with and without, in one run, on SQLite and on PostgreSQL. Printed are requests a second and their
ratio, how many decisions a second were acknowledged as durable, how long that took, the processor time of the
process that records, and how many a second it manages when nothing holds it back and nothing else runs.

All of it shares the processors of this machine: what recording takes from them, serving does not have, which
is why a third turn has a process that uses as much processor time and does nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.postgres import Cluster

from bench import procs
from bench.hot import wrk
from modgate.gomod.types import ModulePath, Version
from modgate.ledger.sql import SqlLedger
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Recorded
from modgate.model.outbox import Message
from modgate.wiring.books import build_books

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK = 0.05
MODULE = "bench.example/m"


def _recorded(number: int) -> Recorded:
    name = f"d-{os.getpid()}-{number}"
    consumer = f"team-{number % 237}"
    decision = Decision(
        Effect.DENY,
        ModulePath(f"bench.example/m{number % 997}"),
        Version(f"v1.{number}.0"),
        consumer=consumer,
        id=name,
        rule="critical",
        would=Effect.DENY,
        reason="GO-2024-0001 is critical",
        advisories=("GO-2024-0001",),
        revision="bench",
    )
    message = Message("hook", name, "denied", time.time(), consumer, {"id": name})
    return Recorded(decision, time.time(), (message,))


async def _opened(where: str) -> SqlLedger:
    if where.startswith("postgresql://"):
        return await SqlLedger.open_url(where, clock=time.time)
    return await SqlLedger.open(Path(where), clock=time.time)


async def record(where: str, rate: float, seconds: float) -> dict[str, float]:
    """Record for so many seconds, `rate` a second (0: as fast as it goes), a batch each twentieth of one."""
    ledger = await _opened(where)
    books = build_books(ledger)
    took: list[float] = []
    done = number = 0

    async def batch(count: int) -> None:
        nonlocal number, done
        items = [_recorded(number + each) for each in range(count)]
        number += count
        began = time.perf_counter()
        new = await books.decisions.record(items)
        took.append(time.perf_counter() - began)
        done += sum(new)

    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    end = start + seconds
    if rate:
        running: set[asyncio.Task[None]] = set()
        due = start
        while due < end:
            running.add(asyncio.create_task(batch(round(rate * TICK))))
            due += TICK
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*running)
    else:
        while time.perf_counter() < end:
            await batch(500)
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    await ledger.close()
    took.sort()
    return {
        "decisions/s": round(done / elapsed),
        "p50 ms": round(statistics.median(took) * 1e3, 1),
        "p99 ms": round(took[min(len(took) - 1, len(took) * 99 // 100)] * 1e3, 1),
        "cpu": round(cpu / elapsed, 3),
    }


def idle(share: float, seconds: float) -> None:
    """Use so much of one processor."""
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        while time.perf_counter() < now + TICK * share:
            pass
        time.sleep(max(0.0, now + TICK - time.perf_counter()))


@contextlib.contextmanager
def _beside(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ledger", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        time.sleep(1.0)  # it imports
        yield process
    finally:
        process.wait()


def _one(url: str, where: str, options: argparse.Namespace) -> dict[str, Any]:
    seconds, span = options.seconds, str(options.seconds + 1.5)
    speeds: dict[str, list[float]] = {"alone": [], "recording": [], "as busy": []}
    told: list[dict[str, float]] = []
    for _ in range(options.rounds):
        speeds["alone"].append(wrk(url, seconds))
        with _beside("--record", where, "--rate", str(options.rate), "--seconds", span) as process:
            speeds["recording"].append(wrk(url, seconds))
            assert process.stdout is not None
            told.append(json.loads(process.stdout.read()))
        with _beside("--idle", str(told[-1]["cpu"]), "--seconds", span):
            speeds["as busy"].append(wrk(url, seconds))
    median = {name: statistics.median(all_) for name, all_ in speeds.items()}
    middle = {name: statistics.median(each[name] for each in told) for name in told[0]}
    return {
        "req/s": {name: round(speed) for name, speed in median.items()},
        "ratio recording / alone": round(median["recording"] / median["alone"], 3),
        "ratio recording / as busy": round(median["recording"] / median["as busy"], 3),
        "recorded": middle,
    }


def _store(folder: Path) -> str:
    """An upstream with one module; the path of its go.mod."""
    home = folder / "upstream" / MODULE / "@v"
    home.mkdir(parents=True)
    (home / "v1.0.0.info").write_text('{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}')
    requires = "".join(f"\tbench.example/r{n} v1.{n}.0\n" for n in range(50))
    (home / "v1.0.0.mod").write_text(f"module {MODULE}\n\nrequire (\n{requires})\n")
    return f"/{MODULE}/@v/v1.0.0.mod"


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Both databases."""
    path = _store(folder)
    result: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        cluster = Cluster(durable=True)
        stack.callback(cluster.close)
        cluster.start()
        wheres = {
            "sqlite": str(folder / "store-sqlite" / ".modgate" / "ledger.sqlite3"),
            "postgresql": cluster.url(),
        }
        for name, where in wheres.items():
            config = folder / f"{name}.toml"
            config.write_text(f'[ledger]\nurl = "{where}"\n' if name == "postgresql" else "")
            flags = ["--config", str(config)]
            upstream = f"file://{folder / 'upstream'}"
            with procs.modgate(folder / f"store-{name}", upstream, "off", *flags) as gate:
                with urllib.request.urlopen(gate.url + path) as answer:
                    answer.read()
                result[name] = _one(gate.url + path, where, options)
            result[name]["at most"] = asyncio.run(record(where, 0.0, options.seconds))
            if not options.json:
                print(f"{name}:")
                for row, value in result[name].items():
                    print(f"  {row}: {value}", flush=True)
    return result


def main() -> None:
    """Measure and print; or be one of the processes beside."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1000.0, help="decisions a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("--record", help=argparse.SUPPRESS)
    parser.add_argument("--idle", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.record is not None:
        print(json.dumps(asyncio.run(record(options.record, options.rate, options.seconds))))
        return
    if options.idle is not None:
        idle(options.idle, options.seconds)
        return
    with tempfile.TemporaryDirectory(prefix="modgate-ledger-") as folder:
        result = measure(Path(folder), options)
    if options.json:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
