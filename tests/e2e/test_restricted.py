"""A module that only named clients may read: nobody else gets it, not even when it lies ready."""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from modgate.sumdb.note import generate_key
from tests.support.authority import Authority
from tests.support.client import Reply, ask
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[FaultUpstream]:
    world = World(tmp_path / "world")
    world.add("secret.example/lib")
    world.add("half.example/lib")
    world.add("open.example/lib")
    world.add(
        "open.example/asks", requires={"half.example/lib": "v1.0.0", "open.example/lib": "v1.0.0"}, go="1.16"
    )
    world.finish()
    with FaultUpstream(world.root) as running:
        yield running


@pytest.fixture
def clients(tmp_path: Path, upstream: FaultUpstream) -> Iterator[tuple[Gate, dict[str, ssl.SSLContext]]]:
    authority = Authority(tmp_path, "authority")
    cert, key = authority.issue("server")
    readers = {"source": upstream.url, "principals": ["farm", "alice"]}
    routes = [
        {"match": "secret.example/lib", "private": True, **readers},
        {"match": "half.example/*", **readers},
    ]
    skey, _ = generate_key("log.corp.example", bytes(32))
    (tmp_path / "log.key").write_text(skey + "\n", encoding="ascii")
    config = {
        "checksum_log": {"key_file": str(tmp_path / "log.key")},
        "routes": json.dumps(routes),
        "tls": {"cert": str(cert), "key": str(key), "client_ca": str(authority.file)},
    }
    with Gate(tmp_path / "gate", upstream=upstream.url, config=config) as gate:
        contexts = {}
        for name in ("farm", "mallory"):
            contexts[name] = ssl.create_default_context(cafile=str(authority.file))
            contexts[name].load_cert_chain(*authority.issue(name))
        yield gate, contexts


def _ask(gate: Gate, path: str, context: ssl.SSLContext) -> Reply:
    return ask(gate.url.replace("127.0.0.1", "localhost"), path, context=context)


def test_only_the_named_clients_read_a_restricted_module(
    clients: tuple[Gate, dict[str, ssl.SSLContext]],
) -> None:
    gate, contexts = clients
    paths = [f"/secret.example/lib/@v/{name}" for name in ("list", "v1.0.0.info", "v1.0.0.mod", "v1.0.0.zip")]
    for path in [*paths, "/secret.example/lib/@latest"]:
        refused = _ask(gate, path, contexts["mallory"])
        assert (refused.status, refused.whole) == (403, True)
        assert "mallory may not read this" in refused.text
        for _ in range(3):
            assert _ask(gate, path, contexts["farm"]).status == 200
        # It is stored and was just answered: a hit must not cross from one client to another.
        assert _ask(gate, path, contexts["mallory"]).status == 403
    assert _ask(gate, "/cached-only" + paths[2], contexts["mallory"]).status == 403
    assert _ask(gate, "/cached-only" + paths[2], contexts["farm"]).status == 200


def test_the_own_log_tells_of_it_only_the_named_clients(
    clients: tuple[Gate, dict[str, ssl.SSLContext]],
) -> None:
    gate, contexts = clients
    log = "/sumdb/log.corp.example"
    lookup, data = f"{log}/lookup/secret.example/lib@v1.0.0", f"{log}/tile/8/data/000.p/1"
    for _ in range(3):
        assert _ask(gate, lookup, contexts["mallory"]).status == 403
        assert _ask(gate, lookup, contexts["farm"]).status == 200
        assert _ask(gate, data, contexts["mallory"]).status == 403
        assert _ask(gate, data, contexts["farm"]).status == 200
    for path in (f"{log}/latest", f"{log}/tile/8/0/000.p/1"):
        assert _ask(gate, path, contexts["mallory"]).status == 200


def test_what_is_open_is_shared(clients: tuple[Gate, dict[str, ssl.SSLContext]]) -> None:
    gate, contexts = clients
    path = "/open.example/lib/@v/v1.0.0.mod"
    assert _ask(gate, path, contexts["farm"]).status == 200
    # The first answers may come from the fill while it is made durable.
    told = [_ask(gate, path, contexts["mallory"]) for _ in range(20)]
    assert {each.status for each in told} == {200}
    assert told[-1].headers["modgate-cache"] == "hit"


def test_nobody_has_a_restricted_module_fetched_for_whom_it_is_not(
    clients: tuple[Gate, dict[str, ssl.SSLContext]], upstream: FaultUpstream
) -> None:
    gate, contexts = clients
    assert _ask(gate, "/half.example/lib/@v/v1.0.0.mod", contexts["mallory"]).status == 403
    assert _ask(gate, "/open.example/asks/@v/v1.0.0.mod", contexts["mallory"]).status == 200
    while not upstream.gets("/open.example/lib/@v/v1.0.0.mod"):
        time.sleep(0.01)  # it is announced after the restricted one
    assert not [path for path in upstream.counts() if "half.example" in path]


def test_caches_on_the_way_keep_a_restricted_module_for_nobody_else(
    clients: tuple[Gate, dict[str, ssl.SSLContext]],
) -> None:
    gate, contexts = clients
    log = "/sumdb/log.corp.example/lookup"
    for path in ("/{}/@v/v1.0.0.mod", "/{}/@v/list", log + "/{}@v1.0.0"):
        for module, whose in (("secret.example/lib", "private"), ("open.example/lib", "public")):
            told = _ask(gate, path.format(module), contexts["farm"])
            assert told.headers["cache-control"].startswith(f"{whose}, max-age="), path


def test_another_spelling_is_no_way_around_a_rule(
    clients: tuple[Gate, dict[str, ssl.SSLContext]], upstream: FaultUpstream
) -> None:
    gate, contexts = clients
    assert _ask(gate, "/secret.example/!lib/@v/list", contexts["mallory"]).status == 403
    assert _ask(gate, "/secret.example/lib/!sub/@latest", contexts["mallory"]).status == 403
    assert not upstream.counts()
