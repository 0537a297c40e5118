"""What any HTTP client sees: heads, ranges, validators, methods, nonsense, answers from the store alone."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate

LEAF = "/example.test/leaf/@v/v1.0.0"
FORBID = {"Disable-Module-Fetch": "true"}


def _store(gate: Gate, url: str) -> bytes:
    """Ask, and wait until it stands in the store: verified bytes leave before they are on the disk."""
    body = gate.ask(url).body
    deadline = time.monotonic() + 20
    while gate.ask(url, headers=FORBID).status != 200:
        assert time.monotonic() < deadline, url
        time.sleep(0.02)
    return body


def test_types_and_caching_say_what_an_object_is(furnished: Stage) -> None:
    gate = furnished.gate()
    expected = {
        f"{LEAF}.info": ("application/json", "immutable"),
        f"{LEAF}.mod": ("text/plain; charset=utf-8", "immutable"),
        f"{LEAF}.zip": ("application/zip", "immutable"),
        "/example.test/leaf/@v/list": ("text/plain; charset=utf-8", "max-age"),
        "/example.test/leaf/@latest": ("application/json", "max-age"),
        f"/sumdb/{furnished.database.name}/tile/8/0/000": ("application/octet-stream", "immutable"),
        f"/sumdb/{furnished.database.name}/lookup/example.test/leaf@v1.0.0": ("text/plain", "immutable"),
    }
    for url, (kind, caching) in expected.items():
        reply = gate.ask(url)
        assert (url, reply.status) == (url, 200), reply.text
        assert reply.headers["content-type"].startswith(kind), url
        assert caching in reply.headers["cache-control"], url
        assert ("immutable" in reply.headers["cache-control"]) == (caching == "immutable"), url


def test_ranges_and_validators_work_on_what_is_stored(furnished: Stage) -> None:
    gate = furnished.gate()
    right = furnished.world.modules["example.test/leaf", "v1.0.0"].zip
    first = gate.ask(f"{LEAF}.zip", headers={"Range": "bytes=10-19"})
    assert (first.status, first.body) == (200, right), "a cold range gets the whole"
    _store(gate, f"{LEAF}.zip")
    part = gate.ask(f"{LEAF}.zip", headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, right[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(right)}"
    tail = gate.ask(f"{LEAF}.zip", headers={"Range": "bytes=-5"})
    assert (tail.status, tail.body) == (206, right[-5:])
    assert gate.ask(f"{LEAF}.zip", headers={"Range": f"bytes={len(right)}-"}).status == 416
    tag = part.headers["etag"]
    assert gate.ask(f"{LEAF}.zip", headers={"If-None-Match": tag}).status == 304
    assert gate.ask(f"{LEAF}.zip", headers={"If-None-Match": '"other"'}).body == right
    stale = gate.ask(f"{LEAF}.zip", headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (stale.status, stale.body) == (200, right)


def test_head_answers_without_a_body_and_stores_nothing(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(prefetch={"enabled": False}))
    right = furnished.world.modules["example.test/leaf", "v1.0.0"].zip
    cold = gate.ask(f"{LEAF}.zip", method="HEAD")
    assert (cold.status, cold.body) == (200, b"")
    assert furnished.upstream.gets(f"{LEAF}.zip") == 0
    assert gate.ask(f"{LEAF}.zip", headers=FORBID).status == 404
    _store(gate, f"{LEAF}.zip")
    warm = gate.ask(f"{LEAF}.zip", method="HEAD")
    assert warm.headers["content-length"] == str(len(right))


def test_a_forbidden_fetch_is_answered_from_the_store_alone(furnished: Stage) -> None:
    gate = furnished.gate()
    for url in (f"{LEAF}.mod", f"{LEAF}.zip", "/example.test/leaf/@v/list", "/example.test/leaf/@latest"):
        assert gate.ask(url, headers=FORBID).status == 404, url
        assert gate.ask("/cached-only" + url).status == 404, url
    assert furnished.upstream.total() == 0
    for url in (f"{LEAF}.mod", f"{LEAF}.zip", "/example.test/leaf/@v/list", "/example.test/leaf/@latest"):
        wanted = _store(gate, url)
        assert gate.ask(url, headers=FORBID).body == wanted, url
        assert gate.ask("/cached-only" + url).body == wanted, url


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused_with_those_that_work(furnished: Stage, method: str) -> None:
    reply = furnished.gate().ask(f"{LEAF}.mod", method=method)
    assert reply.status == 405
    assert {"GET", "HEAD"} <= {name.strip() for name in reply.headers["allow"].split(",")}


NONSENSE = (
    "/m/@v/foobar",
    "/example.test/leaf/@v/!!v1.0.0.info",
    "/foobar/@latest",
    "/example.test/Upper/@v/list",
    "/example.test/leaf/@v/v1.0.0!.info",
    "/example.test/leaf/@v/latest.info",
    "/example.test/leaf/@v/main.mod",
    "/example.test/leaf/@v/v1.zip",
    "/example.test/leaf/../leaf/@v/list",
    "/example.test/leaf/%2e%2e/leaf/@v/list",
    "/example.test%2F..%2F..%2Fetc/@v/list",
    "/example.test//leaf/@v/list",
    "/example.test/leaf/@v/v1.0.0.info%00",
    "/example.test/leaf/@v/%ff.info",
    "/example.test/leaf/v2/@v/v1.0.0.info",
    "/example.test/aux.foo/@v/list",
    "/example.test/leaf/@v/v1.0.0.exe",
    "/sumdb/evil.example.test/latest",
    "/sumdb/sum.example.test/../../latest",
    "/sumdb/sum.example.test/tile/9/0/000",
    "/sumdb/sum.example.test/tile/8/0/../0/000",
    "/" + "a" * 9000 + ".test/x/@v/list",
)


def test_nonsense_is_refused_without_asking_the_upstream_or_reflecting_it(furnished: Stage) -> None:
    gate = furnished.gate()
    for url in NONSENSE:
        reply = gate.ask(url)
        assert reply.status in {400, 404, 414}, (url[:80], reply.status)
        assert len(reply.body) < 2000, url[:80]
    assert furnished.upstream.total() == 0, furnished.upstream.counts()


def test_a_percent_escaped_bang_is_the_same_object_and_a_query_splits_nothing(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(prefetch={"enabled": False}))
    plain = gate.ask("/example.test/!upper/@v/v0.1.0.mod")
    assert plain.status == 200
    for url in ("/example.test/%21upper/@v/v0.1.0.mod", "/example.test/!upper/@v/v0.1.0.mod?go-get=1"):
        assert gate.ask(url).body == plain.body
    assert furnished.upstream.gets("/example.test/!upper/@v/v0.1.0.mod") == 1


def test_info_of_a_branch_names_a_canonical_version(furnished: Stage) -> None:
    reply = furnished.gate().ask("/example.test/untagged/@v/main.info")
    assert json.loads(reply.body)["Version"] == "v0.0.0-20240506070809-abcdef123456"
    assert "immutable" not in reply.headers["cache-control"]


def test_supported_is_answered_by_the_gate_itself(furnished: Stage) -> None:
    gate = furnished.gate()
    assert gate.ask(f"/sumdb/{furnished.database.name}/supported").status == 200
    assert gate.ask("/sumdb/sum.other.test/supported").status in {404, 410}
    assert not any("supported" in path for path in furnished.upstream.counts())


def test_the_answer_says_how_it_was_verified(furnished: Stage) -> None:
    gate = furnished.gate()
    assert gate.ask(f"{LEAF}.zip").headers["modgate-verified"] == "sumdb"
    assert gate.ask(f"{LEAF}.zip").headers["modgate-verified"] == "sumdb"
    assert gate.ask(f"{LEAF}.mod").headers["modgate-verified"] == "sumdb"


def test_the_root_is_a_page_for_people(furnished: Stage) -> None:
    reply = furnished.gate().ask("/")
    assert reply.status == 200
    assert "GOPROXY" in reply.text


def test_a_list_that_was_asked_for_just_now_is_no_hit(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(cache={"mutable_ttl": 60}))
    said = [gate.ask("/example.test/leaf/@v/list").headers["modgate-cache"] for _ in range(2)]
    assert said == ["miss", "hit"]
