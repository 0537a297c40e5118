"""`modgate doctor` as a person and a program meet it: lines, JSON, statuses, --fix and undo."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modgate.client.doctor.document import schema
from modgate.client.doctor.registry import all_checks
from modgate.client.machine.local import LocalHost
from modgate.messages import Language, texts_of
from modgate.wiring import client as wiring
from tests.client.doctor.json_schema import problems


@dataclass(frozen=True, slots=True)
class Person:
    """A person of this machine with a home of their own."""

    home: Path

    @property
    def goenv(self) -> Path:
        return self.home / ".config" / "go" / "env"

    def environ(self, **more: str) -> dict[str, str]:
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.home), "COLUMNS": "80", "LANG": "C.UTF-8"}
        return {**kept, "GOTOOLCHAIN": "local", "GOPROXY": "http://127.0.0.1:9", "GOSUMDB": "off"} | more

    def run(self, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "modgate", *args],
            env=self.environ(**more),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def answer(self, words: bytes, *args: str) -> tuple[int, str]:
        """Run with a terminal for input and output, and type these words."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.home)
            os.execve(sys.executable, [sys.executable, "-m", "modgate", *args], self.environ(TERM="dumb"))
        os.write(terminal, words)
        said = b""
        try:
            while piece := os.read(terminal, 4096):
                said += piece
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said.decode()


@pytest.fixture
def person(tmp_path: Path, go_command: str) -> Person:
    assert go_command
    home = tmp_path / "home"
    home.mkdir()
    return Person(home)


OFFLINE = ("doctor", "--only", "goenv-file,go-variables", "--lang", "en")
DAMAGED = b"GOFLAGS=-x\r\nGONOPROXY=a.example\r\n"


def _damage(person: Person) -> None:
    person.goenv.parent.mkdir(parents=True)
    person.goenv.write_bytes(DAMAGED)


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_every_check_is_named_once_and_has_its_texts() -> None:
    names = [check.name for check in all_checks()]
    assert len(set(names)) == len(names)
    for language in Language:
        texts = texts_of(language, "check")
        for name in names:
            assert texts[f"{name}.title"]
            assert texts[f"{name}.what"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_list_of_checks_fits_eighty_columns(person: Person, lang: str) -> None:
    done = person.run("doctor", "--list-checks", "--lang", lang)
    assert done.returncode == 0
    for line in done.stdout.splitlines():
        assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line) <= 80, line


def test_the_list_of_checks_as_json_is_one_document(person: Person) -> None:
    listed = _json(person.run("doctor", "--list-checks", "--json"))
    assert listed["schema"] == 1
    assert {"id", "title", "what", "network", "groups", "systems"} == set(listed["checks"][0])
    only = _json(person.run("doctor", "--list-checks", "--json", "--only", "MG-DNS-003"))
    assert [check["id"] for check in only["checks"]] == ["dns"]


def test_the_json_of_a_sick_machine_is_as_its_schema_says(person: Person) -> None:
    _damage(person)
    done = person.run("doctor", "--json", "--timeout", "8")
    assert done.returncode == 1
    assert done.stderr == ""
    document = _json(done)
    assert problems(document, schema(), schema()) == []
    assert document["healthy"] is False
    assert document["root_cause"] is not None
    assert {check["id"] for check in document["checks"]} >= {"goenv-file", "module", "sumdb"}


def test_the_schema_would_refuse_another_document(person: Person) -> None:
    document = _json(person.run("doctor", "--json", "--offline"))
    assert problems(document, schema(), schema()) == []
    for broken in (
        {**document, "schema": 2},
        {**document, "more": 1},
        {name: value for name, value in document.items() if name != "root_cause"},
        {**document, "checks": [{**document["checks"][0], "status": "fine"}]},
    ):
        assert problems(broken, schema(), schema())


def test_offline_uses_no_network_and_says_so(person: Person) -> None:
    done = person.run("doctor", "--offline", "--json")
    states = {check["id"]: check["status"] for check in _json(done)["checks"]}
    assert states["dns"] == states["module"] == "skipped"
    assert states["goenv-file"] == "good"


def test_an_unknown_check_is_a_slip_and_the_nearest_is_named(person: Person) -> None:
    done = person.run("doctor", "--only", "sumdbb", "--lang", "en")
    assert done.returncode == 2
    assert "did you mean" in done.stderr
    assert "sumdb" in done.stderr


def test_what_is_no_module_path_is_a_slip(person: Person) -> None:
    assert person.run("doctor", "no module").returncode == 2


def test_a_password_in_goproxy_appears_nowhere(person: Person) -> None:
    for args in (("doctor", "-v"), ("doctor", "--json")):
        done = person.run(*args, GOPROXY="http://me:hunter2@127.0.0.1:9,http://t0ken-t0ken@127.0.0.1:9/x")
        assert "hunter2" not in done.stdout + done.stderr
        assert "t0ken-t0ken" not in done.stdout + done.stderr


def test_without_utf8_the_marks_are_ascii(person: Person) -> None:
    done = person.run(*OFFLINE, PYTHONIOENCODING="ascii")
    assert done.stdout.isascii()
    assert re.search(r"^ok ", done.stdout, re.MULTILINE)


def test_chinese_is_spoken_where_the_environment_asks_for_it(person: Person) -> None:
    _damage(person)
    done = person.run("doctor", "--only", "goenv-file", LANG="zh_CN.UTF-8")
    assert "怎么办" in done.stdout
    assert "What to do" not in done.stdout


def test_fix_without_a_terminal_shows_the_change_and_makes_none(person: Person) -> None:
    _damage(person)
    done = person.run(*OFFLINE, "--fix")
    assert "+GOFLAGS=-x" in done.stdout
    assert "--yes" in done.stdout
    assert person.goenv.read_bytes() == DAMAGED
    assert done.returncode == 1


def test_fix_mends_and_undo_takes_it_back(person: Person) -> None:
    _damage(person)
    assert person.run(*OFFLINE).returncode == 1
    fixed = person.run(*OFFLINE, "--fix", "--yes")
    assert b"\r" not in person.goenv.read_bytes()
    assert "modgate undo" in fixed.stdout
    assert "MG-CFG-010" not in person.run(*OFFLINE).stdout
    undone = person.run("undo", "--lang", "en")
    assert undone.returncode == 0
    assert person.goenv.read_bytes() == DAMAGED


def test_a_fix_that_was_killed_is_put_back_before_the_machine_is_judged(person: Person) -> None:
    script = Path(__file__).parents[1] / "client" / "configure" / "killed.py"
    words = (*OFFLINE, "--fix", "--yes")

    def fix_killed_at(step: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(script), str(step), str(person.home), *words],
            env=person.environ(), cwd=person.home, capture_output=True, text=True, check=False,
        )  # fmt: skip

    _damage(person)
    steps = int(fix_killed_at(-1).stderr.split()[-1])
    person.run("undo")
    half_made = 0
    for step in range(steps - 10, steps):
        assert person.goenv.read_bytes() == DAMAGED
        fix_killed_at(step)
        journal = wiring.journal(LocalHost(person.environ(), home=person.home))
        half_made += any(change.state == "intended" for change in journal.changes())
        person.run(*words)
        assert not [change for change in journal.changes() if change.state == "intended"]
        assert b"\r" not in person.goenv.read_bytes()
        person.run("undo")
    assert half_made


@pytest.mark.parametrize(("words", "mended"), [(b"y\n", True), (b"\n", False), (b"n\n", False)])
def test_on_a_terminal_a_person_is_asked(person: Person, words: bytes, mended: bool) -> None:
    _damage(person)
    status, said = person.answer(words, *OFFLINE, "--fix")
    assert "[y/N]" in said
    assert (b"\r" not in person.goenv.read_bytes()) is mended
    assert (status == 0) is mended


def test_fix_as_json_tells_the_change(person: Person) -> None:
    _damage(person)
    document = _json(person.run(*OFFLINE, "--fix", "--yes", "--json"))
    assert problems(document, schema(), schema()) == []
    assert document["fix"]["files"] == [str(person.goenv)]
    listed = _json(person.run("undo", "--list", "--json"))
    assert [change["id"] for change in listed["changes"]] == [document["fix"]["change"]]
