"""How bad: words, vectors of every CVSS, and whose word counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.model.advisory import Severity
from modgate.policy.merging import merge
from modgate.policy.severity import NO_RATING, Rating, best, rate, score, source_of, word
from tests.policy.osv_entries import advisory, ranges

OLD = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
NEW = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    ("vector", "level", "number"),
    [
        (OLD, Severity.HIGH, 7.5),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Severity.CRITICAL, 10.0),
        ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", Severity.NONE, 0.0),
        (NEW, Severity.CRITICAL, 9.3),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", Severity.HIGH, 10.0),
        ("CVSS:2.0/AV:N/AC:M/Au:N/C:N/I:P/A:N", Severity.MEDIUM, 4.3),
    ],
)
def test_a_vector_has_its_level_and_score(vector: str, level: Severity, number: float) -> None:
    assert score(vector) == (level, number)


@pytest.mark.parametrize(
    "vector", ["", "CVSS:3.1/", "CVSS:9.0/AV:N", "HIGH", "CVSS:3.1/AV:X/AC:L", "A" * 5000, OLD + "/AV:N"]
)
def test_a_malformed_vector_says_nothing(vector: str) -> None:
    assert score(vector) is None
    assert rate("ghsa", "", [vector]) == NO_RATING


@given(st.text(alphabet="CVSS:3.140/AVNLCPRUIHX", max_size=60))
def test_no_text_makes_a_vector_fail(text: str) -> None:
    score(text)


def test_a_word_counts_before_a_vector_and_the_newest_cvss_gives_the_score() -> None:
    assert rate("ghsa", "MODERATE", [OLD, NEW]) == Rating(Severity.MEDIUM, "ghsa", 9.3)
    assert rate("ghsa", "", [OLD, NEW]) == Rating(Severity.CRITICAL, "ghsa", 9.3)
    assert rate("ghsa", "dreadful", [OLD, "broken"]) == Rating(Severity.HIGH, "ghsa", 7.5)
    assert word("Important") is Severity.HIGH


def test_the_first_source_by_precedence_counts_and_not_the_worst() -> None:
    said = [
        Rating(Severity.CRITICAL, "trivy", 9.9),
        Rating(Severity.HIGH, "nvd", 8.0),
        Rating(Severity.LOW, "ghsa", 2.0),
        NO_RATING,
    ]
    assert best(said).source == "ghsa"
    assert best(said[:2]).source == "nvd"
    assert best([*said, Rating(Severity.MEDIUM, "osv")]).severity is Severity.MEDIUM
    assert best([Rating(Severity.LOW, "redhat"), Rating(Severity.HIGH, "ubuntu")]).source == "ubuntu"
    assert best([NO_RATING]) is NO_RATING
    assert [source_of(each) for each in ("GO-2024-1", "GHSA-a", "CVE-2024-1")] == ["osv", "ghsa", "nvd"]


M, N = "example.com/m", "example.com/n"
UP_TO_2 = [ranges(("introduced", "0"), ("fixed", "2.0.0"))]
UP_TO_3 = [ranges(("introduced", "0"), ("fixed", "3.0.0"))]


def test_an_entry_of_the_go_database_takes_the_severity_of_what_it_is_an_alias_of() -> None:
    go = advisory("GO-2024-1", modules={M: UP_TO_2}, aliases=["GHSA-a"])
    github = advisory(
        "GHSA-a", modules={M: UP_TO_3, N: UP_TO_3}, aliases=["CVE-1"], database_specific={"severity": "HIGH"}
    )
    (one,) = merge([go, github])
    assert (one.id, one.severity, one.severity_from) == ("GO-2024-1", Severity.HIGH, "ghsa")
    assert one.blocks == go.blocks
    assert set(one.aliases) == {"GHSA-a", "CVE-1"}
    assert merge([github, go]) == (one,)


def test_entries_that_share_only_a_cve_stay_apart_unless_all_modules_are_named() -> None:
    go = advisory("GO-2024-1", modules={M: UP_TO_2}, aliases=["CVE-1"])
    same = advisory("GHSA-a", modules={M: UP_TO_3}, aliases=["CVE-1"], database_specific={"severity": "LOW"})
    other = advisory("GHSA-b", modules={N: UP_TO_3}, aliases=["CVE-1"])
    merged = merge([go, same, other])
    assert [each.id for each in merged] == ["GHSA-b", "GO-2024-1"]
    assert [each.severity for each in merged] == [Severity.LOW, Severity.LOW]


def test_a_withdrawn_entry_swallows_nothing() -> None:
    go = advisory("GO-2024-1", modules={M: UP_TO_2}, aliases=["GHSA-a"], withdrawn="2024-06-01T00:00:00Z")
    github = advisory("GHSA-a", modules={M: UP_TO_3})
    assert [each.id for each in merge([go, github])] == ["GHSA-a", "GO-2024-1"]


def test_of_one_id_the_entry_changed_last_counts() -> None:
    old = advisory(modules={M: UP_TO_2}, modified="2024-01-01T00:00:00Z")
    new = advisory(modules={M: UP_TO_3}, modified="2024-02-01T00:00:00Z")
    assert merge([old, new]) == merge([new, old]) == (new,)


def test_what_names_no_module_lends_its_severity_only() -> None:
    go = advisory("GO-2024-1", modules={M: UP_TO_2}, aliases=["CVE-1"])
    nvd = advisory("CVE-1", severity=[{"type": "CVSS_V3", "score": OLD}])
    (one,) = merge([nvd, go])
    assert (one.id, one.severity_from, one.score) == ("GO-2024-1", "nvd", 7.5)
