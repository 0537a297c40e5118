"""`modgate config check`, `schema`, `init` and `show --changed` as a person and a script meet them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.cli.config import run
from tests.support.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("MODGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file to fill."""
    return tmp_path / "m.toml"


def _checked(file: Path, capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, dict[str, object]]:
    status = run(["check", str(file), "--json", *args])
    found: dict[str, object] = json.loads(capfd.readouterr().out)
    return status, found


def test_a_sound_file_is_ok(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file.write_text("[fetch]\nretries = 3\n", encoding="utf-8")
    assert run(["check", str(file)]) == 0
    captured = capfd.readouterr()
    assert captured.out == f"{file}: OK\n"
    assert captured.err == ""


def test_every_problem_is_told_at_once_with_its_line(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file.write_text("upstraem = 'x'\nlisten = 'y'\n[fetch]\nretries = 99\n", encoding="utf-8")
    status, found = _checked(file, capfd)
    assert status == 2
    assert found["ok"] is False
    problems = found["problems"]
    assert isinstance(problems, list)
    assert [line.removeprefix(str(file)).partition(" ")[0] for line in problems] == [":1:", ":2:", ":4:"]


def test_files_that_are_named_must_be_there(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (file.parent / "folder").mkdir()
    file.write_text(
        "[admin]\ntoken_file = 'none'\n[checksum_log]\nkey_file = 'folder'\n"
        "[[credentials]]\nhost = 'h.example'\ntoken_file = 'gone'\n",
        encoding="utf-8",
    )
    status, found = _checked(file, capfd)
    assert status == 2
    told = "\n".join(found["problems"])  # type: ignore[arg-type]
    assert f"{file}:2: admin.token_file: {file.parent / 'none'} cannot be read: No such file" in told
    assert f"{file.parent / 'folder'} is no file" in told
    assert "credentials, table 1: token_file" in told


def test_a_secret_that_others_read_is_a_warning(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    token = file.parent / "tokens"
    token.write_text("x", encoding="utf-8")
    token.chmod(0o644)
    file.write_text("[admin]\ntoken_file = 'tokens'\n", encoding="utf-8")
    status, found = _checked(file, capfd)
    assert status == 0
    assert "chmod 600" in "".join(found["warnings"])  # type: ignore[arg-type]
    token.chmod(0o600)
    assert _checked(file, capfd)[1]["warnings"] == []


def test_a_key_that_is_not_the_certificates_is_a_problem(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path, "ca")
    (one, key), (_, other) = authority.issue("one.example"), authority.issue("other.example")
    key.chmod(0o600)
    file.write_text(f"[tls]\ncert = '{one}'\nkey = '{other}'\n", encoding="utf-8")
    assert _checked(file, capfd)[0] == 2
    file.write_text(f"[tls]\ncert = '{one}'\nkey = '{key}'\n", encoding="utf-8")
    assert _checked(file, capfd) == (0, {"ok": True, "file": str(file), "problems": [], "warnings": []})


def test_a_file_is_judged_without_this_shells_variables(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv("MODGATE_FETCH_RETRIES", "99")
    assert _checked(file, capfd)[0] == 0
    assert run(["check", "--config", str(file)]) == 2
    assert "MODGATE_FETCH_RETRIES" in capfd.readouterr().err


def test_a_variable_with_a_secret_that_is_not_set_is_a_warning(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[[credentials]]\nhost = 'h.example'\ntoken_env = 'CORP_TOKEN'\n", encoding="utf-8")
    monkeypatch.delenv("CORP_TOKEN", raising=False)
    assert "CORP_TOKEN" in "".join(_checked(file, capfd)[1]["warnings"])  # type: ignore[arg-type]
    monkeypatch.setenv("CORP_TOKEN", "hunter2")
    status, found = _checked(file, capfd)
    assert (status, found["warnings"]) == (0, [])


def test_checking_makes_nothing(file: Path, tmp_path: Path) -> None:
    file.write_text("store = 'store'\n", encoding="utf-8")
    assert run(["check", str(file)]) == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.toml"]


def test_warnings_are_spoken_in_the_language_asked_for(file: Path) -> None:
    token = file.parent / "tokens"
    token.write_text("x", encoding="utf-8")
    token.chmod(0o644)
    file.write_text("[admin]\ntoken_file = 'tokens'\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "modgate", "config", "check", str(file), "--lang", "zh"],
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{file}：正确\n"
    assert "其他用户却可以读取" in done.stderr


def test_the_schema_is_printed_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capfd.readouterr().out)["properties"]["upstream"]["type"] == "string"


def test_a_new_file_is_for_its_owner_and_sound(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(file), "--set", "fetch.retries=3", "--set", "listen=:3000"]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(["check", str(file)]) == 0
    capfd.readouterr()
    assert run(["show", "--changed", "--config", str(file), "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert shown["fetch.retries"]["value"] == "3"
    assert shown["listen"]["value"] == "0.0.0.0:3000"
    assert "fetch.concurrency" not in shown
    assert [each.name for each in file.parent.iterdir() if each.name.startswith(".")] == []


def test_a_file_that_is_there_is_left_alone_without_force(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("mine", encoding="utf-8")
    assert run(["init", str(file)]) == 1
    assert "--force" in capfd.readouterr().err
    assert file.read_text(encoding="utf-8") == "mine"
    assert run(["init", str(file), "--force"]) == 0
    assert file.read_text(encoding="utf-8") != "mine"


def test_without_a_name_it_is_the_users_own_file(tmp_path: Path) -> None:
    assert run(["init"]) == 0
    assert (tmp_path / "home" / ".config" / "modgate" / "config.toml").is_file()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("upstream=https://me:hunter2@proxy.example", "holds a password"),
        ("retries=3", "did you mean fetch.retries?"),
        ("fetch.retries=99", "fetch.retries"),
        ("listen", "write KEY=VALUE"),
    ],
)
def test_a_value_that_is_wrong_or_secret_makes_no_file(
    file: Path, setting: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(file), "--set", setting]) == 2
    captured = capfd.readouterr()
    assert said in captured.err
    assert "hunter2" not in captured.out + captured.err
    assert not file.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "modgate", "config", "init", str(tmp_path / "plain" / "m.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
