"""The index: who is affected, what closes the interval, and the first version that nothing affects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from modgate.policy.advisories import AdvisoryIndex
from modgate.policy.gonames import go_name, release
from tests.policy.osv_entries import advisory, ranges

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Advisories

M = "example.com/m"
ALL = ("introduced", "0")


def _index(*spans: dict[str, Any], path: str = M, **more: Any) -> AdvisoryIndex:
    return AdvisoryIndex([advisory(modules={path: list(spans)}, **more)])


def _first(index: AdvisoryIndex, version: str, *listed: str, path: str = M) -> str | None:
    return index.first_fixed(
        cast("ModulePath", path), cast("Version", version), cast("tuple[Version, ...]", listed)
    )


def _hit(index: AdvisoryIndex, version: str, path: str = M) -> list[str]:
    return [hit.fixed for hit in index.hits(path, version)]


def test_the_index_keeps_the_promises_of_its_protocol() -> None:
    index: Advisories = _index(ranges(ALL), aliases=["CVE-1"])
    assert len(index) == 1
    assert index.get("CVE-1") is index.get("GO-2024-0001") is not None
    assert index.get("CVE-2") is None
    assert index.concerns(M)
    assert not index.concerns(f"{M}/v2")
    assert AdvisoryIndex().digest == ""
    assert index.digest == _index(ranges(ALL), aliases=["CVE-1"]).digest != _index(ranges(ALL)).digest


def test_the_digest_names_what_is_said_and_not_where_it_was_read() -> None:
    said = advisory(modules={M: [ranges(ALL)]})
    assert AdvisoryIndex([replace(said, source="elsewhere")]).digest == AdvisoryIndex([said]).digest
    for changed in ({"summary": "other"}, {"withdrawn": 1.0}, {"reviewed": False}, {"aliases": ("CVE-1",)}):
        assert AdvisoryIndex([replace(said, **changed)]).digest != AdvisoryIndex([said]).digest


def test_events_turn_a_range_on_and_off_in_the_order_of_versions() -> None:
    index = _index(ranges(("fixed", "2.1.0"), ALL, ("introduced", "2.0.0"), ("fixed", "1.5.0")))
    told = {
        v: _hit(index, v) for v in ("v0.0.1", "v1.4.9", "v1.5.0", "v1.9.0", "v2.0.0-rc.1", "v2.0.0", "v2.1.0")
    }
    assert told == {
        "v0.0.1": ["v1.5.0"],
        "v1.4.9": ["v1.5.0"],
        "v1.5.0": [],
        "v1.9.0": [],
        "v2.0.0-rc.1": [],
        "v2.0.0": ["v2.1.0"],
        "v2.1.0": [],
    }


def test_a_pre_release_of_the_fix_is_not_yet_fixed_and_incompatible_does_not_count() -> None:
    index = _index(ranges(ALL, ("fixed", "2.0.0+incompatible")))
    assert _hit(index, "v2.0.0-rc.1+incompatible") == ["v2.0.0+incompatible"]
    assert _hit(index, "v2.0.0-20200101000000-abcdefabcdef") == ["v2.0.0+incompatible"]
    assert _hit(index, "v2.0.0+incompatible") == _hit(index, "v2.0.0") == []


def test_last_affected_is_affected_and_names_no_fix() -> None:
    index = _index(ranges(ALL, ("last_affected", "1.2.0")))
    assert _hit(index, "v1.2.0") == [""]
    assert _hit(index, "v1.2.1-rc.1") == []
    assert _first(index, "v1.0.0", "v1.1.0", "v1.2.0", "v1.2.1") == "v1.2.1"


def test_ranges_that_overlap_are_one() -> None:
    index = _index(ranges(ALL, ("fixed", "2.0.0")), ranges(("introduced", "1.0.0"), ("fixed", "3.0.0")))
    assert _hit(index, "v0.5.0") == _hit(index, "v2.5.0") == ["v3.0.0"]
    touching = _index(ranges(ALL, ("fixed", "1.0.0"), ("introduced", "1.0.0"), ("fixed", "1.1.0")))
    assert _hit(touching, "v1.0.0") == _hit(touching, "v0.1.0") == ["v1.1.0"]
    assert _hit(_index(ranges(ALL), ranges(ALL, ("fixed", "1.0.0"))), "v0.1.0") == [""]


@pytest.mark.parametrize("version", ["", "latest", "1.0.0", "v1.0.0.0", "master", "v1.0.0/../x"])
def test_what_is_no_version_is_not_affected(version: str) -> None:
    assert _index(ranges(ALL)).hits(M, version) == ()


def test_a_withdrawn_advisory_hits_nothing_and_is_known_all_the_same() -> None:
    index = _index(ranges(ALL), withdrawn="2024-06-01T00:00:00Z")
    assert _hit(index, "v1.0.0") == []
    assert not index.concerns(M)
    assert index.get("GO-2024-0001") is not None


def test_versions_named_one_by_one_are_affected_and_only_these() -> None:
    index = AdvisoryIndex(
        [
            advisory(
                affected=[
                    {"package": {"name": M, "ecosystem": "Go"}, "versions": ["1.0.0", "v1.0.2", "2.0.0"]}
                ]
            )
        ]
    )
    assert [bool(_hit(index, v)) for v in ("v1.0.0", "v1.0.1", "v1.0.2")] == [True, False, True]
    assert _hit(index, "v2.0.0+incompatible") == [""]
    assert _first(index, "v1.0.0", "v1.0.2", "v1.0.3") == "v1.0.3"


def test_the_first_fixed_version_is_listed_and_affected_by_nothing_else() -> None:
    index = AdvisoryIndex(
        [
            advisory("GO-1", modules={M: [ranges(ALL, ("fixed", "1.2.0"))]}),
            advisory("GO-2", modules={M: [ranges(("introduced", "1.2.0"), ("fixed", "1.3.0"))]}),
        ]
    )
    assert _first(index, "v1.0.0", "v1.0.0", "v1.2.0", "v1.2.9", "v1.3.1", "v1.4.0") == "v1.3.1"
    assert _first(index, "v1.0.0", "v1.2.0") is None
    assert index.closing_fix(M, "v1.0.0") == "v1.3.0"


def test_a_fix_that_is_a_pseudo_version_needs_no_list() -> None:
    fix = "0.0.0-20220314234659-1baeb1ce4c0b"
    index = _index(ranges(ALL, ("fixed", fix)))
    assert _first(index, "v0.0.0-20200101000000-abcdefabcdef") == f"v{fix}"
    assert _first(index, "v0.0.0-20200101000000-abcdefabcdef", "v0.1.0") == f"v{fix}"


def test_an_open_range_has_no_fix_and_an_unreviewed_one_is_doubtful() -> None:
    index = _index(ranges(ALL), database_specific={"review_status": "UNREVIEWED"})
    assert _first(index, "v1.0.0", "v9.0.0") is None
    assert index.hits(M, "v1.0.0")[0].doubtful


def test_a_higher_major_version_is_named_where_nothing_fixes_this_one() -> None:
    index = AdvisoryIndex(
        [
            advisory(
                "GO-1",
                modules={
                    "gopkg.in/m.v2": [ranges(ALL)],
                    M: [ranges(ALL)],
                    f"{M}/v2": [ranges(ALL)],
                    f"{M}/v3": [ranges(ALL, ("fixed", "3.1.0"))],
                    f"{M}/v12": [ranges(ALL)],
                    f"{M}/v11": [ranges(ALL, ("fixed", "11.0.2"))],
                    "gopkg.in/m.v3": [ranges(ALL, ("fixed", "3.0.1"))],
                    f"{M}/other/v4": [ranges(ALL, ("fixed", "4.0.0"))],
                },
            ),
            advisory("GO-2", modules={f"{M}/v3": [ranges(("introduced", "3.1.0"), ("fixed", "3.2.0"))]}),
        ]
    )
    expected = ((f"{M}/v3", "v3.2.0"), (f"{M}/v11", "v11.0.2"))
    assert index.majors(M, index.hits(M, "v1.0.0")) == expected
    assert index.majors(f"{M}/v2", index.hits(f"{M}/v2", "v2.0.0")) == expected
    assert index.majors(f"{M}/v11", index.hits(f"{M}/v11", "v11.0.0")) == ()
    assert index.majors(f"{M}/v12", index.hits(f"{M}/v12", "v12.0.0")) == ()
    assert index.majors("gopkg.in/m.v2", index.hits("gopkg.in/m.v2", "v2.0.0")) == (
        ("gopkg.in/m.v3", "v3.0.1"),
    )


STD = [ranges(ALL, ("fixed", "1.21.9"), ("introduced", "1.22.0-0"), ("fixed", "1.22.2"))]


def test_releases_of_go_are_asked_in_any_form_and_answered_in_the_same() -> None:
    index = AdvisoryIndex(
        [
            advisory("GO-1", modules={"stdlib": STD}),
            advisory("GO-2", modules={"toolchain": [ranges(ALL, ("fixed", "1.22.4"))]}),
        ]
    )
    assert _hit(index, "go1.22.1", "stdlib") == ["go1.22.2"]
    assert _hit(index, "v1.22.1", "stdlib") == ["v1.22.2"]
    assert _hit(index, "go1.22rc1", "stdlib") == ["go1.22.2"]
    assert _hit(index, "go1.21.9", "stdlib") == _hit(index, "go1.22.2", "stdlib") == []
    assert _hit(index, "go1.20", "stdlib") == ["go1.21.9"]
    assert _hit(index, "go1.22.2", "toolchain") == ["go1.22.4"]
    tool = "golang.org/toolchain"
    hits = index.hits(tool, "v0.0.1-go1.22.1.linux-amd64")
    assert [(hit.path, hit.fixed) for hit in hits] == [
        ("stdlib", "v0.0.1-go1.22.2.linux-amd64"),
        ("toolchain", "v0.0.1-go1.22.4.linux-amd64"),
    ]
    listed = ("v0.0.1-go1.9.1.linux-amd64", "v0.0.1-go1.22.3.linux-amd64", "v0.0.1-go1.22.10.linux-amd64")
    assert _first(index, "v0.0.1-go1.22.1.linux-amd64", *listed, path=tool) == listed[2]
    assert index.concerns(tool)
    assert index.hits(tool, "v0.0.1-local") == index.hits("stdlib", "tip") == ()


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("go1", "v1.0.0"),
        ("go1.20", "v1.20.0"),
        ("go1.21.0", "v1.21.0"),
        ("go1.22rc1", "v1.22.0-rc.1"),
        ("go1.8beta2", "v1.8.0-beta.2"),
        ("go1.22.3", "v1.22.3"),
    ],
)
def test_names_of_releases_and_versions_mean_each_other(name: str, version: str) -> None:
    read = release(name)
    assert read is not None
    assert read.semver == version
    assert go_name(version) == name


def test_toolchains_of_another_platform_are_no_fix() -> None:
    index = AdvisoryIndex([advisory(modules={"stdlib": STD})])
    listed = ("v0.0.1-go1.22.2.darwin-arm64", "v0.0.1-go1.22.3.linux-amd64")
    assert _first(index, "v0.0.1-go1.22.1.linux-amd64", *listed, path="golang.org/toolchain") == listed[1]
