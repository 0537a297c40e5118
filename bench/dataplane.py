"""The data plane beside nginx: requests a second for hot answers, as ratios of one run.

    python -m bench.dataplane [--seconds 4] [--rounds 3] [--connections 32] [--json FILE]

Both servers answer the same bytes on the same cores; wrk loads one, then the other, a few times in turn,
and the medians are compared, because a machine is never quiet. Processor time a request is printed as
well: it says the same on a busy machine. nginx serves the files with sendfile,
keep-alive, one worker a core and no access log; modgate counts its metrics. Needs nginx and wrk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from modgate.model.twins import MemoryBlob, MemorySource
from modgate.server.app import App
from modgate.server.listener import Listen, Listener, new_event_loop
from modgate.telemetry import configure_logging

MODULE = "example.com/bench"
WORK = {
    "hot .mod 1.4 kB": (f"{MODULE}/@v/v1.0.0.mod", 1_400),
    "cached list 1.2 kB": (f"{MODULE}/@v/list", 1_200),
    "hot zip 220 kB": (f"{MODULE}/@v/v1.0.0.zip", 220_000),
    "hot zip 3.3 MB": (f"{MODULE}/@v/v1.0.1.zip", 3_300_000),
}
NGINX = """
worker_processes auto; daemon off; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 60; keepalive_requests 100000000;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {root}/files; }}
}}
"""


def write_files(root: Path) -> None:
    for path, size in WORK.values():
        file = root / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(size))


def serve_modgate(root: Path) -> None:
    """Runs in a process of its own until it is ended; prints the ready line."""
    configure_logging("json")
    answers: dict[str, bytes | MemoryBlob] = {}
    for path, _ in WORK.values():
        data = (root / "files" / path).read_bytes()
        answers[path] = data
        if not path.endswith("/list"):
            blob = MemoryBlob.of(path, data)
            blob.path = root / "files" / path
            answers[path] = blob
    source = MemorySource(answers)
    listener = Listener(App(source), Listen("127.0.0.1:0"))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(listener.serve())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load(url: str, pid: int, seconds: int, connections: int) -> tuple[float, float]:
    """Requests a second, and microseconds of processor time a request."""
    before = processor_seconds(pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{url}: {said}")
    rate = re.search(r"Requests/sec:\s*([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    assert rate is not None
    assert count is not None
    return float(rate[1]), (processor_seconds(pid) - before) / int(count[1]) * 1e6


def processor_seconds(pid: int) -> float:
    """User and system time of a process and its direct children, so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for one in [str(pid), *children]:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    for _ in range(200):
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} does not answer")


def measure(root: Path, seconds: int, rounds: int, connections: int) -> dict[str, dict[str, float]]:
    write_files(root)
    config = root / "nginx.conf"
    nginx_url = f"http://127.0.0.1:{free_port()}"
    config.write_text(NGINX.format(root=root, port=nginx_url.rsplit(":", 1)[1]))
    own = [sys.executable, "-m", "bench.dataplane", "--serve", str(root)]
    with (
        subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL) as nginx,
        subprocess.Popen(own, stdout=subprocess.PIPE, text=True) as gate,
    ):
        try:
            assert gate.stdout is not None
            gate_url = gate.stdout.readline().split()[-1]
            wait_for(nginx_url)
            servers = {"nginx": (nginx_url, nginx.pid), "modgate": (gate_url, gate.pid)}
            table = {}
            for name, (path, _) in WORK.items():
                rates: dict[str, list[tuple[float, float]]] = {server: [] for server in servers}
                for _ in range(rounds):
                    for server, (url, pid) in servers.items():
                        rates[server].append(load(f"{url}/{path}", pid, seconds, connections))
                row = {}
                for server, values in rates.items():
                    row[server] = statistics.median(rate for rate, _ in values)
                    row[f"{server} us"] = statistics.median(cost for _, cost in values)
                row["ratio"] = row["modgate"] / row["nginx"]
                table[name] = row
                print(
                    f"{name:20} nginx {row['nginx']:8.0f}/s {row['nginx us']:6.1f} us  "
                    f"modgate {row['modgate']:8.0f}/s {row['modgate us']:6.1f} us  {row['ratio']:.2f} x"
                )
            return table
        finally:
            nginx.terminate()
            gate.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description="Hot answers beside nginx.")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve_modgate(options.serve)
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        table = measure(Path(folder), options.seconds, options.rounds, options.connections)
    if options.json is not None:
        options.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
