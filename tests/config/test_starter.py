"""The file to start from changes nothing as it is, and every line of it may be chosen."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from modgate.config import Loaded, all_keys, load
from modgate.config.starter import starter

if TYPE_CHECKING:
    from pathlib import Path

TEXT = starter({}, file="config.toml")
LINES = TEXT.splitlines()
KEYS = [number for number, line in enumerate(LINES) if re.match(r"#[a-z_]+ = ", line)]
IN_TABLES = {number for number in KEYS if any(line.startswith("#[[") for line in LINES[:number])}
TOGETHER = ("tls", "publish")
"""Sections whose keys need each other."""


def _section(number: int) -> str:
    return next((line.strip("[]") for line in reversed(LINES[:number]) if line.startswith("[")), "")


def _load(lines: list[str], folder: Path) -> Loaded:
    file = folder / "m.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load(config_file=file, environ={"HOME": str(folder)}, ask_go=lambda environ: {})  # noqa: ARG005  as called


def test_as_it_is_everything_is_at_its_default(tmp_path: Path) -> None:
    assert set(_load(LINES, tmp_path).origins.values()) == {"default"}


def test_every_key_is_in_it_once_with_its_sentence() -> None:
    shown = [
        f"{_section(number)}.{LINES[number][1:].split(' = ')[0]}".lstrip(".")
        for number in KEYS
        if number not in IN_TABLES
    ]
    tables = {"routes", "credentials", "upstreams"}
    assert sorted(shown) == sorted(set(all_keys()) - tables)
    flat = " ".join(TEXT.replace("\n# ", " ").split())
    for key in all_keys().values():
        assert " ".join(key.description.split()) in flat
    for table in tables:
        assert f"#[[{table}]]" in LINES


def test_no_line_is_wider_than_a_window() -> None:
    assert max(map(len, LINES)) <= 90


def test_each_line_may_be_chosen(tmp_path: Path) -> None:
    for number in KEYS:
        if number in IN_TABLES or _section(number) in TOGETHER:
            continue
        lines = [*LINES]
        lines[number] = lines[number][1:]
        origins = _load(lines, tmp_path).origins
        assert f"{tmp_path / 'm.toml'}:{number + 1}" in origins.values(), lines[number]


@pytest.mark.parametrize("section", TOGETHER)
def test_keys_that_need_each_other_may_be_chosen_together(section: str, tmp_path: Path) -> None:
    chosen = {number for number in KEYS if number not in IN_TABLES and _section(number) == section}
    lines = [line[1:] if number in chosen else line for number, line in enumerate(LINES)]
    assert len(chosen) >= 3
    _load(lines, tmp_path)


@pytest.mark.parametrize("table", ["routes", "credentials", "upstreams"])
def test_each_example_of_a_table_may_be_chosen(table: str, tmp_path: Path) -> None:
    first = LINES.index(f"#[[{table}]]")
    last = first
    while last < len(LINES) and LINES[last].startswith("#"):
        last += 1
    lines = [line[1:] if first <= number < last else line for number, line in enumerate(LINES)]
    loaded = _load(lines, tmp_path)
    assert len(getattr(loaded.config, table)) == 1


def test_defaults_in_it_are_those_of_the_loader(tmp_path: Path) -> None:
    """All of what has a default, chosen at once, is the configuration without a file."""
    plain = _load([], tmp_path).config
    computed = {"upstream", "store", "sumdb", "private"}
    chosen = [
        number
        for number in KEYS
        if number not in IN_TABLES
        and _section(number) not in TOGETHER
        and LINES[number][1:].split(" = ")[0] not in computed
        and not re.search(r"_file|cache = |^#file = ", LINES[number])
    ]
    lines = [line[1:] if number in chosen else line for number, line in enumerate(LINES)]
    assert _load(lines, tmp_path).config == plain


def test_chosen_values_are_in_force(tmp_path: Path) -> None:
    tables = '[{"match": "corp.example", "source": "direct"}]'
    text = starter({"fetch.retries": "3", "listen": '":3000"', "routes": tables}, file="m")
    parsed = tomllib.loads(text)
    assert parsed["fetch"] == {"retries": 3}
    assert parsed["listen"] == ":3000"
    assert parsed["routes"] == [{"match": "corp.example", "source": "direct"}]
    _load(text.splitlines(), tmp_path)
