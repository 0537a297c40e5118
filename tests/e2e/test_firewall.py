"""The firewall of a running gate: a policy that changes or breaks, a ledger that dies, who is told what."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gate import GateFailedError, to_toml
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate

LEAF = "/example.test/leaf/@v/v1.0.0"
BAD = "/example.test/leaf/@v/v1.1.0"
HEAD = 'version = 1\ncontact = "security@example.test"\n'
DENY = """
[[rules]]
id = "leaky"
effect = "deny"
reason = "it leaks"
[rules.when]
modules = ["example.test/leaf"]
versions = "v1.1.0"
"""


def _policy(stage: Stage, text: str) -> Path:
    file = stage.folder / "policy.toml"
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
    return file


def _gate(stage: Stage, text: str = HEAD + DENY, **config: Any) -> Gate:
    file = _policy(stage, text)
    return stage.gate(config=stage.quick(policy={"file": str(file)}, **config))


def _until(condition: Callable[[], bool], gate: Gate) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, gate.output
        time.sleep(0.05)


def test_a_policy_that_changes_counts_for_what_is_cached_and_hot(furnished: Stage) -> None:
    gate = _gate(furnished, HEAD)
    for _ in range(3):
        assert gate.ask(f"{BAD}.zip").status == 200
    _policy(furnished, HEAD + DENY)
    _until(lambda: gate.ask(f"{BAD}.zip").status == 403, gate)
    _policy(furnished, HEAD)
    _until(lambda: gate.ask(f"{BAD}.zip").status == 200, gate)


def test_a_broken_policy_changes_nothing_and_says_so_once(furnished: Stage) -> None:
    gate = _gate(furnished)
    _policy(furnished, HEAD + DENY.replace("deny", "dney"))
    _until(lambda: "policy not loaded, the old one stays" in gate.output, gate)
    time.sleep(2.5)
    assert gate.output.count("policy not loaded") == 1
    assert gate.output.count("policy-broken") == 1
    assert gate.ask(f"{BAD}.zip").status == 403
    assert gate.ask(f"{LEAF}.zip").status == 200
    _policy(furnished, HEAD)
    _until(lambda: gate.ask(f"{BAD}.zip").status == 200, gate)


def test_a_hangup_reads_the_policy_where_nobody_watches_it(furnished: Stage) -> None:
    gate = _gate(furnished, HEAD, reload={"watch": False})
    assert gate.ask(f"{BAD}.zip").status == 200
    _policy(furnished, HEAD + DENY)
    os.kill(gate.pid, signal.SIGHUP)
    _until(lambda: gate.ask(f"{BAD}.zip").status == 403, gate)


def test_a_policy_comes_and_goes_with_the_configuration(furnished: Stage) -> None:
    gate = furnished.gate()
    assert gate.ask(f"{BAD}.zip").status == 200
    file = _policy(furnished, HEAD + DENY)
    settings = furnished.folder / "gate1" / "modgate.toml"
    bare = settings.read_text(encoding="utf-8")
    settings.write_text(to_toml(furnished.quick(policy={"file": str(file)})), encoding="utf-8")
    _until(lambda: gate.ask(f"{BAD}.zip").status == 403, gate)
    settings.write_text(bare, encoding="utf-8")
    _until(lambda: gate.ask(f"{BAD}.zip").status == 200, gate)


def test_a_gate_does_not_start_with_a_broken_policy(furnished: Stage) -> None:
    with pytest.raises(GateFailedError, match=r"policy\.toml:\d+.*dney"):
        _gate(furnished, HEAD + DENY.replace("deny", "dney"))
    with pytest.raises(GateFailedError, match="nowhere"):
        furnished.gate(config=furnished.quick(policy={"file": str(furnished.folder / "nowhere.toml")}))


def test_a_refusal_is_recorded_before_its_text_is_read(furnished: Stage) -> None:
    gate = _gate(furnished)
    reply = gate.ask(f"{BAD}.zip")
    identifier = reply.headers["modgate-decision"]
    assert reply.text.splitlines()[-1] == f"Decision: {identifier}"
    gate.kill()
    with sqlite3.connect(Path(gate.store) / ".modgate" / "ledger.sqlite3") as ledger:
        found = ledger.execute("SELECT count(*) FROM decision WHERE id = ?", (identifier,)).fetchone()
    ledger.close()
    assert found == (1,)


def test_logs_say_which_decision_a_request_met(furnished: Stage) -> None:
    gate = _gate(furnished)
    identifier = gate.ask(f"{BAD}.zip").headers["modgate-decision"]
    _until(lambda: f'"decision": "{identifier}"' in gate.output, gate)


YOUNG = """
[[rules]]
id = "young"
effect = "deny"
on_error = "ON_ERROR"
reason = "it is too young"
[rules.when]
modules = ["example.test/leaf"]
age = "<1d"
"""


@pytest.mark.parametrize(("on_error", "status"), [("allow", 200), ("deny", 403)])
def test_with_a_ledger_that_is_broken_each_rule_says_what_happens(
    furnished: Stage, on_error: str, status: int
) -> None:
    gate = _gate(furnished, HEAD)
    for path, version in furnished.world.modules:
        if "Upper" not in path:
            assert gate.ask(f"/{path}/@v/{version}.zip").status == 200
    _break(Path(gate.store) / ".modgate")
    _policy(furnished, HEAD + YOUNG.replace("ON_ERROR", on_error) + DENY.replace("leaf", "middle"))
    _until(lambda: "policy loaded" in gate.output, gate)
    began = time.monotonic()
    replies = [gate.ask(f"{LEAF}.zip") for _ in range(5)]
    assert {reply.status for reply in replies} == {status}
    # What no rule asks the ledger for is as ever; a refusal that cannot be recorded is one all the same.
    assert gate.ask("/example.test/root/@v/v1.0.0.zip").status == 200
    assert gate.ask("/example.test/middle/@v/v0.3.0.zip").status == 200
    assert time.monotonic() - began < 10
    if status == 403:
        text = replies[0].text.splitlines()
        assert len(text) == 4
        assert "too young" in text[0]


def _break(folder: Path) -> None:
    ledger = sqlite3.connect(folder / "ledger.sqlite3", timeout=10)
    try:
        for table in ("sighting", "decision", "consumer_use"):
            ledger.execute(f"DROP TABLE {table}")
        ledger.commit()
    finally:
        ledger.close()


def test_nothing_is_asked_of_what_stands_behind_a_refusal(furnished: Stage) -> None:
    gate = _gate(furnished)
    with FaultUpstream(furnished.world.root) as second:
        client = furnished.client(f"{gate.url},{second.url},direct")
        client.module()
        done = client.run("get", "example.test/leaf@v1.1.0", check=False)
        assert done.returncode != 0
        assert "it leaks" in done.stderr
        assert second.total() == 0
