"""Misses: a small zip's time, a large zip's first byte, and how many clients share one fetch."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import threading
import time
import urllib.request
import zipfile
from typing import TYPE_CHECKING

from bench import procs
from modgate.gomod import module, modzip
from modgate.gomod.types import ModulePath, ModuleVersion, Version

if TYPE_CHECKING:
    from pathlib import Path


def make_large(download: Path, size: int) -> str:
    """A module whose zip has about `size` bytes that do not compress; its URL path."""
    version = ModuleVersion(ModulePath("example.com/large"), Version("v1.0.0"))
    folder = download / module.escape_path(version.path) / "@v"
    folder.mkdir(parents=True, exist_ok=True)
    go_mod = b"module example.com/large\n"
    (folder / "v1.0.0.mod").write_bytes(go_mod)
    (folder / "v1.0.0.info").write_text('{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}')
    (folder / "list").write_text("v1.0.0\n")
    path = folder / "v1.0.0.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{version}/go.mod", go_mod)
        for index in range(size // 1_000_000):
            archive.writestr(f"{version}/{index}.bin", os.urandom(1_000_000))
    with path.open("rb") as file:
        (folder / "v1.0.0.ziphash").write_text(modzip.check_zip(version, file).h1)
    return "/example.com/large/@v/v1.0.0.zip"


def small(modcache: Path, work: Path, count: int) -> dict[str, object]:
    """The median time of cold zips under 60 kB from an upstream without delay, verified."""
    download = modcache / "cache" / "download"
    zips = sorted(p for p in download.rglob("*.zip") if p.stat().st_size < 60_000)[:count]
    times: list[float] = []
    shutil.rmtree(work / "small", ignore_errors=True)
    with (
        procs.upstream(download, 0.0, 0.0) as slow,
        procs.database(modcache, 0.0) as (sumdb, _),
        procs.modgate(work / "small", slow.url, sumdb, "--no-prefetch") as gate,
    ):
        import http.client  # noqa: PLC0415

        connection = http.client.HTTPConnection(gate.url.removeprefix("http://"))
        for path in zips:
            began = time.perf_counter()
            connection.request("GET", f"/{path.relative_to(download)}")
            answer = connection.getresponse()
            body = answer.read()
            times.append(time.perf_counter() - began)
            assert answer.status == 200, (answer.status, body[:300])
            assert body == path.read_bytes()
    return {
        "median ms": round(statistics.median(times) * 1e3, 2),
        "p95 ms": round(sorted(times)[int(len(times) * 0.95)] * 1e3, 2),
        "zips": len(times),
    }


def large(work: Path, size: int = 60_000_000, rate: float = 20e6, clients: int = 8) -> dict[str, object]:
    """First byte of a cold large zip, and the upstream's requests when many ask for it at once."""
    cache = work / "large-modcache"
    path = make_large(cache / "cache" / "download", size)
    first: list[float] = []
    total: list[float] = []
    shutil.rmtree(work / "large", ignore_errors=True)
    with (
        procs.upstream(cache / "cache" / "download", 0.0, rate) as slow,
        procs.database(cache, 0.0) as (sumdb, _),
        procs.modgate(work / "large", slow.url, sumdb) as gate,
    ):

        def client() -> None:
            began = time.perf_counter()
            with urllib.request.urlopen(gate.url + path) as answer:
                answer.read(1)
                first.append(time.perf_counter() - began)
                while answer.read(1 << 20):
                    pass
            total.append(time.perf_counter() - began)

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with urllib.request.urlopen(slow.url + "/_count") as answer:
            requests = json.load(answer)["requests"].get(path, 0)
        memory = gate.memory
    return {
        "first byte s": round(max(first), 3),
        "whole s": round(max(total), 2),
        "upstream GETs": requests,
        "clients": clients,
        "memory MB": memory,
    }


def command_times() -> dict[str, object]:
    """How long `modgate --help` takes as a whole process, ms (best of 7)."""
    times = []
    import sys  # noqa: PLC0415

    for _ in range(7):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "modgate", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return {"--help ms (median)": round(statistics.median(times) * 1e3)}
