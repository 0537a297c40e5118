"""The texts of units and agents: what systemd and launchd read is what was meant, whatever paths hold."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.client.service.agent import agent_text
from modgate.client.service.plan import LABEL, Plan
from modgate.client.service.unit import unit_text
from modgate.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan(
    command=("/usr/bin/modgate", "serve", "--config", "/etc/modgate/config.toml"),
    system=True,
    store=None,
    reads=("/usr/lib/python3", "/etc/modgate/config.toml"),
    writes=(),
    credentials=(("tls.key", "/etc/modgate/server.key"),),
    environment=(("PATH", "/usr/bin:/bin"),),
    environment_file="/etc/modgate/environment",
    home="/root",
    stop_seconds=45,
)
USER = replace(PLAN, system=False, store="/home/u/.cache/modgate/store", credentials=(), home="/home/u")
ODD = "/opt/my 100% $HOME \"gate\" 'x'\\y"
AGENT_KEYS = {
    "Label",
    "ProgramArguments",
    "EnvironmentVariables",
    "WorkingDirectory",
    "RunAtLoad",
    "KeepAlive",
    "ThrottleInterval",
    "ExitTimeOut",
    "ProcessType",
    "Umask",
    "SoftResourceLimits",
    "HardResourceLimits",
    "StandardOutPath",
    "StandardErrorPath",
}
"""Those of launchd.plist(5) that are used; a key that it does not know would do nothing and say nothing."""
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def _analyze(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=60, check=False)


def _lines(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]


@needs_systemd
@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, low_port=True), USER, replace(USER, namespaces=False)])
def test_systemd_finds_nothing_to_say_about_a_unit(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "modgate.service"
    file.write_text(unit_text(replace(plan, command=("/bin/true", *plan.command[1:]))), encoding="utf-8")
    done = _analyze("verify", "--recursive-errors=no", str(file))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_a_unit_that_is_wrong_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "modgate.service"
    file.write_text(unit_text(replace(PLAN, command=("/no such/program", "serve"))), encoding="utf-8")
    assert "/no such/program" in _analyze("verify", str(file)).stderr


@needs_systemd
def test_a_service_of_the_machine_is_hardly_exposed(tmp_path: Path) -> None:
    file = tmp_path / "modgate.service"
    file.write_text(unit_text(PLAN), encoding="utf-8")
    assert _analyze("security", "--offline=true", "--threshold=15", str(file)).returncode == 0
    told = _analyze("security", "--offline=true", "--no-pager", str(file)).stdout
    assert "Overall exposure level for modgate.service: 1." in told


@needs_systemd
def test_odd_paths_reach_systemd_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "my 100% $HOME \"gate\" 'x'\\y"
    folder.mkdir()
    program = folder / "modgate"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    file = tmp_path / "modgate.service"
    plan = replace(PLAN, command=(str(program), "serve"), writes=(str(folder),), reads=(str(folder),))
    file.write_text(unit_text(plan), encoding="utf-8")
    assert _analyze("verify", "--recursive-errors=no", str(file)).stderr == ""


@needs_systemd
def test_systemd_finds_a_program_whose_name_has_blanks_and_percent_signs(tmp_path: Path) -> None:
    folder = tmp_path / "my 100% gate"
    folder.mkdir()
    program = folder / "modgate"
    file = tmp_path / "modgate.service"
    file.write_text(unit_text(replace(PLAN, command=(str(program), "serve"))), encoding="utf-8")
    assert f"Command {program} is not executable" in _analyze("verify", str(file)).stderr
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert _analyze("verify", "--recursive-errors=no", str(file)).stderr == ""


def test_words_are_quoted_as_each_place_wants_them() -> None:
    text = unit_text(
        replace(PLAN, command=(ODD, "serve"), writes=(ODD,), environment=(("X", ODD),), credentials=())
    )
    inside = "/opt/my 100%% $HOME \\\"gate\\\" 'x'\\\\y"
    assert _lines(text, "ExecStart") == [f'/usr/bin/env "{inside.replace("$", "$$")}" serve']
    assert _lines(text, "ReadWritePaths") == [f'"{inside}"']
    assert f'"X={inside}"' in _lines(text, "Environment")


@pytest.mark.parametrize("path", ["/a\nExecStartPre=/bin/evil", "/a\0b", "/a\x7f", "/\udcff"])
def test_a_path_that_would_end_its_line_is_refused(path: str) -> None:
    for plan in (
        replace(PLAN, command=(path,)),
        replace(PLAN, writes=(path,)),
        replace(PLAN, credentials=(("tls.key", path),)),
        replace(PLAN, environment_file=path),
    ):
        with pytest.raises(Invalid):
            unit_text(plan)


@pytest.mark.parametrize("path", ["/a ", " /a", "/a\\"])
def test_a_path_that_stands_without_quotes_is_refused_where_they_would_be_needed(path: str) -> None:
    with pytest.raises(Invalid):
        unit_text(replace(PLAN, environment_file=path))


def test_a_secret_of_root_is_handed_over_and_its_key_points_there() -> None:
    text = unit_text(PLAN)
    assert _lines(text, "LoadCredential") == ["tls.key:/etc/modgate/server.key"]
    assert "MODGATE_TLS_KEY=%d/tls.key" in _lines(text, "Environment")


def test_homes_are_hidden_but_for_what_the_program_consists_of() -> None:
    assert _lines(unit_text(PLAN), "ProtectHome") == ["yes"]
    text = unit_text(replace(PLAN, reads=("/home/me/venv", "/usr/lib/x", "/root/a:b")))
    assert _lines(text, "ProtectHome") == ["tmpfs"]
    assert _lines(text, "BindReadOnlyPaths") == ['/home/me/venv "/root/a\\\\:b"']


def test_a_user_without_namespaces_gets_no_rule_that_needs_them() -> None:
    text = unit_text(replace(USER, namespaces=False))
    for name in ("PrivateUsers", "ProtectSystem", "ProtectHome", "PrivateTmp", "ReadWritePaths"):
        assert _lines(text, name) == []
    for name in ("DynamicUser", "User", "CapabilityBoundingSet"):
        assert _lines(unit_text(USER), name) == []
    assert _lines(text, "NoNewPrivileges") == ["yes"]
    assert _lines(text, "WantedBy") == ["default.target"]


def test_a_low_port_takes_one_capability_and_no_other() -> None:
    text = unit_text(replace(PLAN, low_port=True))
    assert _lines(text, "CapabilityBoundingSet") == ["CAP_NET_BIND_SERVICE"]
    assert _lines(text, "PrivateUsers") == []
    assert _lines(unit_text(PLAN), "CapabilityBoundingSet") == [""]


def test_an_agent_says_what_launchd_understands() -> None:
    plan = replace(USER, command=("/opt/my gate/<modgate>&", "serve"), environment=(("PATH", "/usr/bin"),))
    facts = plistlib.loads(agent_text(plan).encode())
    assert set(facts) == AGENT_KEYS
    assert facts["Label"] == LABEL
    assert facts["ProgramArguments"] == ["/opt/my gate/<modgate>&", "serve"]
    assert facts["KeepAlive"] == {"SuccessfulExit": False}
    assert facts["Umask"] == 0o077
    assert facts["ExitTimeOut"] == 45
