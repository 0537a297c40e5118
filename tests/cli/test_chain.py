"""`modgate chain` as a person runs it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from modgate.cli import main
from modgate.client.chain.rules import WANTED
from modgate.client.faults.content import DrillContent, drill_files
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer

MODULE = "example.com/modgate/drill@v1.0.0"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, go_command: str) -> None:
    monkeypatch.setenv("GOENV", str(tmp_path / "env"))
    monkeypatch.setenv("PATH", f"{Path(go_command).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOFLAGS", "LC_ALL", "LANG", "MODGATE_LANG"):
        monkeypatch.delenv(name, raising=False)


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    """What the command does, in this process: a start of Python for each would take most of the time."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["chain", *args])
    return subprocess.CompletedProcess(args, status, out.getvalue(), err.getvalue())


def _json(*args: str) -> tuple[int, Any]:
    ran = _run(*args, "--json")
    return ran.returncode, json.loads(ran.stdout)


def test_the_rules_of_a_chain_are_told_without_asking_anybody() -> None:
    code, told = _json("https://a.example,https://b.example|direct")
    assert code == 0
    moves = [entry["moves"] for entry in told["entries"]]
    assert moves[0]["absent"] == moves[1]["status"] == "falls"
    assert moves[0]["status"] == "stops"
    assert moves[0]["silent"] == "waits"
    assert moves[2] is None
    assert told["predicted"] is None


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_is_shown_fits_eighty_columns(lang: str) -> None:
    shown = _run("https://a.example,https://b.example|direct", "--lang", lang).stdout
    assert max(cell_len(line) for line in shown.splitlines()) <= 80


def test_without_a_chain_the_one_of_go_env_is_explained(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("GOPROXY=https://corp.example|direct\n")
    _, told = _json()
    assert told["chain"] == "https://corp.example|direct"


def test_a_slip_in_the_chain_is_named_and_fails() -> None:
    code, told = _json("https://a.example;direct")
    assert code == 1
    assert told["lint"][0]["id"] == "MG-CFG-003"


@pytest.mark.parametrize(
    "arguments",
    [
        ["https://a.example", "x"],
        ["https://a.example", "example.com/x@main"],
        ["https://a.example", "example.com/x@v1"],
        ["https://a.example", "example.com/x@>=v1.0.0"],
        ["https://a.example", "--fault", "2=404"],
    ],
)
def test_a_slip_on_the_command_line_is_told_apart(arguments: list[str]) -> None:
    assert _run(*arguments).returncode == 2


def test_a_rehearsal_shows_what_was_predicted_and_what_go_did() -> None:
    code, told = _json(
        "https://a.example,https://b.example|direct", "--fault", "1=404:zip", "--fault", "b.ex=ok"
    )
    assert code == 0
    assert told["agrees"] is True
    assert told["observed"]["asked"] == {"info": [1], "mod": [1], "zip": [1, 2]}


def test_a_rehearsal_with_direct_at_its_end_leaves_the_machine_alone() -> None:
    code, told = _json("https://a.example|direct", "--fault", "1=503")
    assert code == 1
    assert told["agrees"] is True
    assert told["observed"]["reported"] == 2
    assert "127.0.0.1" in told["observed"]["error"]


def test_a_rehearsed_silence_is_ended_and_called_so() -> None:
    code, told = _json("https://a.example|https://b.example", "--fault", "1=stall:mod")
    assert code == 1
    assert told["observed"]["waits"] is True
    assert told["agrees"] is True


async def test_a_real_chain_is_asked_and_told_which_entry_go_would_use() -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic) as server:
        absent, good = [await server.url(parse_fault(name)) for name in ("410", "ok")]
        code, told = await asyncio.to_thread(_json, f"{absent},{good}", MODULE)
        assert code == 0
        assert [walk["used"] for walk in told["predicted"]["walks"]] == [2, 2, 2]
        code, told = await asyncio.to_thread(_json, f"{absent},{good}", MODULE, "--fault", "2=html:info")
    assert code == 1
    assert told["agrees"] is True
    assert told["observed"]["reported"] == 2


def test_credentials_of_the_chain_are_shown_nowhere() -> None:
    for arguments in ([], ["--json"], ["--fault", "1=403"]):
        command = [sys.executable, "-m", "modgate", "chain", "https://me:hunter2@a.example,https://b.example"]
        ran = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert "hunter2" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("faults", "module"),
    [
        (("1=404", "2=badzip"), "rsc.io/quote@v1.5.2"),
        (("1=404:zip", "2=wrong-version"), "github.com/BurntSushi/toml@v0.0.1"),
        (("1=500", "2=truncated:mod"), "gopkg.in/yaml.v3@v3.0.1"),
        (("1=html", "2=reset:zip"), "example.com/x/v2@v2.0.0-20240101000000-0123456789ab"),
        (("1=slow:info", "2=ok"), "example.com/x@v2.3.4+incompatible"),
        (("1=404:list", "2=badzip"), "example.com/x/v3"),
        (("1=html:list", "2=404"), "gopkg.in/yaml.v3@latest"),
    ],
)
def test_a_rehearsal_works_for_any_module_though_no_entry_can_be_reached(
    faults: tuple[str, ...], module: str
) -> None:
    options = [word for fault in faults for word in ("--fault", fault)]
    _, told = _json("http://127.0.0.1:9,http://127.0.0.1:1|direct", module, *options)
    assert told["agrees"] is True
    assert [entry["made_up"] for entry in told["entries"]] == [True, True, False]


def test_an_entry_that_is_not_staged_stays_as_it_is_and_its_failure_is_predicted() -> None:
    chain, module = "http://127.0.0.1:9|http://127.0.0.1:1", "rsc.io/quote@v1.5.2"
    _, told = _json(chain, module, "--fault", "2=badzip")
    assert (told["agrees"], told["observed"]["asked"]["zip"]) == (True, [1, 2])
    _, told = _json(chain, module, "--fault", "1=500")
    assert (told["agrees"], told["observed"]["reported"]) == (True, 2)


def test_what_version_control_does_is_not_predicted_and_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    module = "example.com/x@v1.0.0"
    code, told = _json("http://127.0.0.1:9|direct", module, "--fault", "1=500")
    assert (code, told["agrees"], told["verdict"]) == (1, None, "open")
    code, told = _json("direct", module)
    assert (code, told["predicted"]["walks"][0]["steps"][0]["answer"]) == (0, "unknown")


def test_a_rehearsal_without_end_is_interrupted_and_no_difference() -> None:
    code, told = _json("http://127.0.0.1:9", "example.com/x@v1.0.0", "--fault", "1=slow", "--patience", "0.5")
    assert (code, told["agrees"], told["verdict"]) == (1, None, "interrupted")


async def test_the_latest_version_is_found_as_go_finds_it() -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic) as server:
        absent, empty, good = [await server.url(parse_fault(name)) for name in ("404", "html:list", "ok")]
        code, told = await asyncio.to_thread(_json, f"{absent},{empty},{good}", "example.com/modgate/drill")
        assert (code, told["module"], told["latest"]) == (0, MODULE, True)
        assert [walk["endpoint"] for walk in told["predicted"]["walks"]] == ["list", "mod", "zip"]
        code, told = await asyncio.to_thread(
            _json, f"{absent},{empty},{good}", "example.com/modgate/drill", "--fault", "3=403"
        )
    assert (code, told["agrees"]) == (0, True)
    assert told["observed"]["asked"]["latest"] == [2]


def test_a_folder_of_the_chain_is_rehearsed_with_its_own_files(tmp_path: Path) -> None:
    for name, body in drill_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(body)
    chain = f"file:///nowhere,file://{tmp_path}"
    code, told = _json(chain, MODULE, "--fault", "2=slow:zip")
    assert (code, told["agrees"], told["observed"]["asked"]) == (0, True, {key: [2] for key in WANTED})
    code, told = _json(chain, MODULE, "--fault", "1=404")
    assert (code, told["agrees"]) == (0, True)


@pytest.mark.parametrize(("lang", "fix"), [("en", "What to do: "), ("zh", "怎么办：")])
def test_a_slip_is_shown_with_its_fix_and_a_note_after_the_table(lang: str, fix: str) -> None:
    lines = _run("https://a.example;direct", "--lang", lang).stdout.splitlines()
    assert lines[0].startswith("MG-CFG-003")
    assert any(fix in line for line in lines)
    lines = _run("https://a.example,https://b.example", "--lang", lang).stdout.splitlines()
    assert lines[0].startswith("1 ")
    (note,) = [place for place, line in enumerate(lines) if line.startswith("MG-CFG-028")]
    assert note > 10
    assert any(fix in line for line in lines[note:])
