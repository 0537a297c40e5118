"""What became better or worse: beyond noise only, and from files that anybody may have edited."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.mirrors.compare import compare, read_document
from modgate.client.mirrors.saved import last_run, read_run, save_run, state_folder
from modgate.errors import Invalid
from tests.client.mirrors.documents import made

if TYPE_CHECKING:
    from pathlib import Path


def _whats(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[str, str]]:
    return {(change["what"], change["change"]) for change in compare(before, after)["changes"]}


def test_the_same_run_twice_changed_nothing() -> None:
    found = made("goproxy.cn", "goproxy.io")
    assert compare(found, found) == {
        "taken": found["taken"],
        "same_subject": True,
        "changes": [],
        "new": [],
        "gone": [],
    }


def test_noise_is_no_change() -> None:
    assert _whats(made(latency=0.050), made(latency=0.0515)) == set()


def test_slower_and_faster_are_told_both_ways() -> None:
    fast, slow = made(latency=0.05, rate=4e6), made(latency=0.2, rate=1e6)
    assert _whats(fast, slow) == {("cold", "worse"), ("warm", "worse"), ("throughput", "worse")}
    assert _whats(slow, fast) == {("cold", "better"), ("warm", "better"), ("throughput", "better")}


def test_more_failures_are_worse() -> None:
    assert ("failures", "worse") in _whats(made(rounds=60), made(rounds=60, fail_every=2))


def test_a_lost_database_a_lost_toolchain_and_a_broken_rule_are_told() -> None:
    before = made()
    after = copy.deepcopy(before)
    after["mirrors"][0]["sumdb"]["works"] = False
    after["mirrors"][0]["toolchain"]["available"] = False
    after["mirrors"][0]["conformance"][1]["result"] = "fail"
    assert _whats(before, after) == {("sumdb", "worse"), ("toolchain", "worse"), ("check:zip", "worse")}
    assert _whats(after, before) == {("sumdb", "better"), ("toolchain", "better"), ("check:zip", "better")}


def test_times_with_another_module_are_not_compared() -> None:
    before = made(latency=0.5)
    before["subject"]["module"] = "example.com/other"
    found = compare(before, made(latency=0.05))
    assert not found["same_subject"]
    assert found["changes"] == []


def test_mirrors_that_are_new_or_gone_are_named() -> None:
    found = compare(made("goproxy.cn", "goproxy.io"), made("goproxy.cn", "aliyun"))
    assert (found["new"], found["gone"]) == (["aliyun"], ["goproxy.io"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = [
    ("mirrors",),
    ("subject",),
    ("mirrors", 0),
    ("mirrors", 0, "latency"),
    ("mirrors", 0, "latency", "cold"),
    ("mirrors", 0, "latency", "cold", "n"),
    ("mirrors", 0, "latency", "cold", "mad"),
    ("mirrors", 0, "stability"),
    ("mirrors", 0, "stability", "failed"),
    ("mirrors", 0, "conformance"),
    ("mirrors", 0, "conformance", 0),
    ("mirrors", 0, "url"),
    ("mirrors", 0, "sumdb"),
    ("taken",),
]


@given(st.sampled_from(PATHS), JSON)
def test_a_damaged_run_is_refused_or_compared_and_never_breaks_the_comparison(
    path: tuple[str | int, ...], junk: object
) -> None:
    before: Any = json.loads(json.dumps(made()))
    place = before
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = junk
    try:
        read = read_document(json.dumps(before).encode(), "it")
    except Invalid:
        return
    compare(read, made())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_run_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="no saved run"):
        read_document(data, "it")


def test_a_run_of_a_later_schema_is_refused() -> None:
    with pytest.raises(Invalid, match="schema 2"):
        read_document(json.dumps({**made(), "schema": 2}).encode(), "it")


def test_the_last_run_is_found_again_and_old_ones_are_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert last_run(folder) is None
    for day in range(1, 36):
        found = {**made(), "taken": f"2026-{1 + day // 29:02}-{1 + day % 29:02}T00:00:00Z"}
        kept = save_run(found, folder)
    assert last_run(folder) == found
    assert read_run(kept) == found
    assert len(list(folder.iterdir())) == 30


def test_a_damaged_last_run_is_passed_over(tmp_path: Path) -> None:
    save_run(made(), tmp_path)
    (tmp_path / "mirrors-29990101T000000Z.json").write_text("{")
    assert last_run(tmp_path) == made()


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no such file"):
        read_run(tmp_path / "no.json")


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/state/modgate/mirrors"),
        ("linux", {"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/modgate/mirrors"),
        ("linux", {"HOME": "/h", "XDG_STATE_HOME": "rel"}, "/h/.local/state/modgate/mirrors"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/modgate/mirrors"),
        ("win32", {"USERPROFILE": "/u", "LOCALAPPDATA": "/l"}, "/l/modgate/mirrors"),
    ],
)
def test_runs_are_kept_where_the_platform_keeps_state(
    platform: str, environ: dict[str, str], expected: str
) -> None:
    assert state_folder(environ, platform).as_posix() == expected
