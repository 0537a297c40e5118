"""Another configuration for a running server: what changes, what stays, and what a broken one does."""

from __future__ import annotations

import os
import signal
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.support.authority import Authority
from tests.support.gate import to_toml
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate

LEAF = "/example.test/leaf/@v/v1.0.0"
BIG = "/example.test/big/@v/v1.0.0.zip"


def _rewrite(gate_folder: Path, text: str) -> None:
    fresh = gate_folder / "fresh.toml"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(gate_folder / "modgate.toml")


def _until(condition: Callable[[], bool], gate: Gate) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, gate.output
        time.sleep(0.05)


def _said(gate: Gate, text: str, times: int = 1) -> None:
    _until(lambda: gate.output.count(text) >= times, gate)


def _routed(stage: Stage, url: str, **more: Any) -> str:
    return to_toml(stage.quick(routes=[{"match": ["example.test"], "source": url}], **more))


def test_a_changed_file_counts_for_new_requests_and_a_download_under_way_goes_on(furnished: Stage) -> None:
    right = furnished.world.add("example.test/big", "v1.0.0", padding=6 << 20).zip
    furnished.world.finish()
    with FaultUpstream(furnished.world.root) as second:
        gate = furnished.gate(sumdb="off", config=furnished.quick())
        furnished.upstream.fault("throttle", BIG, rate=1 << 20)
        with ThreadPoolExecutor(1) as pool:
            download = pool.submit(gate.ask, BIG)
            _until(lambda: furnished.upstream.gets(BIG) > 0, gate)
            _rewrite(furnished.folder / "gate1", _routed(furnished, second.url))
            _said(gate, "configuration loaded")
            assert gate.ask(f"{LEAF}.mod").status == 200
            assert furnished.upstream.gets(f"{LEAF}.mod") == 0
            assert second.gets(f"{LEAF}.mod") == 1
            assert not download.done()
            assert download.result(30).body == right
        assert furnished.upstream.gets(BIG) == 1
        assert second.gets(BIG) == 0


def test_a_broken_file_changes_nothing_and_says_so_once(furnished: Stage) -> None:
    gate = furnished.gate()
    folder = furnished.folder / "gate1"
    good = (folder / "modgate.toml").read_text(encoding="utf-8")
    _rewrite(folder, good + "\n[fetch2]\nretries = 1\n")
    _said(gate, "configuration not loaded, the old one stays")
    time.sleep(2.5)
    assert gate.output.count("configuration not loaded") == 1
    assert gate.ask(f"{LEAF}.mod").status == 200
    _rewrite(folder, good)
    _said(gate, "configuration loaded")


def test_what_needs_a_restart_is_named_and_keeps_its_value(furnished: Stage) -> None:
    gate = furnished.gate(listen="127.0.0.1:0", config=furnished.quick(cache={"memory": 1 << 20}))
    text = to_toml(furnished.quick(cache={"memory": 2 << 20}, prefetch={"enabled": False}))
    _rewrite(furnished.folder / "gate1", text)
    _said(gate, "cache.memory: the new value needs a restart")
    _said(gate, "prefetch.enabled")
    assert gate.ask(f"{LEAF}.mod").status == 200


def test_hangups_under_load_lose_no_request(furnished: Stage) -> None:
    gate = furnished.gate()
    paths = [
        f"/{path}/@v/{version}.{kind}" for path, version in furnished.world.modules for kind in ("mod", "zip")
    ]
    paths = [path for path in paths if "Upper" not in path]
    stop = threading.Event()

    def ask(number: int) -> list[str]:
        found: list[str] = []
        while not stop.is_set() or len(found) < len(paths):
            reply = gate.ask(paths[number % len(paths)])
            found.append("" if reply.status == 200 else f"{reply.status} {reply.text}")
            number += 1
        return found

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, number) for number in range(4)]
        for count in range(1, 9):
            os.kill(gate.pid, signal.SIGHUP)
            _said(gate, "configuration loaded", count)
        stop.set()
        said = [text for each in asking for text in each.result(30)]
    assert set(said) == {""}
    assert {furnished.upstream.gets(path) for path in paths} == {1}


def _slow_big(stage: Stage) -> bytes:
    zipped = stage.world.add("example.test/big", "v1.0.0", padding=1200 << 10).zip
    stage.world.finish()
    stage.upstream.fault("throttle", BIG, rate=1 << 20)
    return zipped


def test_a_download_under_way_is_joined_after_a_hangup_however_short_the_grace(furnished: Stage) -> None:
    right = _slow_big(furnished)
    gate = furnished.gate(sumdb="off", config=furnished.quick(limits={"grace": 0.05}))
    with ThreadPoolExecutor(3) as pool:
        downloads = []
        for count in range(3):
            downloads.append(pool.submit(gate.ask, BIG))
            _until(lambda: furnished.upstream.gets(BIG) > 0, gate)
            os.kill(gate.pid, signal.SIGHUP)
            _said(gate, "configuration loaded", count + 1)
        assert [each.result(30).body == right for each in downloads] == [True] * 3
    assert furnished.upstream.gets(BIG) == 1


def test_what_the_configuration_before_fetches_is_judged_by_the_policy_that_came_with_the_new_one(
    furnished: Stage,
) -> None:
    right = _slow_big(furnished)
    gate = furnished.gate(sumdb="off")
    policy = furnished.folder / "policy.toml"
    policy.write_text(
        'version = 1\ncontact = "security@example.test"\n[[rules]]\nid = "no-big"\neffect = "deny"\n'
        'reason = "too big"\nwhen.modules = ["example.test/big"]\n',
        encoding="utf-8",
    )
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(gate.ask, BIG)
        _until(lambda: furnished.upstream.gets(BIG) > 0, gate)
        _rewrite(furnished.folder / "gate1", to_toml(furnished.quick(policy={"file": str(policy)})))
        os.kill(gate.pid, signal.SIGHUP)
        _said(gate, "configuration loaded")
        refused = gate.ask(BIG)
        assert not download.done()
        assert (refused.status, "too big" in refused.text) == (403, True)
        assert download.result(30).body == right
    assert gate.ask(BIG).status == 403
    assert furnished.upstream.gets(BIG) == 1


def test_a_renewed_certificate_is_taken_without_a_hangup_and_a_broken_one_is_not(furnished: Stage) -> None:
    old, new = Authority(furnished.folder, "old"), Authority(furnished.folder, "new")
    certificate, key = old.issue("server")
    gate = furnished.gate(config=furnished.quick(tls={"cert": str(certificate), "key": str(key)}))
    gate.context = ssl.create_default_context(cafile=old.file)
    assert gate.ask(f"{LEAF}.mod").status == 200
    new.issue("server")
    _said(gate, "configuration loaded")
    assert not gate.ask(f"{LEAF}.mod").whole
    gate.context = ssl.create_default_context(cafile=new.file)
    assert gate.ask(f"{LEAF}.mod").status == 200
    key.write_text("broken", encoding="ascii")
    _said(gate, "configuration not loaded")
    assert gate.ask(f"{LEAF}.mod").status == 200


def test_tokens_for_operations_and_private_patterns_are_reloaded(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick())
    assert gate.ask(f"{LEAF}.zip").status == 200
    blocked = to_toml(furnished.quick(routes=[{"match": ["example.test/leaf"], "source": "block"}]))
    _rewrite(furnished.folder / "gate1", blocked)
    _said(gate, "configuration loaded")
    # What is stored stays served, as after a restart; what is not is no longer fetched.
    assert gate.ask(f"{LEAF}.zip").status == 200
    assert gate.ask("/example.test/leaf/@v/v1.1.0.zip").status == 403
