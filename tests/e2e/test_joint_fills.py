"""One upstream fetch for one object, however many clients ask for it and whenever they come."""

from __future__ import annotations

import http.client
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.modules import zip_h1

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.support.client import Reply
    from tests.support.gate import Gate

SIZE = 8 << 20
RATE = 5e6
ZIP = "/example.test/big/@v/v1.0.0.zip"


def _stage(stage: Stage) -> Stage:
    stage.world.add("example.test/big", "v1.0.0", padding=SIZE)
    stage.seal()
    stage.upstream.fault("throttle", ZIP, rate=RATE, delay=0.05)
    return stage


def _leave_early(gate: Gate) -> int:
    parts = urllib.parse.urlsplit(gate.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request("GET", ZIP)
    got = len(connection.getresponse().read(SIZE // 4))
    connection.close()
    return got


def _join_at(stage: Stage, gate: Gate, share: float) -> Reply:
    while stage.upstream.counts().get(ZIP, (0, 0, 0))[2] < share * SIZE:
        time.sleep(0.01)
    return gate.ask(ZIP, wait=60)


def test_clients_that_join_at_any_point_share_one_fetch_though_the_first_goes_away(stage: Stage) -> None:
    gate = _stage(stage).gate()
    shares = (0.0, 0.1, 0.5, 0.9, 0.99)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(_leave_early, gate)
        while not stage.upstream.counts().get(ZIP):
            time.sleep(0.01)
        joined = list(pool.map(lambda share: _join_at(stage, gate, share), shares))
    assert first.result() == SIZE // 4
    expected = stage.world.modules["example.test/big", "v1.0.0"].h1
    for share, reply in zip(shares, joined, strict=True):
        assert (share, reply.status, reply.whole) == (share, 200, True)
        assert zip_h1(reply.body) == expected
    assert stage.upstream.gets(ZIP) == 1


def test_a_fill_goes_on_when_its_only_client_goes_away(stage: Stage) -> None:
    gate = _stage(stage).gate()
    _leave_early(gate)
    deadline = time.monotonic() + 30
    while gate.ask(ZIP, headers={"Disable-Module-Fetch": "true"}, wait=60).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert stage.upstream.gets(ZIP) == 1


def test_a_client_sees_bytes_long_before_the_transfer_ends_but_never_the_unverified_tail(
    stage: Stage,
) -> None:
    gate = _stage(stage).gate()
    stage.upstream.heal()
    stage.upstream.fault("hang-body", ZIP)
    parts = urllib.parse.urlsplit(gate.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request("GET", ZIP)
    answer = connection.getresponse()
    assert answer.status == 200
    got = b""
    try:
        while piece := answer.read1(1 << 16):
            got += piece
    except (http.client.HTTPException, OSError):
        pass
    connection.close()
    assert SIZE // 4 < len(got) <= SIZE // 2 + 4096
    assert answer.length, "the transfer must end as a broken one"


def test_many_cold_requests_for_small_objects_cost_one_fetch_each(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(cache={"mutable_ttl": 30}))
    urls = [f"/example.test/leaf/@v/v1.0.0.{kind}" for kind in ("info", "mod", "zip")]
    urls += ["/example.test/leaf/@v/list", "/example.test/leaf/@latest"]
    for url in urls:
        furnished.upstream.fault("throttle", url, delay=0.3)
    with ThreadPoolExecutor(32) as pool:
        replies = list(pool.map(gate.ask, urls * 8))
    assert {reply.status for reply in replies} == {200}
    assert {url: furnished.upstream.gets(url) for url in urls} == dict.fromkeys(urls, 1)
