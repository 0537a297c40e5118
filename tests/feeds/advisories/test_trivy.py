"""Trivy's ranges become events, its vendors' words severities, also of Go entries with the same CVE."""

from __future__ import annotations

from pathlib import Path

import pytest

from modgate.errors import Invalid
from modgate.feeds.advisories import ratings, trivy
from modgate.feeds.advisories.constraints import above, events_of
from modgate.model.advisory import Severity
from modgate.policy import osv
from modgate.policy.advisories import AdvisoryIndex

FILE = Path(__file__).parents[2] / "vectors" / "data" / "bolt" / "trivy.db"


def introduced(version: str, kind: str = "", end: str = "") -> list[dict[str, str]]:
    return [{"introduced": version}, *([{kind: end}] if kind else [])]


@pytest.mark.parametrize(
    ("vulnerable", "patched", "unaffected", "events"),
    [
        (["<1.2.3"], [], [], introduced("0", "fixed", "1.2.3")),
        ([">=1.0, <1.2"], [], [], introduced("1.0.0", "fixed", "1.2.0")),
        ([">= 1.0.0 < 1.2.0"], [], [], introduced("1.0.0", "fixed", "1.2.0")),
        (["<=1.2.3"], [], [], introduced("0", "last_affected", "1.2.3")),
        (["<=1.2.3"], ["1.2.5"], [], introduced("0", "fixed", "1.2.5")),
        ([">1.2.3"], [], [], introduced("1.2.4-0")),
        (["=1.2.3"], [], [], introduced("1.2.3", "last_affected", "1.2.3")),
        (["v1.2.3"], ["v1.3.0"], [], introduced("1.2.3", "fixed", "1.3.0")),
        (["*"], [], [], introduced("0")),
        ([], [">=2.0.0"], [], introduced("0", "fixed", "2.0.0")),
        ([], [">=2.0.0"], ["<1.0.0"], introduced("1.0.0", "fixed", "2.0.0")),
        ([">=0"], [], [], introduced("0")),
        (
            ["<1.2.0 || >=2.0.0, <2.1.0"],
            [],
            [],
            introduced("0", "fixed", "1.2.0") + introduced("2.0.0", "fixed", "2.1.0"),
        ),
        (["<1.2.0", ">=1.1.0, <1.4.0"], [], [], introduced("0", "fixed", "1.4.0")),
        (
            ["<0.0.0-20220101000000-abcdefabcdef"],
            [],
            [],
            introduced("0", "fixed", "0.0.0-20220101000000-abcdefabcdef"),
        ),
        ([">=2.0.0, <1.0.0"], [], [], []),
    ],
)
def test_ranges_become_events(
    vulnerable: list[str], patched: list[str], unaffected: list[str], events: list[dict[str, str]]
) -> None:
    assert events_of(vulnerable, patched, unaffected) == events


@pytest.mark.parametrize("text", ["~1.2", "^1.0.0", "latest", "<1.2.3 banana", ">=x", "<" * 5000])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        events_of([text])


@pytest.mark.parametrize(("version", "next_one"), [("1.2.3", "1.2.4-0"), ("1.2.3-rc.1", "1.2.3-rc.1.0")])
def test_the_smallest_version_above(version: str, next_one: str) -> None:
    assert above(version) == next_one


def test_a_database_gives_advisories_with_the_word_of_its_vendors() -> None:
    entries = list(trivy.entries(FILE))
    assert trivy.is_database(FILE)
    assert [each.id for each in entries if each.fault] == ["CVE-2024-0003"]
    index = AdvisoryIndex(ratings.parse(each.data, source="trivy") for each in entries if not each.fault)
    assert [hit.advisory.id for hit in index.hits("example.com/range", "v1.2.0")] == [
        "CVE-2024-0001",
        "CVE-2024-0002",
    ]
    assert not index.hits("example.com/range", "v2.0.5")
    assert [hit.fixed for hit in index.hits("example.com/range", "v2.0.4")] == ["v2.0.5"]
    assert not index.concerns("left-pad")
    first, second = index.get("CVE-2024-0001"), index.get("CVE-2024-0002")
    assert first is not None
    assert second is not None
    assert (first.severity, first.severity_from, first.score) == (Severity.CRITICAL, "nvd", 9.8)
    assert (second.severity, second.severity_from, second.score) == (Severity.HIGH, "ghsa", 7.5)


def test_an_entry_of_go_takes_the_severity_of_its_cve() -> None:
    go = osv.parse(
        b'{"id": "GO-2024-1000", "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2024-0001"], '
        b'"affected": [{"package": {"name": "example.com/range", "ecosystem": "Go"}, '
        b'"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.3"}]}]}]}',
        source="go",
    )
    told = [ratings.parse(each.data, source="trivy") for each in trivy.entries(FILE) if not each.fault]
    hits = AdvisoryIndex([go, *told]).hits("example.com/range", "v0.9.0")
    assert [(hit.advisory.id, hit.advisory.severity) for hit in hits] == [("GO-2024-1000", Severity.CRITICAL)]


def test_a_bbolt_file_of_something_else_is_refused() -> None:
    with pytest.raises(Invalid, match="without what Trivy keeps"):
        list(trivy.entries(FILE.with_name("tree.db")))
