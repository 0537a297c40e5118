"""The main job: `go mod download` of an application, verified, beside the same without the gate."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from bench import procs


def prepare(app: Path, modcache: Path) -> None:
    """Fill a module cache from the machine's own proxy, the zip of every go.mod included."""
    if (modcache / ".complete").exists():
        return
    env = {**os.environ, "GOMODCACHE": str(modcache), "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    subprocess.run(["go", "mod", "download"], cwd=app, env=env, check=True)
    missing = []
    download = modcache / "cache" / "download"
    for mod in download.rglob("*.mod"):
        if not mod.with_suffix(".zip").exists():
            path = str(mod.relative_to(download).parent.parent)
            missing.append(unescape(path) + "@" + unescape(mod.stem))
    for version in missing:
        subprocess.run(
            ["go", "mod", "download", version], cwd=modcache, env=env, check=False, capture_output=True
        )
    for folder in modcache.iterdir():
        if folder.name != "cache":
            shutil.rmtree(folder)
    (modcache / ".complete").touch()


def unescape(text: str) -> str:
    """`!a` is `A`."""
    parts = text.split("!")
    return parts[0] + "".join(part[:1].upper() + part[1:] for part in parts[1:])


def go_download(app: Path, work: Path, proxy: str, modules: list[str]) -> float:
    """Seconds of one `go mod download` with an empty module cache."""
    # Nothing is deleted between runs: ext4 is slow to make files for a while after a large deletion,
    # and the next run would pay for the last one's.
    work.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="home-", dir=work))
    project = home / "app"
    shutil.copytree(app, project)
    for file in project.iterdir():
        file.chmod(0o644)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GOPATH": str(home / "go"),
        "GOFLAGS": "-modcacherw -mod=mod",
        "GOPROXY": proxy,
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    began = time.perf_counter()
    done = subprocess.run(
        ["go", "mod", "download", *modules], cwd=project, env=env, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"go mod download through {proxy} failed:\n{done.stderr[-2000:]}")
    return took


def count(url: str) -> int:
    """Bytes that the upstream has sent."""
    with urllib.request.urlopen(url + "/_count") as answer:
        sent: int = json.load(answer)["bytes"]
        return sent


def measure(
    app: Path,
    modcache: Path,
    work: Path,
    peers: dict[str, str],
    *,
    delay: float,
    rate: float,
    modules: list[str],
) -> dict[str, object]:
    """Seconds and ratios: straight, file://, the gate cold (with and without prefetch) and warm."""
    download = modcache / "cache" / "download"
    seconds: dict[str, float] = {}
    extra: dict[str, object] = {}

    def note(name: str, took: float) -> None:
        seconds[name] = round(took, 2)
        print(f"  {name:28} {took:7.2f} s", flush=True)

    with procs.upstream(download, delay, rate) as slow, procs.database(modcache, delay) as (sumdb, _):
        note("straight", go_download(app, work, slow.url, modules))
        straight_bytes = count(slow.url)
        with procs.modgate(work / "app-store", slow.url, sumdb, log=work / "gate.log") as gate:
            note("modgate cold", go_download(app, work, gate.url, modules))
            extra["extra bytes by prefetch"] = round(
                (count(slow.url) - straight_bytes) / straight_bytes - 1, 3
            )
            for turn in range(3):
                note(f"modgate warm {turn}", go_download(app, work, gate.url, modules))
                note(f"file:// {turn}", go_download(app, work, f"file://{download}", modules))
            extra["memory MB"] = gate.memory
            extra["cpu s"] = round(gate.cpu, 1)
        with procs.modgate(work / "app-store-2", slow.url, sumdb, "--no-prefetch") as gate:
            note("modgate cold, no prefetch", go_download(app, work, gate.url, modules))
        for name, template in peers.items():
            values = {"store": work / f"store-{name}", "upstream": slow.url, "sumdb": sumdb}
            with procs.peer(name, template, **values) as other:
                note(f"{name} cold", go_download(app, work, other.url, modules))
                note(f"{name} warm", go_download(app, work, other.url, modules))
    ratios = {
        "cold / straight": round(seconds["modgate cold"] / seconds["straight"], 3),
        "cold without prefetch / straight": round(
            seconds["modgate cold, no prefetch"] / seconds["straight"], 3
        ),
        "warm / file:// (median of 3 pairs)": round(
            statistics.median(seconds[f"modgate warm {n}"] / seconds[f"file:// {n}"] for n in range(3)), 3
        ),
    }
    for name, value in ratios.items():
        print(f"  {name:34} {value:.3f}", flush=True)
    return {"seconds": seconds, "ratios": ratios, **extra}
