"""`modgate faults` as a person runs it: a process, its lines, the real go."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.client.faults.kinds import FAULTS

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "modgate", "faults"]


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_list_names_every_fault(lang: str) -> None:
    ran = _run("--list", "--lang", lang)
    assert ran.returncode == 0
    assert [line.split()[0] for line in ran.stdout.splitlines()[: len(FAULTS)]] == list(FAULTS)


def test_the_list_is_json_on_demand() -> None:
    document = json.loads(_run("--list", "--json").stdout)
    assert document["schema"] == 1
    assert [row["name"] for row in document["faults"]] == list(FAULTS)


@pytest.mark.parametrize("arguments", [["fourohfour"], ["refused:zip"], ["404", "--only", "zap"]])
def test_a_slip_is_a_fault_of_the_command_line(arguments: list[str]) -> None:
    assert _run(*arguments).returncode == 2


def test_the_printed_line_makes_go_fail_as_told_and_ctrl_c_ends_it_well(
    go_command: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "404:zip", "451", "--lang", "en"], stdout=subprocess.PIPE, text=True, env=None
    )
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("GOPROXY="))
        chain = re.match(r"GOPROXY='([^']*)'", line)
        assert chain is not None
        environ = {
            "GOPROXY": chain[1].rpartition("|")[0].replace("|", ","),
            "GONOSUMDB": "example.com",
            "GOMODCACHE": str(tmp_path / "mod"),
            "GOFLAGS": "-modcacherw",
            "GOTOOLCHAIN": "local",
            "GOENV": "off",
            "HOME": str(tmp_path),
        }
        go = subprocess.run(
            [go_command, "mod", "download", "example.com/modgate/drill@v1.0.0"],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "451" in go.stderr
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert re.search(r"404:?\S*\s+404", rest)
    assert "4 requests, 2 of them failed" in rest


def test_json_is_a_line_for_the_start_and_one_for_each_request() -> None:
    ran = _run("reset", "--json", "--for", "0")
    ready = json.loads(ran.stdout.splitlines()[0])
    assert ready["faults"][0]["fault"] == "reset"
    assert ready["faults"][0]["url"].startswith("http://127.0.0.1:")
