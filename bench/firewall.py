"""What a policy, advisories and the ledger cost a hot `.mod`: with and without them, by turns, in one run.

`.venv/bin/python -m bench.firewall --modcache DIR [--before DIR]`, where `--before` is a checkout of an older
modgate. Rows: a module that rules look at (advisories, cooldown) and let through, and one under a warning,
whose answer names the consumer's own decision.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bench import procs
from bench.hot import pick

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """version = 1
contact = "security@example.test"

[[rules]]
id = "critical"
effect = "deny"
[rules.when]
severity = "high"

[[rules]]
id = "tried"
effect = "deny"
mode = "canary"
canary = {{ percent = 10 }}
[rules.when]
modules = ["example.test/tried"]

[[rules]]
id = "slow"
effect = "warn"
[rules.when]
modules = ["{warned}"]

[cooldown]
age = "7d"
security_fixes = true
"""
ADVISORIES = Path("../shared/data/govulndb.jsonl.gz")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def wrk(url: str, seconds: float) -> tuple[float, float]:
    """Requests a second over 32 connections, and the 99th percentile in ms."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds:g}s", "--latency", url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"wrk saw errors at {url}:\n{out}")
    speed = re.search(r"Requests/sec:\s+([\d.]+)", out)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    assert speed is not None
    assert late is not None
    return float(speed[1]), float(late[1]) * _UNITS[late[2]]


@contextlib.contextmanager
def gate(
    name: str, store: Path, world: tuple[str, str], settings: Path, sources: Path | None = None
) -> Iterator[procs.Server]:
    """`modgate serve`, of this checkout or of another's sources; `world` is upstream and database."""
    port = procs.free_port()
    command = [sys.executable, "-m", "modgate", "serve", "--listen", f"127.0.0.1:{port}"]
    command += ["--store", str(store), "--config", str(settings)]
    command += ["--upstream", world[0], "--sumdb", world[1]]
    env = None if sources is None else os.environ | {"PYTHONPATH": str(sources / "src")}
    url = f"http://127.0.0.1:{port}"
    log = store.with_suffix(".log")
    with procs.running(name, command, url, probe="/healthz", env=env, log=log) as server:
        yield server


def measure(modcache: Path, before: Path | None, seconds: float, rounds: int) -> dict[str, object]:
    """Medians of both numbers for each gate and row, and the difference of `on` from `off`."""
    download = modcache / "cache" / "download"
    plain = pick(download, 1400, ".mod")
    warned = next(
        f"/{path.relative_to(download)}"
        for path in sorted(download.rglob("*.mod"))
        if path.stat().st_size > 500 and "!" not in str(path) and path.parent.parent.name not in plain
    )
    result: dict[str, object] = {}
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sumdb, _ = stack.enter_context(procs.database(modcache, 0.0))
        policy, on, off = work / "policy.toml", work / "on.toml", work / "off.toml"
        policy.write_text(POLICY.format(warned=warned.split("/@v/")[0].strip("/")))
        sources = [str(ADVISORIES.absolute())] if ADVISORIES.exists() else []
        on.write_text(f'[policy]\nfile = "{policy}"\n[advisories]\nsources = {json.dumps(sources)}\n')
        off.write_text("")
        world = (f"file://{download}", sumdb)
        servers = [
            stack.enter_context(gate("off", work / "off", world, off)),
            stack.enter_context(gate("on", work / "on", world, on)),
        ]
        if before is not None:
            servers.append(stack.enter_context(gate("before", work / "old", world, off, before)))
        for row, path in (("let through", plain), ("under a warning", warned)):
            seen: dict[str, list[tuple[float, float]]] = {server.name: [] for server in servers}
            for server in servers:
                for _ in range(2):
                    with urllib.request.urlopen(server.url + path) as answer:
                        answer.read()
            for number in range(rounds):
                for server in servers if number % 2 else reversed(servers):
                    seen[server.name].append(wrk(server.url + path, seconds))
            speed = {name: statistics.median(each[0] for each in all_) for name, all_ in seen.items()}
            late = {name: statistics.median(each[1] for each in all_) for name, all_ in seen.items()}
            cost = 1 - speed["on"] / speed["off"]
            more = late["on"] - late["off"]
            result[row] = {"path": path, "req/s": speed, "p99 ms": late, "cost": cost, "p99 more ms": more}
            shown = "  ".join(f"{name} {speed[name]:.0f}/s p99 {late[name]:.2f} ms" for name in speed)
            print(f"{row:16} {shown}  on: {-cost:+.1%}, p99 {more:+.2f} ms", flush=True)
    return result


def main() -> None:
    """Print a line for each row, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modcache", type=Path, required=True)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    print(json.dumps(measure(given.modcache, given.before, given.seconds, given.rounds), indent=2))


if __name__ == "__main__":
    main()
