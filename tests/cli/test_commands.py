"""The command as a person meets it: help, versions, slips, statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate import __version__
from modgate.cli import COMMANDS, FAILED, INTERRUPTED, USAGE, guarded, main
from modgate.config import FLAGS, all_keys
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HEAVY = {"pydantic", "pydantic_settings", "typer", "rich", "aiohttp", "asyncio", "uvicorn", "sqlalchemy"}


def _run(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modgate", *args],
        env={**os.environ, "COLUMNS": "80", **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _imported(*args: str) -> set[str]:
    code = (
        "import sys\nfrom modgate.cli import main\nmain(sys.argv[1:])\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("args", [["--help"], ["--version"]])
def test_help_and_version_import_nothing_heavy(args: list[str]) -> None:
    assert not _imported(*args) & HEAVY


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_help_of_a_command_needs_neither_the_configuration_nor_the_server(command: str) -> None:
    assert not _imported(command, "--help") & (HEAVY - {"typer"})


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"modgate {__version__}\n"


@pytest.mark.parametrize("args", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_fits_eighty_columns(args: list[str]) -> None:
    done = _run(*args)
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_every_flag_of_the_table_is_in_the_help_and_the_other_way_round() -> None:
    shown = {word for word in _run("serve", "--help").stdout.split() if word.startswith("--")}
    assert shown == {*FLAGS, "--config", "--set", "--help"}


def test_no_command_is_a_usage_error_with_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == USAGE
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "said"), [("serv", "serve"), ("server", "serve"), ("xyz", "--help"), ("-x", "option")]
)
def test_an_unknown_command_is_led_to_the_nearest(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == USAGE
    assert said in capsys.readouterr().err


def test_problems_of_flags_variables_and_values_come_together(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODGATE_UPSTRAEM", "x")
    status = main(
        [
            "serve",
            "--cacher-dir",
            "/x",
            "--lisen=:1",
            "stray",
            "--log-level",
            "loud",
            "--set",
            "retries=3",
            "--set",
            "x",
        ]
    )
    captured = capfd.readouterr()
    assert status == USAGE
    assert captured.out == ""
    for said in (
        "--cacher-dir: no such flag; goproxy calls it --cacher-dir; modgate: --store FOLDER",
        "--lisen: no such flag; did you mean --listen?",
        "stray: this command takes no arguments",
        "--log-level: log.level: ",
        "--set: no key retries; did you mean fetch.retries?",
        "--set x: write KEY=VALUE",
        "MODGATE_UPSTRAEM: no such variable; did you mean MODGATE_UPSTREAM?",
    ):
        assert f"modgate: {said}" in captured.err
    assert len(captured.err.splitlines()) == 7


def test_a_flag_without_its_value_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--listen"]) == USAGE
    assert "--listen" in capfd.readouterr().err


def test_a_missing_file_ends_with_two_and_no_traceback(tmp_path: Path) -> None:
    done = _run("serve", "--config", str(tmp_path / "no.toml"))
    assert done.returncode == USAGE
    assert done.stderr.startswith(f"modgate: --config {tmp_path / 'no.toml'}: cannot be read: ")
    assert "Traceback" not in done.stderr


def test_config_show_tells_every_key_and_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text("upstream = 'https://u:hunter2@a.example'\n[fetch]\nretries = 4\n")
    done = _run("config", "show", "--config", str(file), "--json", env={"MODGATE_CACHE_MEMORY": "1MiB"})
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert list(told) == list(all_keys())
    assert told["upstream"] == {"value": "https://***@a.example", "origin": f"{file}:1"}
    assert told["fetch.retries"] == {"value": "4", "origin": f"{file}:3"}
    assert told["cache.memory"] == {"value": "1MiB", "origin": "MODGATE_CACHE_MEMORY"}
    assert "hunter2" not in _run("config", "show", "--config", str(file)).stdout


def test_what_config_show_prints_can_be_set_again(tmp_path: Path) -> None:
    told = json.loads(_run("config", "show", "--json").stdout)
    pairs = [f"--set={name}={row['value']}" for name, row in told.items() if row["value"]]
    again = json.loads(_run("config", "show", "--json", *pairs).stdout)
    assert {name: row["value"] for name, row in again.items()} == {
        name: row["value"] for name, row in told.items()
    }


def test_an_error_of_the_family_becomes_lines_and_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(args: Sequence[str]) -> int:
        raise Unavailable("the folder is locked", where="/store", next_step="stop the other server")

    assert guarded(broken, []) == FAILED
    assert capsys.readouterr().err == "modgate: /store: the folder is locked\n  stop the other server\n"


def test_ctrl_c_ends_with_its_own_status_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(args: Sequence[str]) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0

    assert guarded(interrupted, []) == INTERRUPTED
    assert capsys.readouterr().err == ""
