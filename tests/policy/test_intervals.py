"""The answers that were worked out before are those of looking through every interval, to the last field."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.feeds.advisories.entries import gather
from modgate.feeds.advisories.files import read_path
from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Advisory, Block, Event
from modgate.policy import advisories, intervals
from modgate.policy.advisories import AdvisoryIndex
from tests.policy import govulncheck
from tests.policy.govulncheck import DATA
from tests.policy.osv_entries import advisory, ranges
from tests.policy.slow_index import SlowIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_VERSIONS = (
    "",
    "v",
    "1.0.0",
    "latest",
    "v1.0.0.0",
    "v01.0.0",
    "v1.0.0-01",
    "v1.0.0+",
    "V1.0.0",
    "v1.0.0 ",
    "go1",
)
SHORT = ("v0", "v1", "v1.2", "v1.2.3+meta.7", "v99999999999999999999.0.0", "v0.0.0-0")
GO_SUFFIXES = ("", "rc1", "beta2", "-rc.1", "pre3")
PLATFORMS = ("linux-amd64", "darwin-arm64", "windows-386", "a0-b1")
ALL = ("introduced", "0")


@pytest.fixture(scope="module")
def known() -> tuple[Advisory, ...]:
    if not DATA.exists():
        pytest.skip("the database is beside the checkout, not in it")
    return tuple(gather(read_path(DATA), source="go").advisories)


def _assert_alike(index: AdvisoryIndex, slow: SlowIndex, pairs: Iterator[tuple[str, str]]) -> tuple[int, int]:
    asked = found = 0
    for path, version in pairs:
        ours, theirs = index.hits(path, version), slow.hits(path, version)
        asked, found = asked + 1, found + len(ours)
        assert len(ours) == len(theirs), (path, version)
        for one, other in zip(ours, theirs, strict=True):
            assert one.advisory is other.advisory or one.advisory == other.advisory
            assert (one.path, one.fixed, one.custom) == (other.path, other.fixed, other.custom), (
                path,
                version,
            )
    return asked, found


def _go_questions(known: tuple[Advisory, ...]) -> Iterator[tuple[str, str]]:
    turns = {
        event.version.partition("-")[0]
        for each in known
        for block in each.blocks
        if block.path in {"stdlib", "toolchain"}
        for event in block.events
    }
    for number in sorted(turns | {"1.0.0", "1.9.0", "1.30.7"}):
        for name in {number, number.removesuffix(".0")}:
            for suffix in GO_SUFFIXES:
                for path in ("stdlib", "toolchain", "golang.org/toolchain"):
                    yield path, f"go{name}{suffix}"
                    yield path, f"{name}{suffix}"
                    yield path, f"v{name}{suffix}"
                for platform in PLATFORMS:
                    yield "golang.org/toolchain", f"v0.0.1-go{name}{suffix}.{platform}"


def test_every_module_is_answered_alike_at_around_and_between_all_turns(known: tuple[Advisory, ...]) -> None:
    index, slow = AdvisoryIndex(known), SlowIndex(known)
    pairs = govulncheck.boundary_pairs(govulncheck.entries())
    assert {path for path, _ in pairs} >= index.paths
    asked, found = _assert_alike(index, slow, iter(pairs))
    assert asked > 50_000
    assert found > 100_000


def test_what_is_no_version_and_what_is_short_is_answered_alike(known: tuple[Advisory, ...]) -> None:
    index, slow = AdvisoryIndex(known), SlowIndex(known)
    _assert_alike(
        index, slow, ((path, version) for path in sorted(index.paths) for version in (*NO_VERSIONS, *SHORT))
    )


def test_releases_of_go_are_answered_alike_in_every_form(known: tuple[Advisory, ...]) -> None:
    asked, found = _assert_alike(AdvisoryIndex(known), SlowIndex(known), _go_questions(known))
    assert asked > 10_000
    assert found > 100_000


def test_the_whole_database_is_worked_out_within_its_bound(known: tuple[Advisory, ...]) -> None:
    index = AdvisoryIndex(known)
    sizes = [each.size for each in index._modules.values()]
    assert 50_000 < sum(sizes) < advisories._PREPARED / 10
    assert all(each.prepared for each in index._modules.values())


def test_beyond_the_bound_answers_are_the_same(
    known: tuple[Advisory, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisories, "_PREPARED", 5_000)
    index = AdvisoryIndex(known)
    assert {each.prepared for each in index._modules.values()} == {True, False}
    pairs = govulncheck.sample(govulncheck.boundary_pairs(govulncheck.entries()), 8_000)
    slow = SlowIndex(known)
    _assert_alike(index, slow, iter(pairs))
    questions = list(_go_questions(known))
    random.Random(1).shuffle(questions)
    _assert_alike(index, slow, iter(questions[:1500]))


def test_platforms_that_nobody_ships_leave_nothing_behind() -> None:
    index = AdvisoryIndex([advisory(modules={"stdlib": [ranges(ALL, ("fixed", "1.22.2"))]})])
    for number in range(1000):
        version = f"v0.0.1-go1.21.0.os{number}-cpu"
        assert [hit.fixed for hit in index.hits("golang.org/toolchain", version)] == [
            f"v0.0.1-go1.22.2.os{number}-cpu"
        ]
    (go,) = index._go.values()
    assert len(go._forms) <= intervals._FORMS


_numbers = st.sampled_from(
    ("0.0.0", "0.9.0", "1.0.0", "1.0.0-rc.1", "1.0.0-0", "1.2.0", "2.0.0+incompatible", "2.1.0")
)
_events = st.lists(
    st.tuples(st.sampled_from(("introduced", "fixed", "last_affected")), _numbers | st.just("0")), max_size=6
)
_blocks = st.builds(
    Block,
    st.sampled_from(("m", "stdlib", "toolchain")),
    _events.map(lambda each: tuple(Event(*pair) for pair in each)),
    versions=st.lists(_numbers | st.just("v1.0.0"), max_size=2).map(tuple),
    custom=st.booleans(),
)
_known = st.lists(st.lists(_blocks, min_size=1, max_size=4), max_size=5).map(
    lambda found: [
        Advisory(f"GO-{number}", tuple(each), modified=1.0) for number, each in enumerate(found, start=1)
    ]
)


@given(_known, st.booleans())
def test_any_ranges_are_answered_alike(known: list[Advisory], ahead: bool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(advisories, "_PREPARED", 1000 if ahead else 0)
        index = AdvisoryIndex(known)
    versions = [
        f"v{each}" for each in ("0", "0.0.0-0", "0.9.0", "0.9.1", "1.0.0-rc.0", "1.0.0-rc.1", "1.0.0")
    ]
    versions += [
        "v1.1.0",
        "v1.2.0",
        "v1.2.1",
        "v2.0.0+incompatible",
        "v2.0.0",
        "v3.0.0",
        "go1.0",
        "go1.2",
        "x",
    ]
    paths = ("m", "stdlib", "toolchain", "golang.org/toolchain")
    pairs = [(path, version) for path in paths for version in versions]
    pairs += [("golang.org/toolchain", f"v0.0.1-go1.{n}.linux-amd64") for n in ("0", "1", "2", "2.1")]
    _assert_alike(index, SlowIndex(known), iter(pairs))


@pytest.mark.parametrize("version", ["v1.0.0", "v1.0.0+incompatible", "v1.5.0"])
def test_the_fix_of_the_highest_interval_leads_to_another_major_version(version: str) -> None:
    index = AdvisoryIndex(
        [
            advisory(
                modules={
                    "a.org/m": [ranges(ALL)],
                    "a.org/m/v2": [
                        ranges(ALL, ("fixed", "2.1.0"), ("introduced", "2.3.0"), ("fixed", "2.4.0"))
                    ],
                }
            )
        ]
    )
    hits = index.hits(ModulePath("a.org/m"), Version(version))
    assert index.majors("a.org/m", hits) == (("a.org/m/v2", "v2.4.0"),)
