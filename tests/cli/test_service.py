"""`modgate service`: what would be installed, what is left alone, what stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.cli import service_run
from modgate.cli.service_plan import plan_for
from modgate.client.service.manager import Ran, Systemd
from modgate.client.service.unit import unit_text
from modgate.config import Loaded, load
from modgate.errors import Unavailable
from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modgate.client.service.plan import Plan

SAY = Catalogue(Language.ENGLISH)
PROGRAM = ["/usr/bin/modgate"]


def _loaded(folder: Path, text: str = "", environ: Mapping[str, str] | None = None) -> Loaded:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)
    home = {"HOME": str(folder), **(environ or {})}
    return load(config_file=file, environ=home, ask_go=lambda environ: {})  # noqa: ARG005  as it is called


def _plan(folder: Path, text: str = "", *, system: bool = True, **environ: str) -> tuple[Plan, list[str]]:
    loaded = _loaded(folder, text)
    given = {"HOME": str(folder), "PATH": "/usr/bin:/bin", **environ}
    plan, notes = plan_for(loaded, given, system=system, program=PROGRAM)
    return plan, [note.key.removeprefix("service.note.") for note in notes if note.key != "service.note.tmp"]


class Manager:
    """A systemctl that has nothing to do with this machine's."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.running = False
        self.manager = Systemd(system=True, environ={}, run=self, booted=folder, units=folder / "units")

    def __call__(self, command: Sequence[str]) -> Ran:
        self.told.append(command[2])
        if command[2] == "show":
            state = "active" if self.running else "inactive"
            return Ran(0, f"LoadState=loaded\nActiveState={state}\nUnitFileState=enabled\nMainPID=9\n")
        return Ran(0, "")


def _run(folder: Path, *args: str, lang: str = "en") -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODGATE_")}
    return subprocess.run(
        [sys.executable, "-m", "modgate", "service", *args],
        env={**kept, "HOME": str(folder), "COLUMNS": "80", "PYTHONUTF8": "1", "MODGATE_LANG": lang},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("scope", ["--system", "--user"])
@pytest.mark.skipif(sys.platform == "darwin", reason="launchd has no units")
def test_a_dry_run_prints_the_unit_and_writes_nothing(scope: str, tmp_path: Path) -> None:
    file = tmp_path / "my config.toml"
    file.write_text("[fetch]\nretries = 3\n", encoding="utf-8")
    done = _run(tmp_path, "install", scope, "--dry-run", "--config", str(file))
    assert done.returncode == 0, done.stderr
    assert f'serve --config "{file}"' in done.stdout
    assert "ExecReload=/bin/kill -HUP $MAINPID" in done.stdout
    assert ("DynamicUser=yes" in done.stdout) is (scope == "--system")
    # go, which is asked for its settings, makes a folder of its own.
    assert not (tmp_path / ".config" / "systemd").exists()
    assert not (tmp_path / ".cache" / "modgate").exists()


def test_a_configuration_that_is_wrong_is_told_before_anything_is_made(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("[tls]\ncert = 'no.pem'\nkey = 'no.key'\n", encoding="utf-8")
    done = _run(tmp_path, "install", "--dry-run", "--config", str(file), lang="zh")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "无法读取" in done.stderr


def test_the_machines_store_is_given_by_systemd_unless_one_is_named(tmp_path: Path) -> None:
    plan, _ = _plan(tmp_path)
    assert plan.store is None
    assert "Environment=MODGATE_STORE=%S/modgate/store" in unit_text(plan)
    plan, notes = _plan(tmp_path, "store = '/srv/go modules'")
    assert notes == ["store"]
    text = unit_text(plan)
    assert 'ReadWritePaths="/srv/go modules"' in text
    assert "MODGATE_STORE" not in text


def test_a_users_store_is_the_users(tmp_path: Path) -> None:
    plan, _ = _plan(tmp_path, system=False, XDG_CACHE_HOME="/elsewhere")
    assert dict(plan.environment)["XDG_CACHE_HOME"] == "/elsewhere"
    assert plan.store == f"{tmp_path}/.cache/modgate/store"
    assert plan.credentials == ()


def test_what_only_this_shell_has_is_told(tmp_path: Path) -> None:
    _, notes = _plan(
        tmp_path,
        "[[credentials]]\nhost = 'h.example'\ntoken_env = 'CORP'\n[[credentials]]\nhost = 's.example'\n"
        "kind = 'ssh'",
        MODGATE_UPSTREAM="https://x.example",
        MODGATE_LANG="zh",
    )
    assert notes == ["variables", "secrets", "ssh"]


def test_proxies_go_along_and_passwords_do_not(tmp_path: Path) -> None:
    plan, notes = _plan(
        tmp_path, HTTPS_PROXY="http://me:hunter2@proxy:8080", no_proxy=".corp.example", PATH="/usr/bin"
    )
    assert dict(plan.environment)["no_proxy"] == ".corp.example"
    assert notes == ["proxy"]
    assert "hunter2" not in unit_text(plan)


def test_secrets_that_only_root_reads_are_handed_over(tmp_path: Path) -> None:
    for name, mode in (("server.key", 0o600), ("server.pem", 0o644), ("token", 0o600)):
        (tmp_path / name).write_text("x", encoding="utf-8")
        (tmp_path / name).chmod(mode)
    text = (
        "[tls]\ncert = 'server.pem'\nkey = 'server.key'\n[[credentials]]\nhost = 'h.example'\n"
        "token_file = 'token'"
    )
    plan, notes = _plan(tmp_path, text)
    assert plan.credentials == (("tls.key", str(tmp_path / "server.key")),)
    assert str(tmp_path / "server.pem") in plan.reads
    assert sorted(notes) == ["handed", "unreadable"]


def test_a_port_below_1024_is_seen(tmp_path: Path) -> None:
    assert _plan(tmp_path, "listen = ':443'")[0].low_port is True
    assert _plan(tmp_path, "listen = ':3000'")[0].low_port is False
    assert _plan(tmp_path, "listen = 'unix:/run/x'")[0].low_port is False


def test_installing_twice_changes_nothing_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake, plan = Manager(tmp_path), _plan(tmp_path)[0]
    path = fake.manager.path
    assert service_run.install(fake.manager, plan, "one\n", SAY, force=False)
    assert path.read_text(encoding="utf-8") == "one\n"
    assert path.stat().st_mode & 0o777 == 0o644
    inode = path.stat().st_ino
    assert service_run.install(fake.manager, plan, "one\n", SAY, force=False)
    assert path.stat().st_ino == inode
    assert "is as it should be" in capsys.readouterr().out


def test_a_unit_that_somebody_changed_is_shown_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake, plan = Manager(tmp_path), _plan(tmp_path)[0]
    path = fake.manager.path
    path.parent.mkdir()
    path.write_text("mine\n", encoding="utf-8")
    assert not service_run.install(fake.manager, plan, "new\n", SAY, force=False)
    shown = capsys.readouterr()
    assert "-mine\n+new\n" in shown.out
    assert "--force" in shown.err
    assert path.read_text(encoding="utf-8") == "mine\n"
    assert fake.told == []
    assert service_run.install(fake.manager, plan, "new\n", SAY, force=True)
    assert path.read_text(encoding="utf-8") == "new\n"


def test_a_users_store_is_made_because_the_service_may_not_make_it(tmp_path: Path) -> None:
    plan, _ = _plan(tmp_path, system=False)
    service_run.install(Manager(tmp_path).manager, plan, "one\n", SAY, force=False)
    assert (tmp_path / ".cache" / "modgate" / "store").stat().st_mode & 0o777 == 0o700


def test_uninstalling_takes_the_unit_and_leaves_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Manager(tmp_path)
    plan, _ = _plan(tmp_path, f"store = '{tmp_path / 'store'}'")
    service_run.install(fake.manager, plan, "one\n", SAY, force=False)
    service_run.uninstall(fake.manager, SAY)
    assert not fake.manager.path.exists()
    assert (tmp_path / "store").is_dir()
    assert fake.told == ["daemon-reload", "disable", "daemon-reload"]
    assert "removed" in capsys.readouterr().out


def test_a_service_without_a_socket_is_known_by_its_manager(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Manager(tmp_path)
    fake.running = True
    loaded = _loaded(tmp_path, "store = 'memory:'")
    service_run.start(fake.manager, loaded.config, SAY)
    assert "pid 9" in capsys.readouterr().out


def test_a_start_that_fails_names_the_log(tmp_path: Path) -> None:
    def refuse(command: Sequence[str]) -> Ran:
        return Ran(1, "Job failed") if "restart" in command else Ran(0, "")

    manager = Systemd(system=True, environ={}, run=refuse, booted=tmp_path, units=tmp_path)
    with pytest.raises(Unavailable) as caught:
        service_run.start(manager, _loaded(tmp_path).config, SAY)
    assert "journalctl -u modgate.service" in caught.value.next_step


def test_the_state_is_told_in_words_and_as_facts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake, plan = Manager(tmp_path), _plan(tmp_path)[0]
    config = _loaded(tmp_path, "store = 'memory:'").config
    service_run.show(service_run.facts(fake.manager, "one\n"), config, fake.manager, SAY)
    assert "Not installed" in capsys.readouterr().out
    service_run.install(fake.manager, plan, "one\n", SAY, force=False)
    found = service_run.facts(fake.manager, "two\n")
    assert (found["installed"], found["as_configured"], found["running"]) == (True, False, False)
    service_run.show(found, config, fake.manager, SAY)
    shown = capsys.readouterr().out
    assert "Not running" in shown
    assert "is not what would be written now" in shown
