"""What is asked of systemctl and launchctl, and how their answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.client.service.manager import Launchd, Ran, Systemd, manager_here, run_program
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=42
Result=success
"""


class Program:
    """A program that answers by its first word that is no option, and remembers what it was told."""

    def __init__(self, **answers: Ran) -> None:
        self.answers = answers
        self.told: list[str] = []

    def __call__(self, command: Sequence[str]) -> Ran:
        words = [word for word in command[1:] if not word.startswith("-")]
        self.told.append(" ".join(command))
        return self.answers.get(words[0].replace("-", "_"), Ran(0, ""))


def _systemd(program: Program, tmp_path: Path, *, system: bool = True) -> Systemd:
    environ = {"HOME": str(tmp_path)}
    return Systemd(system=system, environ=environ, run=program, booted=tmp_path, units=tmp_path / "units")


def test_the_state_is_what_systemctl_shows(tmp_path: Path) -> None:
    state = _systemd(Program(show=Ran(0, SHOWN)), tmp_path).state()
    assert (state.loaded, state.running, state.enabled, state.pid) == (True, True, True, 42)
    assert state.detail == "active/running"


def test_a_service_that_failed_is_told_with_its_result(tmp_path: Path) -> None:
    shown = "ActiveState=failed\nSubState=failed\nUnitFileState=disabled\nMainPID=0\nResult=exit-code\n"
    state = _systemd(Program(show=Ran(0, shown)), tmp_path).state()
    assert (state.running, state.enabled, state.pid) == (False, False, 0)
    assert state.detail == "failed/failed (exit-code)"


def test_it_is_enabled_and_restarted_so_that_a_new_unit_counts(tmp_path: Path) -> None:
    program = Program()
    _systemd(program, tmp_path).start()
    assert program.told == [
        "systemctl --no-pager enable modgate.service",
        "systemctl --no-pager reset-failed modgate.service",
        "systemctl --no-pager restart modgate.service",
    ]


def test_a_users_service_is_asked_of_the_users_manager(tmp_path: Path) -> None:
    program = Program()
    manager = _systemd(program, tmp_path, system=False)
    manager.load()
    assert program.told == ["systemctl --user --no-pager daemon-reload"]
    assert manager.path == tmp_path / ".config" / "systemd" / "user" / "modgate.service"
    assert "--user" in manager.logs()


def test_what_systemctl_says_on_failure_is_passed_on(tmp_path: Path) -> None:
    program = Program(restart=Ran(1, "Job for modgate.service failed.\n"))
    with pytest.raises(Unavailable, match=r"Job for modgate\.service failed\."):
        _systemd(program, tmp_path).start()


def test_a_machine_without_systemd_or_a_session_is_told_apart(tmp_path: Path) -> None:
    none = Systemd(system=True, environ={}, run=Program(), booted=tmp_path / "none")
    assert none.present() == "no-systemd"
    gone = Program(show_environment=Ran(1, "Failed to connect to bus"))
    assert _systemd(gone, tmp_path, system=False).present() == "no-session"
    assert _systemd(gone, tmp_path, system=True).present() == ""


def test_an_agent_that_is_loaded_is_loaded_anew(tmp_path: Path) -> None:
    shown = "gui/501/dev.modgate.serve = {\n\tstate = running\n\tpid = 77\n}\n"
    program = Program(print=Ran(0, shown))
    agent = Launchd(environ={"HOME": str(tmp_path)}, uid=501, run=program, platform="darwin")
    assert agent.path == tmp_path / "Library" / "LaunchAgents" / "dev.modgate.serve.plist"
    state = agent.state()
    assert (state.running, state.pid) == (True, 77)
    agent.load()
    assert program.told[-1] == "launchctl bootout gui/501/dev.modgate.serve"


def test_an_agent_that_is_not_loaded_is_bootstrapped(tmp_path: Path) -> None:
    program = Program(print=Ran(113, "Could not find service"))
    agent = Launchd(environ={"HOME": str(tmp_path)}, uid=501, run=program, platform="darwin")
    assert agent.state().loaded is False
    agent.start()
    assert f"launchctl bootstrap gui/501 {agent.path}" in program.told


def test_other_platforms_have_no_manager() -> None:
    assert manager_here(system=True, environ={}, platform="win32") is None
    assert manager_here(system=True, environ={}, platform="freebsd14") is None


def test_a_program_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(Unavailable):
        run_program(["/no/such/program"])
    assert run_program(["/bin/sh", "-c", "echo $LC_ALL; exit 3"]) == Ran(3, "C\n")
