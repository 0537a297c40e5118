"""Stored objects under load: requests a second beside nginx serving the same files."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

from bench import procs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ROWS = {
    "mod 1.4 kB": (1400, ".mod"),
    "list": (150, "list"),
    "zip 220 kB": (220_000, ".zip"),
    "zip 3.3 MB": (3_300_000, ".zip"),
}


def pick(root: Path, size: int, ending: str) -> str:
    """The file whose size is nearest, as a URL path."""
    files: Iterable[Path] = (p for p in root.rglob(f"*{ending}") if p.is_file())
    best = min(files, key=lambda p: abs(p.stat().st_size - size))
    return f"/{best.relative_to(root)}"


def wrk(url: str, seconds: float) -> float:
    """Requests a second over 32 connections; any answer that is not 2xx ends the run."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds:g}s", url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"wrk saw errors at {url}:\n{out}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found is not None
    return float(found[1])


def measure(
    modcache: Path, work: Path, peers: dict[str, str], seconds: float, rounds: int
) -> dict[str, object]:
    """Rows of requests a second, and modgate's (and each peer's) ratio to nginx, by turns."""
    if not (shutil.which("wrk") and shutil.which("nginx")):
        return {"skipped": "needs wrk and nginx (apt install wrk nginx-light)"}
    download = modcache / "cache" / "download"
    paths = {row: pick(download, *spec) for row, spec in ROWS.items()}
    result: dict[str, object] = {}
    with contextlib.ExitStack() as stack:
        sumdb, _ = stack.enter_context(procs.database(modcache, 0.0))
        static = stack.enter_context(procs.nginx(download, work / "nginx"))
        gate = stack.enter_context(procs.modgate(work / "hot-store", f"file://{download}", sumdb))
        servers = [static, gate]
        if peers:
            fast = stack.enter_context(procs.upstream(download, 0.0, 0.0))
        for name, template in peers.items():
            values = {"store": work / f"hot-{name}", "upstream": fast.url, "sumdb": sumdb}
            servers.append(stack.enter_context(procs.peer(name, template, **values)))
        for path in paths.values():
            for server in servers:
                with urllib.request.urlopen(server.url + path) as answer:
                    answer.read()
        for row, path in paths.items():
            speeds: dict[str, list[float]] = {server.name: [] for server in servers}
            for _ in range(rounds):
                for server in servers:
                    speeds[server.name].append(wrk(server.url + path, seconds))
            median = {name: sorted(all_)[len(all_) // 2] for name, all_ in speeds.items()}
            ratios = {name: round(speed / median["nginx"], 3) for name, speed in median.items()}
            result[row] = {"req/s": median, "ratio to nginx": ratios}
            shown = "  ".join(f"{name} {speed:.0f} ({ratios[name]:.2f})" for name, speed in median.items())
            print(f"  {row:12} {shown}", flush=True)
        used = gate.cpu
        time.sleep(3)
        result["idle cpu"] = round((gate.cpu - used) / 3, 4)
        result["memory MB"] = gate.memory
        result["start s"] = round(gate.started_in, 3)
    return result
