"""Recording decisions while modules are served: `python -m bench.ledger [--rate 1000] [--json]`.

Beside a running gate a second process records new decisions (each with its row in the audit and its message
in the outbox) at a set rate into the gate's own database, while wrk asks the gate for a stored `.mod`. By
turns of a second with and without, in one run, on SQLite and on PostgreSQL. Printed are requests a second and
their ratio (the median over the rounds, with its quartiles), how many decisions a second were acknowledged as
durable, how long that took, the processor time of the process that records, and how many a second it manages
when nothing holds it back.

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
    from collections.abc import Iterable
    from typing import Self

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


async def record(ledger: SqlLedger, rate: float, seconds: float, first: int) -> dict[str, float]:
    """Record for so many seconds, `rate` a second (0: as fast as it goes), a batch each twentieth of one."""
    books = build_books(ledger)
    took: list[float] = []
    done, number = 0, first

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
    took.sort()
    return {
        "decisions/s": round(done / elapsed),
        "p50 ms": round(statistics.median(took) * 1e3, 1),
        "p99 ms": round(took[min(len(took) - 1, len(took) * 99 // 100)] * 1e3, 1),
        "cpu": round(cpu / elapsed, 3),
        "next": number,
    }


def idle(share: float, seconds: float) -> None:
    """Use so much of one processor."""
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        while time.perf_counter() < now + TICK * share:
            pass
        time.sleep(max(0.0, now + TICK - time.perf_counter()))


async def _obey(where: str) -> None:
    """Do what each line of the input says: `record RATE SECONDS` or `busy SHARE SECONDS`."""
    ledger = await _opened(where)
    first = 0
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        what, much, seconds = line.split()
        if what == "busy":
            idle(float(much), float(seconds))
            print("{}", flush=True)
            continue
        told = await record(ledger, float(much), float(seconds), first)
        first = int(told.pop("next"))
        print(json.dumps(told), flush=True)
    await ledger.close()


class _Beside:
    """The process beside the gate."""

    def __init__(self, where: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.ledger", "--beside", where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def begin(self, what: str, much: float, seconds: float) -> None:
        """Have it do something for so many seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what} {much} {seconds}\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, float]:
        """Wait for it, and hear what came of it."""
        told: dict[str, float] = json.loads(self._line())
        return told


def _one(url: str, where: str, options: argparse.Namespace) -> dict[str, Any]:
    seconds: float = options.seconds
    rows: list[dict[str, float]] = []
    told: list[dict[str, float]] = []
    with _Beside(where) as beside:
        beside.begin("record", options.rate, 1.0)  # what it does at first only is not what is measured
        share = beside.end()["cpu"]
        for turn in range(options.rounds):
            row = {}
            order = ["alone", "recording", "as busy"]
            for name in order[turn % 3 :] + order[: turn % 3]:
                if name == "recording":
                    beside.begin("record", options.rate, seconds + 0.3)
                elif name == "as busy":
                    beside.begin("busy", share, seconds + 0.3)
                row[name] = wrk(url, seconds)
                if name == "recording":
                    told.append(beside.end())
                    share = told[-1]["cpu"]
                elif name == "as busy":
                    beside.end()
            rows.append(row)
        beside.begin("record", 0.0, 4.0)
        most = beside.end()
    # Ratios within a round: what else runs on the machine changes from round to round.
    return {
        "req/s": {name: round(statistics.median(row[name] for row in rows)) for name in rows[0]},
        "ratio recording / alone": _middle(row["recording"] / row["alone"] for row in rows),
        "ratio recording / as busy": _middle(row["recording"] / row["as busy"] for row in rows),
        "recorded": {name: statistics.median(each[name] for each in told) for name in told[0]},
        "at most": most,
    }


def _middle(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return {
        "median": round(statistics.median(ordered), 3),
        "from": round(ordered[quarter], 3),
        "to": round(ordered[-1 - quarter], 3),
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
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("--beside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside is not None:
        asyncio.run(_obey(options.beside))
        return
    with tempfile.TemporaryDirectory(prefix="modgate-ledger-") as folder:
        result = measure(Path(folder), options)
    if options.json:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
