"""`modgate --help` in the language of the person, at the price of English."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from modgate.cli import COMMANDS, _chinese, _without_language, main
from modgate.cli.wide import wrapped
from modgate.messages import Catalogue, Language, language_from

if TYPE_CHECKING:
    from pathlib import Path

LOCALE = ("MODGATE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(autouse=True)
def _no_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOCALE:
        monkeypatch.setenv(name, "")


def _printed(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(args) == 0
    return capsys.readouterr().out


def test_the_english_lines_are_those_of_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    say = Catalogue(Language.ENGLISH)
    shown = _printed(["--help"], capsys)
    assert shown.startswith(say("cli.help.head"))
    assert shown.rstrip().endswith(say("cli.help.tail"))
    for name, (_, line) in COMMANDS.items():
        assert line == say(f"cli.command.{name}")


@pytest.mark.parametrize(
    "args", [["--help", "--lang", "zh"], ["--lang", "zh", "--help"], ["--lang=zh", "help"]]
)
def test_help_can_be_asked_for_in_chinese(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = _printed(args, capsys)
    assert "查明下载失败的原因并修复" in shown
    assert max(map(cell_len, shown.splitlines())) <= 80


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("columns", [60, 80])
def test_chinese_help_of_a_command_fits_the_window(command: str, columns: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modgate", command, "--help"],
        env={**os.environ, "MODGATE_LANG": "zh", "COLUMNS": str(columns), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert [line for line in lines if line.lstrip()[:1] in set("，。、；：）”")] == []
    assert lines[0].startswith("用法：modgate ")
    assert any(line.endswith("显示本说明并退出。") for line in lines)
    if command not in {"serve", "config"}:
        assert [line for line in lines if re.search(r"\b(?:the|of|and)\b", line)] == []


GROUPS = ("completion", "config", "mirrors", "route", "service", "store", "sumdb", "vcs")


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("before", [True, False])
def test_a_group_takes_the_language_on_either_side_of_help(group: str, before: bool) -> None:
    words = ["--lang=zh", "--help"] if before else ["--help", "--lang", "zh"]
    done = subprocess.run(
        [sys.executable, "-m", "modgate", group, *words],
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("用法：modgate ")


def test_a_command_of_a_group_speaks_the_language_that_stands_before_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = str(tmp_path / "none.toml")
    assert main(["config", "--lang", "zh", "check", missing]) == main(["config", "check", missing])
    assert "No such option" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("找出原因并修复它", 8, ["找出原因", "并修复它"]),
        ("找出原因，并修复", 8, ["找出原", "因，并修", "复"]),
        ("运行 modgate doctor 即可", 9, ["运行", "modgate", "doctor 即", "可"]),
        ("（见 docs）", 6, ["（见", "docs）"]),
        ("https://goproxy.example.com/path", 10, ["https://goproxy.example.com/path"]),
    ],
)
def test_lines_break_by_cells_and_never_before_a_closing_mark(
    text: str, width: int, lines: list[str]
) -> None:
    assert wrapped(text, width) == lines


def test_help_speaks_the_language_of_the_locale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "命令：" in _printed(["--help"], capsys)


@pytest.mark.parametrize("name", LOCALE)
@pytest.mark.parametrize("value", ["", "C", "zh", "ZH_cn.UTF-8", "en_US.UTF-8"])
def test_the_cheap_rule_agrees_with_the_catalogues(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN")
    monkeypatch.setenv(name, value)
    assert _chinese() is (language_from(os.environ) is Language.CHINESE)


@pytest.mark.parametrize(
    ("args", "left", "language"),
    [
        (["--lang", "zh", "doctor", "-v"], ["doctor", "-v"], "zh"),
        (["--lang=en", "log", "-"], ["log", "-"], "en"),
        (["doctor", "--lang", "zh"], ["doctor", "--lang", "zh"], ""),
        (["trace", "--", "go", "--lang", "zh"], ["trace", "--", "go", "--lang", "zh"], ""),
        (["--lang"], [], ""),
        ([], [], ""),
    ],
)
def test_a_language_before_the_command_is_for_the_command(
    args: list[str], left: list[str], language: str
) -> None:
    assert _without_language(args) == left
    assert os.environ["MODGATE_LANG"] == language


def test_english_help_opens_no_catalogue() -> None:
    code = "import sys\nfrom modgate.cli import main\nmain(['--help'])\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LANG": "C", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not {"modgate.messages", "tomllib"} & set(done.stderr.split())
