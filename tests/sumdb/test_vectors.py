"""The checked-in vectors are what the generator writes, and hold each row of x/mod's tables."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.sumdb.vectors import FILES, VECTORS, tables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("file", FILES)
def test_each_table_has_as_many_cases_as_in_go(file: str) -> None:
    counted = {name: table for name, table in tables(file).items() if table["go"]}
    assert counted
    for name, table in counted.items():
        assert table["rows"] == len(table["cases"]) > 0, name


@pytest.mark.go
def test_the_vectors_are_what_the_generator_writes(go_command: str, tmp_path: Path) -> None:
    known = subprocess.run(
        [go_command, "mod", "download", "golang.org/x/mod"], cwd=VECTORS, capture_output=True, check=False
    )
    if known.returncode != 0:
        pytest.skip("golang.org/x/mod is not in the module cache and cannot be fetched")
    subprocess.run([go_command, "run", "./cmd/sumdb", "-out", str(tmp_path)], cwd=VECTORS, check=True)
    for file in FILES:
        name = f"{file}.json"
        assert (tmp_path / name).read_bytes() == (VECTORS / "data" / name).read_bytes(), name
