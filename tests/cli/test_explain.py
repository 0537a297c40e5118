"""`modgate explain` as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.cli.explain import Order, read_order

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.go


def _run(home: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "modgate", "explain", *args],
        env={**kept, "HOME": str(home), "SHELL": "/bin/bash", "COLUMNS": "80", "LANG": "C.UTF-8", **environ},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _json(home: Path, *args: str, **environ: str) -> dict[str, object]:
    done = _run(home, *args, "--json", **environ)
    assert done.returncode == 0, done.stderr
    read: dict[str, object] = json.loads(done.stdout)
    return read


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "args", [[], ["--all"], ["GOPROXY", "HTTPS_PROXY"], ["--for", "gui"], ["--for=gopls"]]
)
def test_every_view_fits_eighty_columns(tmp_path: Path, lang: str, args: list[str]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415  for this test alone

    (tmp_path / ".bashrc").write_text("export GOPROXY=https://goproxy.cn,direct\nGOSUMDB=off\n")
    done = _run(tmp_path, *args, "--lang", lang, GOPROXY="https://goproxy.cn,direct")
    assert done.returncode == 0, done.stderr
    assert max(map(cell_len, done.stdout.splitlines())) <= 80


def test_the_line_of_the_profile_is_named(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("export GOPROXY=https://goproxy.cn,direct\n")
    out = _run(tmp_path, "GOPROXY", GOPROXY="https://goproxy.cn,direct").stdout
    assert "~/.bashrc:1" in out
    assert "go.env:" in out


def test_the_document_has_a_schema_and_no_credentials(tmp_path: Path) -> None:
    told = _json(tmp_path, "GOPROXY", GOPROXY="https://me:hunter2@a.test")
    assert told["schema"] == 1
    assert "hunter2" not in json.dumps(told)


@pytest.mark.parametrize("args", [["--for", "nobody"], ["GOPROXXY"], ["--nonsense"], ["--editor", "Emacs"]])
def test_a_slip_ends_with_two(tmp_path: Path, args: list[str]) -> None:
    done = _run(tmp_path, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_the_experiment_agrees_and_says_so(tmp_path: Path) -> None:
    done = _run(tmp_path, "--experiment")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "observed is what was predicted" in done.stdout


@pytest.mark.parametrize(
    ("args", "order"),
    [
        ([], Order()),
        (["GOPROXY", "--json"], Order(names=("GOPROXY",), as_json=True)),
        (["--for=gui", "--all"], Order(consumer="gui", everything=True)),
        (["--for", "gui", "--lang", "zh"], Order(consumer="gui", lang="zh")),
        (["--experiment", "--editor", "Code"], Order(experiment=True, editor="Code")),
    ],
)
def test_a_command_line_without_a_slip_needs_no_option_parser(args: list[str], order: Order) -> None:
    assert read_order(args) == order


@pytest.mark.parametrize("args", [["--help"], ["--for"], ["--for", "--json"], ["-x"], ["--json=1"]])
def test_everything_else_goes_to_the_option_parser(args: list[str]) -> None:
    assert read_order(args) is None


def test_an_explanation_imports_neither_the_option_parser_nor_the_network(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom modgate.cli import main\nmain(['explain', 'GOPROXY', '--json'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    heavy = {"typer", "pydantic", "aiohttp", "dns", "httpcore2", "rich", "cryptography"}
    assert not set(done.stderr.split()) & heavy
