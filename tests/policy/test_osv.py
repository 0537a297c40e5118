"""Entries of the OSV schema: what decides is strict, what is not known is passed over."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.errors import Invalid
from modgate.model.advisory import Event, Severity
from modgate.policy import osv
from tests.policy.osv_entries import advisory, entry, ranges

MODULE = "example.com/m"


def test_an_entry_is_read_with_its_times_in_seconds() -> None:
    read = osv.parse(
        entry(
            modules={MODULE: [ranges(("introduced", "0"), ("fixed", "1.2.3"))]},
            aliases=["CVE-2024-1", "GHSA-aaaa"],
            summary="A hole\nin m\x1b[31m",
            published="2024-01-01T00:00:00.5+01:00",
            database_specific={"url": "https://pkg.go.dev/vuln/GO-2024-0001", "review_status": "REVIEWED"},
            schema_version="9.9.9",
            surprise={"deep": [1, None]},
        ),
        source="here",
    )
    assert (read.id, read.aliases, read.source) == ("GO-2024-0001", ("CVE-2024-1", "GHSA-aaaa"), "here")
    assert read.summary == "A hole in m [31m"
    assert (read.modified, read.published, read.withdrawn) == (1716221027.0, 1704063600.5, 0.0)
    assert read.reviewed
    assert read.url == "https://pkg.go.dev/vuln/GO-2024-0001"
    assert read.blocks[0].events == (Event("introduced", "0"), Event("fixed", "1.2.3"))
    assert read.severity is Severity.UNKNOWN


def test_an_entry_that_nobody_reviewed_says_so() -> None:
    assert not advisory(database_specific={"review_status": "UNREVIEWED"}).reviewed


def test_moderate_of_github_is_medium_and_the_vector_gives_the_score() -> None:
    read = advisory(
        "GHSA-aaaa-bbbb-cccc",
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
        database_specific={"severity": "MODERATE", "cwe_ids": ["CWE-1"]},
    )
    assert (read.severity, read.severity_from, read.score) == (Severity.MEDIUM, "ghsa", 7.5)


def test_other_ecosystems_and_other_kinds_of_ranges_are_not_matched() -> None:
    affected = [
        {"package": {"name": "left-pad", "ecosystem": "npm"}, "ranges": [ranges(("introduced", "0"))]},
        {
            "package": {"name": MODULE, "ecosystem": "Go"},
            "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}, ranges(("introduced", "2.0.0"))],
            "ecosystem_specific": {"custom_ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]},
        },
    ]
    read = advisory(affected=affected)
    assert [(each.path, each.events, each.custom) for each in read.blocks] == [
        (MODULE, (Event("introduced", "2.0.0"),), True)
    ]


def test_a_module_without_a_range_is_affected_always_and_one_with_versions_in_these() -> None:
    package = {"name": MODULE, "ecosystem": "Go"}
    assert advisory(affected=[{"package": package}]).blocks[0].events == (osv.ALWAYS,)
    assert advisory(affected=[{"package": package, "ranges": [ranges()]}]).blocks[0].events == (osv.ALWAYS,)
    named = advisory(affected=[{"package": package, "versions": ["1.0.0"]}]).blocks[0]
    assert (named.events, named.versions) == ((), ("1.0.0",))


@pytest.mark.parametrize(
    "broken",
    [
        {"modified": "yesterday"},
        {"modified": "2024-13-01T00:00:00Z"},
        {"withdrawn": "2024-01-01"},
        {"affected": [{"package": {"name": "a b", "ecosystem": "Go"}}]},
        {"affected": [{"package": {"name": "", "ecosystem": "Go"}}]},
        {"affected": "all"},
        {
            "affected": [
                {"package": {"name": MODULE, "ecosystem": "Go"}, "ranges": [ranges(("fixed", "latest"))]}
            ]
        },
        {
            "affected": [
                {"package": {"name": MODULE, "ecosystem": "Go"}, "ranges": [ranges(("limit", "1.0.0"))]}
            ]
        },
        {
            "affected": [
                {
                    "package": {"name": MODULE, "ecosystem": "Go"},
                    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0", "fixed": "1.0.0"}]}],
                }
            ]
        },
    ],
)
def test_a_broken_entry_is_refused_by_its_id(broken: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="GO-2024-0001"):
        osv.parse(entry(**broken))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b'{"id":"a/../b"}', b"[" * 5000, b"\xff\xfe"])
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        osv.parse(data)
    with pytest.raises(Invalid):
        osv.parse_object(["no", "entry"])


def test_json_that_was_read_already_is_read_alike() -> None:
    data = entry(modules={MODULE: [ranges(("introduced", "0"))]})
    assert osv.parse_object(json.loads(data)) == osv.parse(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["id", "affected", "package", "ranges", "events", "severity"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_no_json_makes_it_fail_otherwise(document: object) -> None:
    with contextlib.suppress(Invalid):
        osv.parse(json.dumps(document).encode())


def test_a_range_of_the_ecosystem_is_one_of_versions() -> None:
    """GitHub's own files write Go's ranges so; not to read them would call every version affected."""
    span = ranges(("introduced", "0"), ("fixed", "1.2.3")) | {"type": "ECOSYSTEM"}
    read = osv.parse(entry("GHSA-aaaa-bbbb-cccc", modules={MODULE: [span]}))
    assert [block.events for block in read.blocks] == [(Event("introduced", "0"), Event("fixed", "1.2.3"))]


@pytest.mark.parametrize("path", ["example.com/\x9b31m", "example.com/\u202em"])
def test_a_module_whose_name_a_terminal_would_obey_is_none(path: str) -> None:
    with pytest.raises(Invalid, match="which is no module"):
        osv.parse(entry(modules={path: [ranges(("introduced", "0"))]}))
