"""Starting, watching and ending the programs that are measured."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A program that answers under `url`."""

    name: str
    url: str
    pid: int
    started_in: float

    @property
    def memory(self) -> float:
        """The most memory it ever had, MB (VmHWM)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1000
        return 0.0

    @property
    def cpu(self) -> float:
        """Processor seconds used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """True if anything speaks HTTP there."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    url: str,
    *,
    probe: str = "/",
    env: dict[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Server]:
    """Run a server until the block ends; it has 20 s to answer `probe`."""
    began = time.perf_counter()
    with (log or Path(os.devnull)).open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(env or {})}, start_new_session=True
        )
        try:
            while not answers(url + probe):
                if process.poll() is not None:
                    raise SystemExit(f"{name} ended with status {process.returncode}: {shlex.join(command)}")
                if time.perf_counter() - began > 20:
                    raise SystemExit(f"{name} does not answer: {shlex.join(command)}")
                time.sleep(0.005)
            yield Server(name, url, process.pid, time.perf_counter() - began)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def upstream(root: Path, delay: float, rate: float) -> Iterator[Server]:
    """The slow upstream over a `cache/download` folder."""
    port = free_port()
    command = [sys.executable, "-m", "bench.slow_upstream", str(root), "--port", str(port)]
    command += ["--delay", str(delay), "--rate", str(rate)]
    with running("upstream", command, f"http://127.0.0.1:{port}", probe="/_count") as server:
        yield server


@contextlib.contextmanager
def database(modcache: Path, delay: float) -> Iterator[tuple[str, str]]:
    """A signed test checksum database with every version of a module cache: (GOSUMDB value, url)."""
    command = [sys.executable, "-m", "tests.support.sumdb_server", "--modcache", str(modcache)]
    command += ["--port", "0", "--delay", str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip().removeprefix("GOSUMDB=").strip("\"'")
        if not line:
            raise SystemExit("the test checksum database did not start")
        yield line, line.rpartition(" ")[2]
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def modgate(
    store: Path | str, upstream_url: str, sumdb: str, *flags: str, log: Path | None = None
) -> Iterator[Server]:
    """`modgate serve` on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "modgate", "serve", "--listen", f"127.0.0.1:{port}"]
    command += ["--store", str(store), "--upstream", upstream_url, "--sumdb", sumdb, *flags]
    with running("modgate", command, f"http://127.0.0.1:{port}", probe="/healthz", log=log) as server:
        yield server


NGINX = """
worker_processes auto; daemon off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=1000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port} backlog=1024; root {root}; }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path, folder: Path) -> Iterator[Server]:
    """nginx as a static server over a folder."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(user + NGINX.format(folder=folder, port=port, root=root))
    with running("nginx", ["nginx", "-c", str(configuration)], f"http://127.0.0.1:{port}") as server:
        yield server


@contextlib.contextmanager
def peer(name: str, template: str, **values: object) -> Iterator[Server]:
    """Another proxy, from a command with `{port}`, `{store}`, `{upstream}` and `{sumdb}`."""
    port = free_port()
    command = shlex.split(template.format(port=port, **values))
    with running(name, command, f"http://127.0.0.1:{port}") as server:
        yield server
