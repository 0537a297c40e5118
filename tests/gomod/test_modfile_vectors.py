"""Every table and file of golang.org/x/mod/modfile's tests, against what x/mod answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid
from modgate.gomod import modfile, module, modzip
from tests.gomod.vector_data import cases, tables

if TYPE_CHECKING:
    from modgate.gomod.modfile import GoMod

TABLES = [name for name in tables("modfile.json") if name != "legacy_go_mod"]


def described(parsed: GoMod) -> dict[str, Any]:
    """A parsed file in the form in which the vectors hold it."""
    found: dict[str, Any] = {}
    if parsed.module is not None:
        found["module"] = [[parsed.module.path, parsed.module.deprecated, parsed.module.line]]
    for key in ("go", "toolchain"):
        if value := getattr(parsed, key):
            found[key] = value
    for key in ("godebug", "require", "exclude", "replace", "retract", "tool", "ignore"):
        if rows := getattr(parsed, key):
            found[key] = [[getattr(row, field) for field in type(row).__slots__] for row in rows]
    return found


def judged(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"module_path": modfile.module_path(data)}
    for key, parse in (("strict", modfile.parse), ("lax", modfile.parse_lax)):
        try:
            found[key] = described(parse(data))
        except Invalid:
            found[key] = None
    return found


@pytest.mark.parametrize("table", TABLES)
def test_go_mod_files_mean_what_they_mean_to_go(table: str) -> None:
    for row in cases("modfile.json", table):
        for case in row:
            assert judged(case["text"].encode("utf-8", "surrogateescape")) == case["want"], case["text"]


def test_the_go_mod_of_a_version_without_one_is_the_line_that_go_writes() -> None:
    for path, wanted in cases("modfile.json", "legacy_go_mod"):
        version = "v3.0.0" if path.endswith("/v3") else "v2.0.0" if path.endswith(".v2") else "v1.0.0"
        assert modzip.canonical_go_mod(module.check(path, version)).decode() == wanted
