"""`modgate toolchain` as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.go


def _run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "COLUMNS": "80",
        "LANG": "C.UTF-8",
        "GOMODCACHE": str(folder / "cache"),
        "GOTOOLCHAIN": "local",
        "GOPROXY": "http://127.0.0.1:1",
    }
    return subprocess.run(
        [sys.executable, "-m", "modgate", "toolchain", *args],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _module(folder: Path, go: str = "1.21") -> None:
    (folder / "go.mod").write_text(
        f"module example.com/app\n\ngo {go}\n\nrequire (\n"
        + "".join(f"\texample.com/a-module-with-a-long-name/number{n} v1.2.{n}\n" for n in range(30))
        + ")\n"
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("args", [[], ["--all"]])
def test_the_table_fits_eighty_columns(tmp_path: Path, lang: str, args: list[str]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415  for this test alone

    _module(tmp_path)
    done = _run(tmp_path, *args, "--lang", lang)
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    assert "number0" in done.stdout
    assert ("number29" in done.stdout) is bool(args)


def test_the_document_has_a_schema(tmp_path: Path) -> None:
    _module(tmp_path)
    told = json.loads(_run(tmp_path, "--json").stdout)
    assert told["schema"] == 1
    assert told["totals"]["missing_zip"] == len(told["modules"]) - 1 == 30
    assert told["toolchain"]["why"] == "installed"


def test_a_go_that_refuses_ends_with_one(tmp_path: Path) -> None:
    _module(tmp_path, "1.99")
    done = _run(tmp_path)
    assert done.returncode == 1
    assert "go.mod requires go >= 1.99" in done.stdout


@pytest.mark.parametrize("name", ["nothing-there", "a-text"])
def test_what_is_neither_a_folder_nor_a_binary_ends_with_two(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-text").write_text("x")
    done = _run(tmp_path, name)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
