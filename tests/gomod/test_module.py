from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid
from modgate.gomod import module
from tests.gomod.vector_data import cases

if TYPE_CHECKING:
    from collections.abc import Callable

PATH_TABLES = ["check_path", "split", "escape", "escaped", "bad_unescape", "more_paths"]


def outcome(function: Callable[[str], str], text: str) -> str | None:
    try:
        return function(text)
    except Invalid:
        return None


@pytest.mark.parametrize("table", PATH_TABLES)
def test_every_path_is_judged_split_and_escaped_as_in_go(table: str) -> None:
    for case in cases("module.json", table):
        path = case["path"]
        assert {
            "path": path,
            "module": outcome(module.check_path, path) == path,
            "import": outcome(module.check_import_path, path) == path,
            "file": outcome(module.check_file_path, path) == path,
            "split": list(module.split_path_version(path)),
            "escaped": outcome(module.escape_path, path),
            "unescaped": outcome(module.unescape_path, path),
        } == case


def test_the_table_of_path_checks_is_whole() -> None:
    assert 3 * len(cases("module.json", "check_path")) == 315


def fits(path: str, version: str) -> bool:
    try:
        module.check(path, version)
    except Invalid:
        return False
    return True


def test_every_path_and_version_fit_as_in_go() -> None:
    for case in cases("module.json", "check"):
        assert fits(case["path"], case["version"]) == case["ok"], case


def test_every_major_version_matches_its_path_as_in_go() -> None:
    for case in cases("module.json", "match_path_major"):
        version, path_major = case["version"], case["path_major"]
        assert module.match_path_major(version, path_major) == case["ok"], case
        if case["ok"]:
            module.check_path_major(version, path_major)
        else:
            with pytest.raises(Invalid):
                module.check_path_major(version, path_major)


def test_every_version_is_canonical_and_escaped_as_in_go() -> None:
    for case in cases("module.json", "more_versions"):
        version = case["version"]
        assert {
            "version": version,
            "canonical": module.canonical_version(version),
            "escaped": outcome(module.escape_version, version),
            "unescaped": outcome(module.unescape_version, version),
        } == case


@pytest.mark.parametrize("version", ["v1", "v1.2", "v1.2.3+meta", "v2.0.0+incompatible.1"])
def test_check_refuses_what_is_not_canonical(version: str) -> None:
    with pytest.raises(Invalid):
        module.check("x.y/z", version)


@pytest.mark.parametrize(
    ("version", "path_major", "possible"),
    [
        ("v2.0.0+incompatible", "", True),
        ("v2.0.0", "", True),
        ("v1.0.0+incompatible", "", False),
        ("v0.1.0+incompatible", "", False),
        ("v2.0.0+incompatible", "/v2", False),
        ("v2.0.0+incompatible", ".v2", False),
    ],
)
def test_incompatible_is_for_v2_and_above_of_a_path_without_major_version(
    version: str, path_major: str, possible: bool
) -> None:
    assert module.may_be_incompatible(version, path_major) == possible


def test_the_major_version_of_a_path() -> None:
    assert [module.path_major_prefix(major) for major in ("", "/v2", ".v1", ".v3-unstable")] == [
        "",
        "v2",
        "v1",
        "v3",
    ]


def test_an_error_cuts_and_cleans_what_it_shows() -> None:
    with pytest.raises(Invalid) as caught:
        module.check_path("x.y/\x1b[31m" + "a" * 5000)
    text = str(caught.value)
    assert len(text) < 400
    assert text.isprintable()
