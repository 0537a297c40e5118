from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modgate.errors import Invalid
from modgate.gomod import module, query

PATH = module.check_path("x.y/z")
TAGGED = [
    "v0.1.0",
    "v1.0.0",
    "v1.0.1",
    "v1.1.0",
    "v1.1.1-rc.1",
    "v1.2.0-pre",
    "v1.2.0",
    "v1.2.1",
    "v1.3.0-beta",
]
COMMIT = "v1.3.1-0.20240101000000-abcdef123456"


def chosen(text: str, versions: list[str], current: str = "", **options: object) -> str | None:
    parsed = query.parse_query(PATH, text, current)
    assert parsed is not None
    return query.choose(parsed, versions, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "current", "version"),
    [
        ("latest", "", "v1.2.1"),
        ("latest", "v1.3.0-beta", "v1.2.1"),
        ("upgrade", "", "v1.2.1"),
        ("upgrade", "none", "v1.2.1"),
        ("upgrade", "v1.0.0", "v1.2.1"),
        ("upgrade", "v1.3.0-beta", "v1.3.0-beta"),
        ("upgrade", "v1.4.0", "v1.4.0"),
        ("patch", "v1.0.0", "v1.0.1"),
        ("patch", "v1.1.0", "v1.1.0"),
        ("patch", "v1.3.0-alpha", "v1.3.0-beta"),
        ("v1", "", "v1.2.1"),
        ("v1.2", "", "v1.2.1"),
        ("v1.1", "", "v1.1.0"),
        ("v0", "", "v0.1.0"),
        ("v1.3", "", None),
        ("v1.9", "", None),
        ("v1.2.0", "", "v1.2.0"),
        (">v1.0.0", "", "v1.0.1"),
        (">=v1.0.0", "", "v1.0.0"),
        ("<v1.1.0", "", "v1.0.1"),
        ("<=v1.1.0", "", "v1.1.0"),
        ("<=v1.2.0-pre", "", "v1.1.0"),
        (">v1.2.1", "", "v1.3.0-beta"),
        (">v2.0.0", "", None),
        ("<v0.1.0", "", None),
        ("<v1.1", "", "v1.0.1"),
        (">=v1.1", "", "v1.1.0"),
    ],
)
def test_a_query_means_the_version_that_go_would_choose(text: str, current: str, version: str | None) -> None:
    assert chosen(text, list(reversed(TAGGED)), current) == version


@pytest.mark.parametrize("text", ["master", "0123abcd", "v1.2.x", "feature-v1", "V1"])
def test_a_branch_or_commit_is_for_the_repository_to_resolve(text: str) -> None:
    assert query.parse_query(PATH, text) is None
    assert query.is_revision_query(text)


def test_full_versions_name_one_revision_and_choices_do_not() -> None:
    assert query.is_revision_query("v1.2.3")
    for text in ("latest", "upgrade", "patch", "<v1.0.0", ">=v1", "v1", "v1.2"):
        assert not query.is_revision_query(text)
    exact = query.parse_query(PATH, "v1.2.3")
    assert exact is not None
    assert exact.exact


@pytest.mark.parametrize(
    ("text", "current"),
    [("<=v1.2", ""), (">v1", ""), ("<master", ""), (">=", ""), ("patch", ""), ("latest", "x")],
)
def test_a_range_that_could_mean_two_things_is_refused(text: str, current: str) -> None:
    with pytest.raises(Invalid):
        query.parse_query(PATH, text, current)


def test_what_is_not_allowed_is_passed_over() -> None:
    retracted = query.retracted_by([("v1.2.0", "v1.2.1"), ("v1.1.0", "v1.1.0")])
    assert chosen("latest", TAGGED, allowed=lambda v: not retracted(v)) == "v1.0.1"
    assert retracted("v1.2.1-rc.1")
    assert not retracted("v1.2.0-pre")


def test_the_current_version_stays_only_if_it_is_allowed() -> None:
    assert chosen("upgrade", TAGGED, "v1.4.0", allowed=lambda v: v != "v1.4.0") is None


def test_latest_is_the_highest_release_else_pre_release_else_newest_commit() -> None:
    older = "v0.0.0-20230101000000-abcdef123456"
    newer = "v0.0.0-20240101000000-000000000000"
    assert query.latest([newer, "v1.0.0-rc.1", "v0.9.0", older]) == "v0.9.0"
    assert query.latest([newer, "v1.0.0-rc.1", "v0.9.0-pre", older]) == "v1.0.0-rc.1"
    assert query.latest([older, newer]) == newer
    assert query.latest([older, newer], allowed=lambda v: v != newer) == older
    assert query.latest(["nonsense", "v0.0.0-20239901000000-abcdef123456"]) is None
    assert query.latest([]) is None


def test_of_two_commits_of_one_time_the_first_is_the_newest() -> None:
    twins = ["v0.0.0-20240101000000-bbbbbbbbbbbb", "v0.0.0-20240101000000-aaaaaaaaaaaa"]
    assert query.newest_pseudo_version(twins) == twins[0]


def test_the_newest_commit_counts_only_without_tags() -> None:
    assert chosen("latest", TAGGED, newest_commit=COMMIT) == "v1.2.1"
    assert chosen("latest", [], newest_commit=COMMIT) == COMMIT
    assert chosen("latest", [COMMIT]) is None
    assert chosen("v1", [], newest_commit=COMMIT) is None
    assert chosen("upgrade", [], COMMIT, newest_commit=COMMIT) == COMMIT
    assert chosen("latest", [], newest_commit=COMMIT, allowed=lambda v: v != COMMIT) is None


def test_incompatible_versions_are_leftovers_above_a_version_with_go_mod() -> None:
    versions = ["v2.0.0+incompatible", "v1.5.0", "v1.4.0"]
    parsed = query.parse_query(PATH, "latest")
    assert parsed is not None
    assert query.version_whose_go_mod_decides(parsed, versions) == "v1.5.0"
    assert query.choose(parsed, versions) == "v1.5.0"
    assert query.choose(parsed, versions, compatible_has_go_mod=False) == "v2.0.0+incompatible"
    assert query.version_whose_go_mod_decides(parsed, ["v1.5.0"]) is None
    assert query.version_whose_go_mod_decides(parsed, versions[:1]) is None
    assert query.choose(parsed, versions[:1]) == "v2.0.0+incompatible"
    assert query.choose(parsed, ["v3.0.0+incompatible", *versions[:1]]) == "v3.0.0+incompatible"
    assert query.choose(parsed, [*versions[:1], "v1.6.0-pre"]) == "v1.6.0-pre"


@pytest.mark.parametrize(
    ("text", "current"), [("v2", ""), ("latest", "v2.0.0+incompatible"), (">=v2.0.0", ""), ("<v3.0.0", "")]
)
def test_incompatible_versions_are_taken_where_they_are_asked_for(text: str, current: str) -> None:
    versions = ["v1.5.0", "v2.0.0+incompatible"]
    parsed = query.parse_query(PATH, text, current)
    assert parsed is not None
    assert query.version_whose_go_mod_decides(parsed, versions) is None
    assert query.choose(parsed, versions) == "v2.0.0+incompatible"


def test_an_upgrade_never_goes_back_in_time_from_a_pseudo_version() -> None:
    from_commit = query.parse_query(PATH, "upgrade", COMMIT)
    from_tag = query.parse_query(PATH, "upgrade", "v1.0.0")
    assert from_commit is not None
    assert from_tag is not None
    assert query.keeps_current(from_commit, datetime(2023, 12, 31, tzinfo=UTC))
    assert not query.keeps_current(from_commit, datetime(2024, 1, 1, tzinfo=UTC))
    assert not query.keeps_current(from_commit, None)
    assert not query.keeps_current(from_tag, datetime(1999, 1, 1, tzinfo=UTC))
