from __future__ import annotations

import itertools
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from modgate.errors import Invalid
from modgate.gomod import module, pseudo, query, semver
from tests.property.gomod_strategies import tagged, versions

MODULE = module.check_path("x.y/z")


@given(versions, versions, versions)
def test_versions_are_in_a_total_order(a: str, b: str, c: str) -> None:
    assert semver.compare(a, a) == 0
    assert semver.compare(a, b) == -semver.compare(b, a)
    if semver.compare(a, b) <= 0 and semver.compare(b, c) <= 0:
        assert semver.compare(a, c) <= 0
    assert (semver.compare(a, b) == 0) == (semver.canonical(a) == semver.canonical(b))


@given(st.lists(versions))
def test_sorting_agrees_with_comparing(listed: list[str]) -> None:
    ordered = semver.sorted_versions(listed)
    for lower, higher in itertools.pairwise(ordered):
        assert (semver.compare(lower, higher), lower) <= (0, higher)


@given(versions)
def test_the_canonical_form_is_canonical(version: str) -> None:
    full = semver.canonical(version)
    assert semver.canonical(full) == full
    assert semver.compare(full, version) == 0
    kept = module.canonical_version(version)
    assert module.canonical_version(kept) == kept


@given(
    tagged,
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  given a zone
    st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
)
def test_a_pseudo_version_gives_back_what_it_was_made_of(older: str, time: datetime, rev: str) -> None:
    version = pseudo.pseudo_version("", older, time, rev)
    assert pseudo.is_pseudo_version(version)
    assert pseudo.pseudo_version_time(version) == time.replace(microsecond=0)
    assert pseudo.pseudo_version_rev(version) == rev
    assert pseudo.pseudo_version_base(version) == older
    assert semver.compare(version, older) > 0


@given(st.one_of(st.text(), versions))
def test_reading_a_pseudo_version_fails_only_as_invalid(text: str) -> None:
    for read in (pseudo.pseudo_version_base, pseudo.pseudo_version_rev, pseudo.pseudo_version_time):
        try:
            read(text)
        except Invalid:
            assert not pseudo.is_pseudo_version(text) or read is not pseudo.pseudo_version_rev


@given(st.lists(versions), st.one_of(st.text(), versions, versions.map(lambda v: ">=" + v)), versions)
def test_a_chosen_version_is_one_of_those_offered(listed: list[str], text: str, current: str) -> None:
    try:
        parsed = query.parse_query(MODULE, text, current)
    except Invalid:
        return
    if parsed is not None:
        chosen = query.choose(parsed, listed)
        assert chosen is None or chosen in listed or chosen == parsed.current
