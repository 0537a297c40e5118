"""The index answers as the real govulncheck does, around every turn of every range of the whole database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.feeds.advisories.entries import gather
from modgate.feeds.advisories.files import read_path
from modgate.policy.advisories import AdvisoryIndex
from tests.policy import govulncheck
from tests.policy.govulncheck import DATA, Found

if TYPE_CHECKING:
    from pathlib import Path

    from tests.policy.govulncheck import Pair

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not DATA.exists(), reason="the database is beside the checkout, not in it"),
]

RELEASES = "go1 go1.9 go1.14.12 go1.20 go1.21rc2 go1.21.0 go1.21.9 go1.22rc1 go1.22beta1 go1.22.3 go1.25.0"


@pytest.fixture(scope="module")
def program(go_command: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = govulncheck.build(go_command, tmp_path_factory.mktemp("bin"))
    if built is None:
        pytest.skip("the live module proxy of the machine cannot be reached")
    return built


@pytest.fixture(scope="module")
def index() -> AdvisoryIndex:
    return AdvisoryIndex(gather(read_path(DATA), source="go").advisories)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return govulncheck.write_database(tmp_path_factory.mktemp("vulndb") / "v1", govulncheck.entries())


def _compare(
    index: AdvisoryIndex, answers: dict[Pair, set[Found]], capsys: pytest.CaptureFixture[str]
) -> None:
    different, fixes, found = [], 0, 0
    for (path, version), theirs in answers.items():
        ours = {Found(hit.advisory.id, hit.fixed) for hit in index.hits(path, version)}
        found += len(ours)
        if {each.id for each in ours} != {each.id for each in theirs}:
            different.append((path, version, ours ^ theirs))
        for each in theirs - ours:
            # The one allowed difference: it calls fixed what another range of the advisory still affects.
            fixes += 1
            assert each.id in {hit.advisory.id for hit in index.hits(path, each.fixed)}, (path, version, each)
    with capsys.disabled():
        print(f"\n{len(answers)} pairs, {found} findings, {len(different)} differences, {fixes} argued fixes")
    assert not different, different[:10]
    assert found


def test_a_sample_around_the_turns_of_ranges_is_answered_alike(
    program: Path, index: AdvisoryIndex, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = govulncheck.sample(govulncheck.boundary_pairs(govulncheck.entries()), 400)
    _compare(index, govulncheck.scan(program, database, tmp_path, pairs), capsys)


@pytest.mark.long
def test_every_turn_of_every_range_is_answered_alike(
    program: Path, index: AdvisoryIndex, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = govulncheck.boundary_pairs(govulncheck.entries())
    assert len(pairs) > 20_000
    _compare(index, govulncheck.scan(program, database, tmp_path, pairs), capsys)


@pytest.mark.parametrize("name", RELEASES.split())
def test_a_release_of_go_is_read_as_govulncheck_reads_it(
    program: Path, index: AdvisoryIndex, database: str, tmp_path: Path, name: str
) -> None:
    told = govulncheck.scan(program, database, tmp_path, [], go=name)
    theirs = {(each.id, each.fixed) for found in told.values() for each in found}
    ours = index.hits("stdlib", name)
    assert {hit.advisory.id for hit in ours} == {identifier for identifier, _ in theirs}
    if name == "go1.22.3":
        assert {(hit.advisory.id, hit.fixed.replace("go", "v")) for hit in ours} == theirs
