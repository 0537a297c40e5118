"""The whole table: `make bench`, or one part: `python -m bench.run hot cold app --full`.

Figures are printed as ratios in one run and kept as JSON under bench/results/, so that two runs can be
compared (`--compare FILE`). `--peer NAME=COMMAND` measures another proxy beside modgate; the command has
`{port}`, `{store}`, `{upstream}` and `{sumdb}` in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

from bench import app, cold, hot
from modgate.gomod import module

HERE = Path(__file__).parent


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="hot|cold|app")
    parser.add_argument("--app", type=Path, default=HERE / "app", help="a folder with a go.mod")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--modcache", type=Path, default=cache / "modgate-bench")
    parser.add_argument(
        "--full", action="store_true", help="the whole application, not a fifth of its modules"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each wrk run")
    parser.add_argument("--rounds", type=int, default=3, help="of each hot row, by turns")
    parser.add_argument("--delay", type=float, default=0.04, help="of the slow upstream, seconds")
    parser.add_argument("--rate", type=float, default=8e6, help="of the slow upstream, bytes a second")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--compare", type=Path, help="an earlier result to put beside")
    options = parser.parse_args()
    options.parts = options.parts or ["hot", "cold", "app"]
    if unknown := set(options.parts) - {"hot", "cold", "app"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are hot, cold and app")
    peers = dict(item.split("=", 1) for item in options.peer)
    app.prepare(options.app, options.modcache)
    work = Path(tempfile.mkdtemp(prefix="modgate-bench-"))
    results: dict[str, object] = {
        "when": time.strftime("%FT%TZ", time.gmtime()),
        "machine": platform.platform(),
    }
    try:
        if "hot" in options.parts:
            print("hot, 32 connections, beside nginx")
            results["hot"] = hot.measure(options.modcache, work, peers, options.seconds, options.rounds)
        if "cold" in options.parts:
            print("cold")
            results["cold small zip"] = cold.small(options.modcache, work, 60)
            results["cold large zip"] = cold.large(work)
            results["command"] = cold.command_times()
            for part in ("cold small zip", "cold large zip", "command"):
                print(f"  {part}: {results[part]}", flush=True)
        if "app" in options.parts:
            modules = [] if options.full else every_fifth(options.app, options.modcache)
            print(
                f"go mod download, {len(modules) or 'all'} modules, upstream {options.delay * 1e3:g} ms, "
                f"{options.rate / 1e6:g} MB/s a connection"
            )
            results["app"] = app.measure(
                options.app,
                options.modcache,
                work,
                peers,
                delay=options.delay,
                rate=options.rate,
                modules=modules,
            )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(results, indent=2) + "\n")
    print(f"kept as {file.relative_to(HERE.parent)}")
    if options.compare:
        compare(json.loads(options.compare.read_text()), results)


def every_fifth(project: Path, modcache: Path) -> list[str]:
    """Every fifth module version of the application that its download brought."""
    lines = [line.split() for line in (project / "go.sum").read_text().splitlines()]
    download = modcache / "cache" / "download"
    versions = []
    for path, version, _ in lines:
        if version.endswith("/go.mod"):
            continue
        stem = download / module.escape_path(path) / "@v" / module.escape_version(version)
        if Path(f"{stem}.zip").exists() and Path(f"{stem}.info").exists():
            versions.append(f"{path}@{version}")
    return versions[::5]


def compare(old: dict[str, object], new: dict[str, object], where: str = "") -> None:
    """Print each number of both runs that differs by more than a twentieth."""
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            compare(before, value, f"{where}{key} / ")
            continue
        if not isinstance(value, (int, float)) or not isinstance(before, (int, float)) or not before:
            continue
        if abs(value / before - 1) > 0.05:
            print(f"  {where}{key}: {before} -> {value} ({value / before:.2f}x)")


if __name__ == "__main__":
    main()
