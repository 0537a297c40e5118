"""A real PostgreSQL server as an ordinary process: a cluster in a folder, a unix socket, a port on loopback.

It sorts text as English does, where its build can, so that what leans on byte order is found out. Root must
not run it: then it runs as the user `postgres`, who comes with the package.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Cluster", "cluster", "fresh_database", "programs"]

_NOT_HERE = "no PostgreSQL server here: install postgresql"
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_numbers = itertools.count(1)


def programs() -> Path:
    """The folder with `initdb` and `postgres`; the test is skipped where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip(_NOT_HERE)


def _as_user() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    import pwd  # noqa: PLC0415  not on every system

    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip(_NOT_HERE)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Cluster:
    """One server with a folder of its own, which goes with it.

    Args:
        durable: Whether it flushes to disk what it commits.
        settings: More settings of the server.
    """

    admin = "admin"

    def __init__(self, *, durable: bool = False, **settings: str) -> None:
        self._programs = programs()
        self._user = _as_user()
        self.folder = Path(tempfile.mkdtemp(prefix="modgate-pg-"))
        self.folder.chmod(0o755)
        self._data = self.folder / "data"
        self._data.mkdir(mode=0o700)
        if self._user:
            for path in (self.folder, self._data):
                os.chown(path, self._user["user"], self._user["group"])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "16MB",
            "max_connections": "60",
            **({} if durable else _FAST),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._make()

    def _make(self) -> None:
        command = [
            str(self._programs / "initdb"),
            *("-D", str(self._data), "-U", self.admin, "-E", "UTF8", "--no-sync", "--no-instructions"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--locale=C"),
        ]
        english = ["--locale-provider=icu", "--icu-locale=en"]
        for more in (english, []):
            done = subprocess.run(
                command + more, cwd=self.folder, capture_output=True, text=True, check=False, **self._user
            )
            if done.returncode == 0:
                return
        raise AssertionError(done.stderr)

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._data), *settings],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._user,
            )
        for _ in range(600):
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def url(self, database: str = "postgres", *, user: str = admin) -> str:
        """Its address by the unix socket, where nobody is asked for a password."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str = "postgres", *, user: str = admin) -> str:
        """Its address by loopback, where everybody is."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the administrator; the rows of the last."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
            return rows

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: in order by SIGINT, as a crash by SIGKILL."""
        if self._process is not None:
            children = self._children()
            self._process.send_signal(how)
            self._process.wait()
            self._process = None
            while any(Path(f"/proc/{child}").exists() for child in children):
                time.sleep(0.01)  # they hold the shared memory until they notice

    def signal_all(self, which: signal.Signals) -> None:
        """Send a signal to every process of it, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(which)
        for pid in self._children():
            with contextlib.suppress(ProcessLookupError):  # a worker of it that just came to its end
                os.kill(pid, which)

    def close(self) -> None:
        """End it, and remove its folder."""
        if self._process is not None:
            self.signal_all(signal.SIGCONT)
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _children(self) -> list[int]:
        assert self._process is not None
        pid = self._process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@functools.cache
def cluster() -> Cluster:
    """The server that the tests of this process share: nobody stops it or changes its users."""
    one = Cluster()
    atexit.register(one.close)
    one.start()
    return one


@pytest.fixture
def fresh_database() -> Iterator[str]:
    """The address of an empty database."""
    one = cluster()
    name = f"ledger_{os.getpid()}_{next(_numbers)}"
    one.run(f"CREATE DATABASE {name}")
    yield one.url(name)
    one.run(f"DROP DATABASE {name} WITH (FORCE)")
