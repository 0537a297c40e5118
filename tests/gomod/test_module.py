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
        ("v1.0.0", "", True),
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


@pytest.mark.parametrize(
    ("path_major", "matches"),
    [(".v1", True), (".v1-unstable", True), ("", True), (".v2", False), ("/v2", False), (".v0", True)],
)
def test_old_pseudo_versions_below_v1_are_for_gopkg_in_alone(path_major: str, matches: bool) -> None:
    assert module.match_path_major("v0.0.0-20160102150405-abcdef123456", path_major) == matches


def test_the_major_version_of_a_path() -> None:
    assert [module.path_major_prefix(major) for major in ("", "/v2", ".v1", ".v3-unstable")] == [
        "",
        "v2",
        "v1",
        "v3",
    ]


@pytest.mark.parametrize(
    ("version", "path_major", "says"),
    [
        ("v2.0.0", "", "should be v0 or v1, not"),
        ("v1.0.0", "/v2", "should be v2, not"),
        ("x", "/v2", "no version"),
    ],
)
def test_an_error_names_the_major_version_that_the_path_calls_for(
    version: str, path_major: str, says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        module.check_path_major(version, path_major)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "empty string"),
        ("x.y//z", "double slash"),
        ("x.y/z/", "trailing slash"),
        ("x.y/../z", 'invalid path element ".."'),
        ("x.y/\udcff", "invalid UTF-8"),
        ("/x.y", "empty path element"),
    ],
)
def test_an_error_names_the_fault_of_a_path(path: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        module.check_path(path)


def test_an_error_tells_a_version_from_a_form_of_one() -> None:
    with pytest.raises(Invalid, match="not a semantic version"):
        module.check("x.y/z", "1.0.0")
    with pytest.raises(Invalid, match="not canonical"):
        module.check("x.y/z", "v1.0")


def test_an_error_cuts_and_cleans_what_it_shows() -> None:
    with pytest.raises(Invalid) as caught:
        module.check_path("x.y/\x1b[31m" + "a" * 5000)
    text = str(caught.value)
    assert len(text) < 400
    assert text.isprintable()
