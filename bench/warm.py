"""Filling the cache ahead: `python -m bench.warm [--app DIR --modcache DIR]`.

The application's go.mod and go.sum are warmed from the slow upstream, verified by the test checksum database,
beside `go mod download` straight from that upstream; then go downloads all of it from the warmed gate, with
the upstream dead, beside `file://`. Prints seconds and ratios; `--json` one document and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import app, procs

HERE = Path(__file__).parent


def warm(project: Path, store: Path, upstream: str, sumdb: str) -> tuple[float, dict[str, object]]:
    """Seconds of one `modgate warm`, the start of the program included, and its facts."""
    command = [sys.executable, "-m", "modgate", "warm", str(project / "go.mod"), "--json"]
    for setting in (f"store={store}", f"upstream={upstream}", f"sumdb={sumdb}"):
        command += ["--set", setting]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"modgate warm failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    facts: dict[str, object] = json.loads(done.stdout)
    return took, facts


def measure(
    project: Path, modcache: Path, work: Path, *, delay: float, rate: float, rounds: int
) -> dict[str, object]:
    """All seconds, and the ratios; `floor` is the largest zip at the rate of one connection."""
    download = modcache / "cache" / "download"
    seconds: dict[str, float] = {}
    with procs.database(modcache, delay) as (sumdb, _):
        with procs.upstream(download, delay, rate) as slow:
            took, facts = warm(project, work / "store", slow.url, sumdb)
            seconds["warm"] = took
            seconds["warm again"], again = warm(project, work / "store", slow.url, sumdb)
            seconds["straight"] = app.go_download(project, work, slow.url, [])
        with procs.modgate(work / "store", slow.url, sumdb, log=work / "gate.log") as gate:
            for turn in range(rounds):
                seconds[f"from the warmed gate {turn}"] = app.go_download(project, work, gate.url, [])
                seconds[f"from file:// {turn}"] = app.go_download(project, work, f"file://{download}", [])
    pairs = [
        seconds[f"from the warmed gate {turn}"] / seconds[f"from file:// {turn}"] for turn in range(rounds)
    ]
    largest = max(file.stat().st_size for file in (work / "store").rglob("*.zip"))
    ratios = {"warm / straight": round(seconds["warm"] / seconds["straight"], 3)}
    ratios["floor / straight"] = round(largest / rate / seconds["straight"], 3)
    if pairs:
        ratios["from the warmed gate / file:// (median)"] = round(statistics.median(pairs), 3)
    return {
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "ratios": ratios,
        "fetched": facts["fetched"],
        "bytes": facts["bytes"],
        "fetched again": again["fetched"],
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--app", type=Path, default=HERE / "app", help="a folder with a go.mod and a go.sum")
    parser.add_argument("--modcache", type=Path, default=cache / "modgate-bench")
    parser.add_argument("--delay", type=float, default=0.04, help="of the slow upstream, seconds")
    parser.add_argument("--rate", type=float, default=8e6, help="of the slow upstream, bytes a second")
    parser.add_argument("--rounds", type=int, default=3, help="downloads from the warmed gate, 0 for none")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    app.prepare(options.app, options.modcache)
    work = Path(tempfile.mkdtemp(prefix="modgate-bench-warm-"))
    try:
        result = measure(
            options.app,
            options.modcache,
            work,
            delay=options.delay,
            rate=options.rate,
            rounds=options.rounds,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for part in ("seconds", "ratios"):
        values = result[part]
        assert isinstance(values, dict)
        for name, value in values.items():
            print(f"  {name:42} {value:8.3f}" if part == "ratios" else f"  {name:42} {value:8.2f} s")
    for name in ("fetched", "bytes", "fetched again", "load"):
        print(f"  {name:42} {result[name]}")


if __name__ == "__main__":
    main()
