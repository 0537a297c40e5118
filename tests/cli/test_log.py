"""`modgate log` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

COMMAND = [sys.executable, "-m", "modgate", "log"]
RECORDED = Path(__file__).parents[1] / "client" / "golog" / "recorded"
SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
EVERY = sorted(
    [*RECORDED.iterdir()]
    + [
        file
        for file in (SAMPLES.iterdir() if SAMPLES.is_dir() else ())
        if file.suffix not in {".json", ".md"}
    ]
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("LC_ALL", "LANG", "LC_MESSAGES", "MODGATE_LANG"):
        monkeypatch.delenv(name, raising=False)


def _run(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *args], input=stdin, capture_output=True, timeout=60, check=False)


def test_json_is_one_document_and_the_status_says_that_something_is_wrong() -> None:
    ran = _run(str(RECORDED / "database-behind-mirror.log"), "--json")
    told = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert list(told) == ["schema", "requests", "root_cause"]
    assert told["schema"] == 1
    assert set(told["requests"][0]) == {"url", "module", "version", "endpoint", "phase", "status", "seconds"}
    assert list(told["root_cause"]) == ["id", "phase", "catalogue", "confidence", "text", "fix"]
    assert (told["root_cause"]["phase"], told["root_cause"]["catalogue"]) == ("checksum", 2)
    assert ran.stderr == b""


def test_a_log_of_a_success_has_status_nought_and_no_cause() -> None:
    ran = _run(str(RECORDED / "recovered.log"), "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["root_cause"] is None


def test_standard_input_is_read_where_the_file_is_a_dash() -> None:
    log = (RECORDED / "json-error.log").read_bytes()
    assert _run("-", "--json", stdin=log).stdout == _run(str(RECORDED / "json-error.log"), "--json").stdout


def test_the_language_changes_the_words_and_nothing_else() -> None:
    english, chinese = (
        json.loads(_run(str(RECORDED / "json-error.log"), "--json", "--lang", lang).stdout)
        for lang in ("en", "zh")
    )
    assert english["root_cause"].pop("text") != chinese["root_cause"].pop("text")
    assert english["root_cause"].pop("fix") != chinese["root_cause"].pop("fix")
    assert english == chinese


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", ["interrupted-in-ci.log", "database-behind-mirror.log", "html-go-mod.log"])
def test_what_is_shown_fits_eighty_columns(name: str, lang: str) -> None:
    shown = _run(str(RECORDED / name), "--lang", lang, "-v").stdout.decode()
    assert shown
    assert max(cell_len(line) for line in shown.splitlines()) <= 80
    assert "\x1b" not in shown


def test_every_log_can_be_said_in_both_languages() -> None:
    from modgate.client.golog import analyse  # noqa: PLC0415  many logs in one process
    from modgate.client.golog.decode import read_lines  # noqa: PLC0415
    from modgate.client.golog.drawing import document, drawing  # noqa: PLC0415
    from modgate.messages import Catalogue, Language  # noqa: PLC0415

    for file in EVERY:
        with file.open("rb") as stream:
            analysis = analyse(read_lines(stream), file.name, interrupted=True)
        for language in Language:
            say = Catalogue(language)
            assert list(drawing(analysis, say, verbose=True))
            assert document(analysis, say)["schema"] == 1


def test_a_text_of_something_else_is_refused_kindly() -> None:
    ran = _run("-", stdin=b"hello\nworld\n")
    assert ran.returncode == 2
    assert ran.stdout == b""
    assert b"go mod download -x" in ran.stderr


def test_an_empty_log_says_so() -> None:
    ran = _run("-")
    assert ran.returncode == 2
    assert b"empty" in ran.stderr


def test_a_file_that_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    ran = _run(str(tmp_path / "missing.log"))
    assert ran.returncode == 2
    assert b"missing.log" in ran.stderr.replace(b"\n", b"")  # wherever the line was broken
    assert b"Traceback" not in ran.stderr


def test_a_hang_can_be_said() -> None:
    asked = b"# get https://p.example/git.example/x/@v/v1.0.0.zip"
    log = asked + b"\n" + asked + b": 200 OK (0.1s)\n"
    assert _run("-", stdin=log).returncode == 0
    assert json.loads(_run("-", "--hung", "--json", stdin=log).stdout)["root_cause"]["phase"] == "body"
