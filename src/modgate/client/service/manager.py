"""Who runs services here: systemd for the machine or the user, launchd for the user on macOS.

Their own programs are called, with a fixed locale; what they say on failure is told as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from modgate.client.service.plan import LABEL, UNIT
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Launchd", "Manager", "Ran", "State", "Systemd", "manager_here", "run_program"]

_PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, and what it printed."""

    status: int
    out: str


@dataclass(frozen=True, slots=True)
class State:
    """The service as its manager sees it."""

    loaded: bool
    running: bool
    enabled: bool
    pid: int
    detail: str


class Manager(Protocol):
    """Loads, starts and stops the one service of a file."""

    @property
    def path(self) -> Path:
        """Where its file lies."""

    def present(self) -> str:
        """Empty where it works here; else why it does not."""

    def state(self) -> State:
        """How the service is. Raises Unavailable."""

    def load(self) -> None:
        """Its file is new or changed. Raises Unavailable."""

    def start(self) -> None:
        """Start it now and with the machine or session; restart it where it runs. Raises Unavailable."""

    def stop(self) -> None:
        """Stop it, and start it no more by itself. Raises Unavailable."""

    def logs(self) -> str:
        """The command that shows its log."""


def run_program(command: Sequence[str]) -> Ran:
    """Run it to its end. Raises Unavailable where it cannot be started, or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603  the managers' own programs
            command,
            env={**os.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as error:
        raise Unavailable(f"cannot be run: {error.strerror}", where=command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"no end within {_PATIENCE:g} seconds", where=" ".join(command)) from error
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"))


class Systemd:
    """`systemctl`, of the machine or of the user."""

    def __init__(
        self,
        *,
        system: bool,
        environ: Mapping[str, str],
        run: Callable[[Sequence[str]], Ran] = run_program,
        booted: Path = Path("/run/systemd/system"),
        units: Path = Path("/etc/systemd/system"),
    ) -> None:
        self._system = system
        self._run = run
        self._booted = booted
        config = environ.get("XDG_CONFIG_HOME", "")
        own = Path(config) if config.startswith("/") else Path(environ.get("HOME") or "/") / ".config"
        self.path = (units if system else own / "systemd" / "user") / UNIT

    def present(self) -> str:
        """As Manager says."""
        if not self._booted.is_dir():
            return "no-systemd"
        if self._system:
            return ""
        return "" if self._run(self._words("show-environment")).status == 0 else "no-session"

    def state(self) -> State:
        """As Manager says."""
        names = "LoadState,ActiveState,SubState,UnitFileState,MainPID,Result"
        out = self._asked("show", f"--property={names}", UNIT)
        facts = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        detail = "/".join(filter(None, (facts.get("ActiveState"), facts.get("SubState"))))
        if facts.get("Result", "success") != "success":
            detail += f" ({facts['Result']})"
        pid = facts.get("MainPID", "0")
        return State(
            loaded=facts.get("LoadState") == "loaded",
            running=facts.get("ActiveState") in {"active", "reloading"},
            enabled=facts.get("UnitFileState", "").startswith("enabled"),
            pid=int(pid) if pid.isdecimal() else 0,
            detail=detail,
        )

    def load(self) -> None:
        """As Manager says."""
        self._asked("daemon-reload")

    def start(self) -> None:
        """As Manager says."""
        self._asked("enable", UNIT)
        self._run(self._words("reset-failed", UNIT))
        self._asked("restart", UNIT)

    def stop(self) -> None:
        """As Manager says."""
        self._asked("disable", "--now", UNIT)

    def logs(self) -> str:
        """As Manager says."""
        return f"journalctl {'' if self._system else '--user '}-u {UNIT}"

    def _words(self, *words: str) -> list[str]:
        return ["systemctl", *([] if self._system else ["--user"]), "--no-pager", *words]

    def _asked(self, *words: str) -> str:
        return _must(self._run, self._words(*words))


class Launchd:
    """`launchctl`, for the session of the user."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        uid: int,
        run: Callable[[Sequence[str]], Ran] = run_program,
        platform: str = sys.platform,
    ) -> None:
        self._run = run
        self._platform = platform
        self._domain = f"gui/{uid}"
        self._home = Path(environ.get("HOME") or "/")
        self.path = self._home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def present(self) -> str:
        """As Manager says."""
        return "" if self._platform == "darwin" else "no-launchd"

    def state(self) -> State:
        """As Manager says."""
        ran = self._run(["launchctl", "print", f"{self._domain}/{LABEL}"])
        if ran.status:
            return State(loaded=False, running=False, enabled=False, pid=0, detail="not loaded")
        lines = (line.strip().partition(" = ") for line in ran.out.splitlines())
        facts = {name: value for name, equals, value in lines if equals}
        pid = facts.get("pid", "0")
        state = facts.get("state", "")
        number = int(pid) if pid.isdecimal() else 0
        return State(loaded=True, running=state == "running", enabled=True, pid=number, detail=state)

    def load(self) -> None:
        """As Manager says: an agent that is loaded keeps its old file until it is loaded again."""
        if self.state().loaded:
            _must(self._run, ["launchctl", "bootout", f"{self._domain}/{LABEL}"])

    def start(self) -> None:
        """As Manager says."""
        if not self.state().loaded:
            _must(self._run, ["launchctl", "enable", f"{self._domain}/{LABEL}"])
            _must(self._run, ["launchctl", "bootstrap", self._domain, str(self.path)])
        _must(self._run, ["launchctl", "kickstart", "-k", f"{self._domain}/{LABEL}"])

    def stop(self) -> None:
        """As Manager says."""
        if self.state().loaded:
            _must(self._run, ["launchctl", "bootout", f"{self._domain}/{LABEL}"])

    def logs(self) -> str:
        """As Manager says."""
        return f"tail {self._home}/Library/Logs/modgate.log"


def _must(run: Callable[[Sequence[str]], Ran], command: Sequence[str]) -> str:
    ran = run(command)
    if ran.status:
        said = " ".join(ran.out.split())[:500] or f"exit status {ran.status}"
        raise Unavailable(said, where=" ".join(command))
    return ran.out


def manager_here(*, system: bool, environ: Mapping[str, str], platform: str = sys.platform) -> Manager | None:
    """The manager of this platform; None on Windows and others."""
    if platform == "darwin":
        return Launchd(environ=environ, uid=os.getuid(), platform=platform)
    if platform.startswith("linux"):
        return Systemd(system=system, environ=environ)
    return None
