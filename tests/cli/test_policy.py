"""`modgate policy`: by files alone, and on the parts of a gate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import World

EXAMPLE = Path(__file__).parents[2] / "docs" / "policy.example.toml"
CRITICAL = "advisory=GO-2024-0002:critical:v1.0.1"
NEW = """\
version = 1
[[rules]]
id = "ours"
effect = "deny"
when = { modules = "example.test" }
"""


def _run(home: Path, *args: str, lang: str = "en") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modgate", "--lang", lang, "policy", *args]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
        "MODGATE_UPSTREAM": "off",
        "MODGATE_SUMDB": "off",
    }
    return subprocess.run(
        command, env=environ, cwd=home, capture_output=True, text=True, timeout=60, check=False
    )


def _json(home: Path, *args: str, status: int = 0) -> Any:
    done = _run(home, *args, "--json")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_check_tells_what_a_policy_holds(tmp_path: Path) -> None:
    document = _json(tmp_path, "check", str(EXAMPLE))
    (file,) = document["files"]
    assert (document["ok"], file["rules"], file["waivers"]) == (True, 4, 1)
    assert file["needs"] == ["age", "fixes", "hits", "licences"]


def test_check_names_every_fault_with_its_line_and_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(NEW.replace("modules", "modles"), encoding="utf-8")
    done = _run(tmp_path, "check", "p.toml")
    assert done.returncode == 2
    assert "p.toml:5: rules[1].when.modles: there is no such key; did you mean modules?" in done.stdout
    assert _json(tmp_path, "check", "p.toml", status=2)["files"][0]["problems"][0]["line"] == 5


def test_check_without_a_file_wants_one_configured(tmp_path: Path) -> None:
    assert _run(tmp_path, "check").returncode == 2
    done = _run(tmp_path, "check", "--set", f"policy.file={EXAMPLE}")
    assert done.returncode == 0
    assert "rules: 4" in done.stdout


def test_the_tests_of_a_policy_pass_or_fail(tmp_path: Path) -> None:
    assert _json(tmp_path, "test", str(EXAMPLE))["failed"] == 0
    (tmp_path / "t.toml").write_text(
        '[[tests]]\nmodule = "example.org/m@v1.0.0"\nexpect = "deny"\n', encoding="utf-8"
    )
    failed = _json(tmp_path, "test", "t.toml", "--policy", str(EXAMPLE), status=1)
    assert (failed["tests"], failed["results"][0]["wrong"]) == (1, ["effect"])


def test_explain_by_a_file_says_every_rule_and_what_a_client_is_told(tmp_path: Path) -> None:
    asked = ["explain", "--file", str(EXAMPLE), "example.org/m@v1.0.0", "--fact", CRITICAL]
    document = _json(tmp_path, *asked, status=1)
    assert [rule["outcome"] for rule in document["rules"]] == [
        "decides",
        "not-asked",
        "not-asked",
        "not-asked",
    ]
    assert document["decision"]["effect"] == "deny"
    assert document["text"][1] == "go get example.org/m@v1.0.1"
    shown = _run(tmp_path, *asked)
    assert shown.returncode == 1
    assert "1. block-critical (deny): decides" in shown.stdout


def test_explain_refuses_a_fact_that_is_none(tmp_path: Path) -> None:
    done = _run(tmp_path, "explain", "--file", str(EXAMPLE), "example.org/m@v1.0.0", "--fact", "agee=3d")
    assert done.returncode == 2
    assert "did you mean age?" in done.stderr


def test_diff_by_a_list_tells_what_would_change(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text("version = 1\n", encoding="utf-8")
    (tmp_path / "new.toml").write_text(NEW, encoding="utf-8")
    (tmp_path / "go.sum").write_text(
        "example.test/m v1.0.0 h1:x=\nexample.test/m v1.0.0/go.mod h1:x=\nother.test/n v1.0.0 h1:x=\n",
        encoding="utf-8",
    )
    document = _json(tmp_path, "diff", "old.toml", "new.toml", "--list", "go.sum", status=1)
    assert (document["versions"], document["changes"]) == (2, 1)
    assert document["results"][0]["rule"] == "ours"
    same = _run(tmp_path, "diff", "old.toml", "old.toml", "--list", "go.sum")
    assert same.returncode == 0


@pytest.fixture
def gate(tmp_path: Path) -> list[str]:
    """A store with a module, and a policy that refuses it."""
    world = World(tmp_path / "store")
    world.add("example.test/m", padding=1000)
    world.finish()
    (tmp_path / "policy.toml").write_text(NEW, encoding="utf-8")
    return ["--store", str(tmp_path / "store"), "--set", f"policy.file={tmp_path / 'policy.toml'}"]


def test_a_gate_explains_with_what_it_knows(tmp_path: Path, gate: list[str]) -> None:
    document = _json(tmp_path, "explain", "example.test/m@v1.0.0", "--consumer", "alice", *gate, status=1)
    assert document["decision"]["rule"] == "ours"
    assert document["decision"]["consumer"] == "alice"
    assert [rule["outcome"] for rule in document["rules"]] == ["decides"]
    assert _json(tmp_path, "explain", "other.test/m@v1.0.0", *gate)["decision"]["effect"] == "allow"


def test_a_gate_shows_its_policy_and_compares_it(tmp_path: Path, gate: list[str]) -> None:
    shown = _json(tmp_path, "show", *gate)
    assert [rule["id"] for rule in shown["rules"]] == ["ours"]
    document = _json(tmp_path, "diff", "@", str(EXAMPLE), *gate)
    assert (document["old"], document["versions"], document["changes"]) == (shown["revision"], 0, 0)


def test_the_schema_is_printed_as_it_is_published(tmp_path: Path) -> None:
    done = _run(tmp_path, "schema")
    assert json.loads(done.stdout)["properties"]["version"] == {"const": 1}


def test_no_line_is_wider_than_the_terminal(tmp_path: Path) -> None:
    asked = ["explain", "--file", str(EXAMPLE), "example.org/m@v1.0.0", "--fact", "age=3d"]
    for lang in ("en", "zh"):
        for args in (["--help"], ["diff", "--help"], ["test", str(EXAMPLE)], asked):
            for line in _run(tmp_path, *args, lang=lang).stdout.splitlines():
                assert sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line) <= 80, (
                    line
                )


def test_a_file_that_cannot_be_read_is_no_verdict(tmp_path: Path) -> None:
    """1 would be read as "refused" or "changed" by a pipeline."""
    (tmp_path / "p.toml").write_text(NEW, encoding="utf-8")
    for words in (
        ("check", "nowhere"),
        ("test", "nowhere"),
        ("explain", "--file", "nowhere", "example.test/m@v1.0.0"),
        ("explain", "--file", "p.toml", "--db", "nowhere", "example.test/m@v1.0.0"),
        ("diff", "nowhere", "p.toml", "--list", "p.toml"),
        ("diff", "p.toml", "p.toml", "--list", "nowhere"),
    ):
        done = _run(tmp_path, *words)
        assert (done.returncode, "nowhere: " in done.stderr) == (2, True), (words, done.stderr)


def test_a_gate_names_the_policies_that_were_in_force_and_no_decision_that_it_never_made(
    tmp_path: Path, gate: list[str]
) -> None:
    document = _json(tmp_path, "decisions", *gate)
    assert (document["decisions"], document["rows"], document["allowed"]) == (0, [], {})
    done = _run(tmp_path, "decisions", "d-7k3f", *gate)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no decision 'd-7k3f' is recorded here" in done.stderr
