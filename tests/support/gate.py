"""The real server as a process, and the real go command as its client."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.client import Reply, ask
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Gate", "GateFailedError", "GoClient", "to_toml"]

READY = re.compile(r"(https?://[^\s/'\"]+(?:/[^\s'\"]*)?|unix:[^\s'\"]+)")


class GateFailedError(Exception):
    """The server did not come up; the text is what it printed."""


def to_toml(values: Mapping[str, Any]) -> str:
    """A configuration file from nested dictionaries (strings, numbers, booleans, lists, tables)."""
    own = {key: value for key, value in values.items() if not isinstance(value, dict)}
    lines = [f"{key} = {_toml_value(value)}" for key, value in own.items()]
    for name, section in values.items():
        if isinstance(section, dict):
            lines.append(f"[{name}]")
            lines += [f"{key} = {_toml_value(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {_toml_value(item)}' for key, item in value.items()) + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Gate:
    """`with Gate(folder, upstream=url) as gate:` runs `modgate serve` until the block ends.

    `folder` holds the configuration, `folder/store` the store unless `store` names another. Leaving
    the block sends SIGTERM and expects exit status 0; a test that ends the process itself calls
    `stop` or `kill` first.
    """

    def __init__(
        self,
        folder: Path,
        *,
        upstream: str,
        sumdb: str = "off",
        store: Path | str | None = None,
        listen: str = "127.0.0.1:0",
        config: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        wait: float = 60.0,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "store" if store is None else store
        settings = folder / "modgate.toml"
        settings.write_text(to_toml(config or {}), encoding="utf-8")
        self._command = [sys.executable, "-m", "modgate", "serve", "--listen", listen]
        self._command += ["--store", str(self.store), "--upstream", upstream, "--sumdb", sumdb]
        self._command += ["--config", str(settings)]
        self._environment = _clean_environment(folder) | dict(environment or {})
        self._wait = wait
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.url = ""
        self.context: ssl.SSLContext | None = None
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._collect, args=(pipe, watch), daemon=True)
            for pipe, watch in ((self._process.stdout, True), (self._process.stderr, False))
        ]
        for reader in self._readers:
            reader.start()
        deadline = time.monotonic() + self._wait
        while not self._ready.wait(0.02):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise GateFailedError(f"exit status {self._process.returncode}\n{self.output[-3000:]}")

    def _collect(self, pipe: Any, watch: bool) -> None:
        for line in pipe:
            self._lines.append(line)
            if watch and not self.url and (found := READY.search(line)):
                self.url = found[1].rstrip("/.,")
                self._ready.set()

    @property
    def output(self) -> str:
        """All that the server printed."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def ask(self, path: str, **options: Any) -> Reply:
        """One request of a plain HTTP client; see `tests.support.client.ask`."""
        return ask(self.url, path, context=self.context, **options)

    def terminate(self) -> None:
        """Send SIGTERM without waiting."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 30.0) -> int:
        """The exit status."""
        status = self._process.wait(seconds)
        for reader in self._readers:
            reader.join(5)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        if self.running:
            self.terminate()
        return self.wait()

    def kill(self) -> None:
        """SIGKILL: what a crash leaves behind."""
        if self.running:
            self._process.kill()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.running:
            self.wait()
            return
        try:
            status = self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        if kind is None:
            assert status == 0, f"exit status {status} after SIGTERM\n{self.output}"
            assert "Traceback" not in self.output, self.output
        else:
            sys.stderr.write(self.output)


def _clean_environment(folder: Path) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MODGATE_", "GO")) and not key.lower().endswith("_proxy")
    }
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONUNBUFFERED": "1"}


@dataclass(slots=True)
class GoClient:
    """One developer's machine: its own HOME, GOPATH and module cache, and a main module in `work`."""

    command: str
    folder: Path
    proxy: str
    sumdb: str = "off"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        """The folder of the main module."""
        return self.folder / "work"

    @property
    def modcache(self) -> Path:
        """GOMODCACHE."""
        return self.folder / "modcache"

    def module(self, requires: Mapping[str, str] | None = None, *, path: str = "example.test/client") -> None:
        """Write a main module that requires and imports these."""
        self.work.mkdir(parents=True, exist_ok=True)
        lines = [f"module {path}", "", "go 1.21", ""]
        lines += [f"require {dep} {version}" for dep, version in (requires or {}).items()]
        (self.work / "go.mod").write_text("\n".join(lines) + "\n", encoding="utf-8")
        imports = "".join(f'import _ "{dep}"\n' for dep in requires or {})
        (self.work / "main.go").write_text(f"package main\n\n{imports}\nfunc main() {{}}\n", encoding="utf-8")

    def run(
        self,
        *arguments: str,
        check: bool = True,
        wait: float = 120.0,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """`go …` in the main module; `check` expects success and shows its output otherwise."""
        self.work.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.work,
            env=self._environment() | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=wait,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"go {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def sums(self) -> set[str]:
        """The lines of go.sum."""
        text = (self.work / "go.sum").read_text(encoding="utf-8")
        return {line for line in text.splitlines() if line}

    def _environment(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GOPATH": str(self.folder / "gopath"),
            "GOBIN": str(self.folder / "bin"),
            "GOMODCACHE": str(self.modcache),
            # Compiled packages hold no module bytes: one cache for all clients spares minutes.
            "GOCACHE": os.environ.get("TESTS_OF_MODGATE_GOCACHE", str(self.folder / "gocache")),
            "GOENV": "off",
            "GOFLAGS": "-modcacherw -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
            "GOPROXY": self.proxy,
            "GOSUMDB": self.sumdb,
            "GOVCS": "*:off",
            "CGO_ENABLED": "0",
            **self.environment,
        }
