"""Distinct denials over HTTP while modules are served: `.venv/bin/python -m bench.denials [--seconds 4]`.

A gate refuses a version; every request comes from another consumer: each is a decision of its own with its
row in the audit. Two wrk run beside each other: one asks for the refused zip about 1,000 times a second,
the other for a hot `.mod`, as fast as it can or (`--hit-pause`) at some pace that leaves the processors room;
by turns with and without the first, on SQLite and on PostgreSQL. Printed are the hits' ratio and their 99th
percentile, the denials answered, and how many of them stand in the ledger after the gate was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from tests.support.modules import World
from tests.support.postgres import Cluster

from bench import procs
from modgate.ledger.sql import SqlLedger

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """
version = 1
[[rules]]
id = "no"
effect = "deny"
[rules.when]
modules = ["example.test/bad"]
"""
LUA = """
local n = {start}
request = function()
  n = n + 1
  return wrk.format("GET", "/example.test/bad/@v/v1.0.0.zip", {{["X-Team"] = "team-" .. n}})
end
delay = function() return {pause} end
done = function(summary) io.write("ANSWERED " .. summary.requests .. "\\n") end
"""


def _hits(url: str, folder: Path, options: argparse.Namespace) -> subprocess.Popen[str]:
    script = folder / "hits.lua"
    script.write_text(f"delay = function() return {options.hit_pause} end\n" if options.hit_pause else "")
    command = ["wrk", "-t1", "-c16", f"-d{options.seconds:g}s", "--latency", "-s", str(script)]
    command.append(f"{url}/example.test/good/@v/v1.0.0.mod")
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _speed(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in milliseconds."""
    out, _ = process.communicate()
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    assert found is not None, out
    assert late is not None, out
    return float(found[1]), float(late[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[late[2]]


@contextlib.contextmanager
def _gate(folder: Path, upstream: str, ledger: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A gate that may be killed by its id."""
    (folder / "policy.toml").write_text(POLICY)
    settings = folder / "modgate.toml"
    policy = f'[policy]\nfile = "{folder / "policy.toml"}"\n'
    lines = [policy, '[consumers]\nheader = "x-team"\n[log]\naccess = "off"\n']
    lines += [f'[ledger]\nurl = "{ledger}"\n'] if ledger else []
    settings.write_text("".join(lines))
    port = procs.free_port()
    command = [sys.executable, "-m", "modgate", "serve", "--listen", f"127.0.0.1:{port}", "--sumdb", "off"]
    command += ["--store", str(folder / "store"), "--upstream", upstream, "--config", str(settings)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        while not procs.answers(f"{url}/healthz"):
            time.sleep(0.1)
        yield url, process
    finally:
        process.kill()
        process.wait()


async def _recorded(folder: Path, ledger: str) -> int:
    if ledger:
        opened = await SqlLedger.open_url(ledger, clock=time.time)
    else:
        opened = await SqlLedger.open(folder / "store" / ".modgate" / "ledger.sqlite3", clock=time.time)
    rows = await opened.query(text("SELECT count(*) FROM decision"), {})
    await opened.close()
    return int(rows[0][0])


def measure(folder: Path, ledger: str, options: argparse.Namespace) -> dict[str, float]:
    """One database."""
    world = World(folder / "proxy")
    for name in ("bad", "good"):
        world.add(f"example.test/{name}", "v1.0.0")
    world.finish()
    alone, beside, answered = [], [], 0
    began = 0.0
    with _gate(folder, world.root.as_uri(), ledger) as (url, process):
        for _ in range(2):
            urllib.request.urlopen(f"{url}/example.test/good/@v/v1.0.0.mod").read()
        for number in range(options.rounds):
            alone.append(_speed(_hits(url, folder, options)))
            script = folder / "denied.lua"
            script.write_text(LUA.format(start=(number + 1) * 10_000_000, pause=options.pause))
            command = [
                "wrk",
                "-t1",
                f"-c{options.connections}",
                f"-d{options.seconds:g}s",
                "-s",
                str(script),
                url,
            ]
            denied = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            beside.append(_speed(_hits(url, folder, options)))
            out, _ = denied.communicate()
            found = re.search(r"ANSWERED (\d+)", out)
            assert found is not None, out
            answered += int(found[1])
            began += options.seconds
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    speed = [statistics.median(each[0] for each in all_) for all_ in (alone, beside)]
    late = [statistics.median(each[1] for each in all_) for all_ in (alone, beside)]
    recorded = asyncio.run(_recorded(folder, ledger))
    return {
        "hits alone/s": speed[0],
        "hits beside/s": speed[1],
        "ratio": speed[1] / speed[0],
        "p99 alone ms": late[0],
        "p99 beside ms": late[1],
        "denials/s": answered / began,
        "answered": answered,
        "recorded after kill -9": recorded,
    }


def main() -> None:
    """Print a line for each database, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--pause", type=int, default=16, help="ms between two denials of a connection")
    parser.add_argument("--hit-pause", type=int, default=0, help="ms between two hits of a connection")
    options = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        databases = {"sqlite": ""}
        with contextlib.suppress(FileNotFoundError):
            cluster = Cluster(durable=True)
            stack.callback(cluster.close)
            cluster.start()
            databases["postgresql"] = cluster.url()
        for name, ledger in databases.items():
            folder = Path(work) / name
            folder.mkdir()
            result[name] = found = measure(folder, ledger, options)
            print(name, {key: round(value, 3) for key, value in found.items()}, flush=True)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
