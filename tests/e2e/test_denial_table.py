"""Every cell of the table in docs/policy.md with the real go command: what it does, and what it prints.

Each state has a module of its own whose newest version, v1.1.0, is in that state; its branch `main` means it.
The chain behind the gate ends with a proxy that has everything, and would give it to anybody:
it stands for `direct`. `pytest -s` prints what was seen.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate, GoClient

pytestmark = pytest.mark.go

BAD = "v1.1.0"
STATES = ("allowed", "hidden", "quarantined", "denied", "banned", "warned", "canary")
COMMANDS = ("list -versions", "get @latest", "list -u all", "get @main", "get @v1.1.0", "download")
REFUSED = "403, four lines"

ALL = ("v1.0.0 v1.1.0", "v1.1.0", "v1.1.0", "v1.1.0", "v1.1.0", "v1.1.0")
EXPECTED = {
    "allowed": ALL,
    "hidden": ("v1.0.0", "v1.0.0", "none", "v1.1.0", "v1.1.0", "v1.1.0"),
    "quarantined": ("v1.0.0", "v1.0.0", "none", REFUSED, REFUSED, REFUSED),
    "denied": ("v1.0.0", "v1.0.0", "none", REFUSED, REFUSED, REFUSED),
    "banned": ("", REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "warned": ALL,
    "canary": ALL,
}

POLICY = """version = 1
contact = "security@example.test"

[[rules]]
id = "young"
effect = "hide"
reason = "it is too young"
[rules.when]
modules = ["example.test/hidden"]
versions = ">=v1.1.0"

[[rules]]
id = "unscanned"
effect = "quarantine"
on_error = "deny"
reason = "nobody has scanned it yet"
[rules.when]
modules = ["example.test/quarantined"]
versions = ">=v1.1.0"

[[rules]]
id = "leaky"
effect = "deny"
reason = "it leaks secrets"
[rules.when]
modules = ["example.test/denied"]
versions = "v1.1.0"

[[rules]]
id = "abandoned"
effect = "ban"
reason = "its author is gone"
[rules.when]
modules = ["example.test/banned"]

[[rules]]
id = "doubtful"
effect = "warn"
reason = "it is slow"
[rules.when]
modules = ["example.test/warned"]
versions = "v1.1.0"

[[rules]]
id = "tried"
effect = "deny"
mode = "canary"
canary = { percent = 0 }
reason = "tried out with a few"
[rules.when]
modules = ["example.test/canary"]
versions = "v1.1.0"
"""


@pytest.fixture
def states(stage: Stage) -> Stage:
    world = stage.world
    for state in STATES:
        path = f"example.test/{state}"
        world.add(path, "v1.0.0")
        if state == "hidden":
            # What a hidden version takes back is hidden with it.
            world.add(path, "v1.0.1")
        world.add(path, BAD, retract=["v1.0.1"] if state == "hidden" else [])
        world.query(path, "main", BAD)
    return stage.seal()


@pytest.fixture
def policy(states: Stage) -> Path:
    file = states.folder / "policy.toml"
    file.write_text(POLICY, encoding="utf-8")
    return file


@pytest.fixture
def gate(states: Stage, policy: Path) -> Gate:
    return states.gate(config=states.quick(policy={"file": str(policy)}))


@pytest.fixture
def second(states: Stage) -> Iterator[FaultUpstream]:
    with FaultUpstream(states.world.root) as upstream:
        yield upstream


def _go(client: GoClient, path: str, command: str) -> CompletedProcess[str]:
    match command:
        case "list -versions":
            client.module()
            return client.run("list", "-m", "-versions", path, check=False)
        case "list -u all":
            client.module({path: "v1.0.0"})
            client.run("mod", "download", f"{path}@v1.0.0", check=False)
            return client.run("list", "-m", "-u", "-mod=mod", "all", check=False)
        case "download":
            client.module()
            return client.run("mod", "download", f"{path}@{BAD}", check=False)
    client.module()
    return client.run("get", f"{path}{command.removeprefix('get ')}", check=False)


def _told(client: GoClient, path: str, command: str, done: CompletedProcess[str]) -> str:
    """What came of it, in a word."""
    if done.returncode:
        return REFUSED if _four_lines(done.stderr) else done.stderr.strip()
    if command == "list -versions":
        return done.stdout.strip().removeprefix(path).strip()
    if command == "list -u all":
        found = re.search(r"\[(v\S+)\]", done.stdout)
        return found[1] if found else "none"
    if command == "download":
        return BAD
    listed = client.run("list", "-m", "-f", "{{.Version}}", path)
    return listed.stdout.strip()


def _four_lines(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    after = lines[lines.index("server response:") + 1 :] if "server response:" in lines else []
    return (
        "403 Forbidden" in text
        and len(after) >= 4
        and bool(re.match(r"example\.test/\S+ is ", after[0]))
        and bool(after[1])
        and "security@example.test" in after[2]
        and re.fullmatch(r"Decision: d-[a-z2-7]{16}", after[3]) is not None
    )


@pytest.mark.parametrize("chain", [pytest.param("gate", marks=pytest.mark.long), "gate,second"])
def test_the_real_go_command_finds_every_cell_as_documented(
    states: Stage, gate: Gate, second: FaultUpstream, chain: str
) -> None:
    proxy = gate.url if chain == "gate" else f"{gate.url},{second.url},direct"
    seen = {}
    printed = ""
    for state in STATES:
        path = f"example.test/{state}"
        for command in COMMANDS:
            client = states.client(proxy)
            done = _go(client, path, command)
            seen[state, command] = _told(client, path, command, done)
            if (state, command) == ("denied", "get @v1.1.0"):
                printed = done.stderr
            # A client's cache holds what it received from elsewhere, if it could go round the gate.
            if seen[state, command] == REFUSED:
                assert not list(client.modcache.rglob(f"{state}/@v/{BAD}.zip"))
    _print(chain, seen, printed)
    expected = {
        (state, command): told
        for state, row in EXPECTED.items()
        for command, told in zip(COMMANDS, row, strict=True)
    }
    assert seen == expected
    if chain != "gate":
        assert second.total() == 0, "nothing was asked behind the gate"


def _print(chain: str, seen: dict[tuple[str, str], str], printed: str) -> None:
    lines = [f"\nGOPROXY={chain}", f"{'':13}" + "".join(f"{command:18}" for command in COMMANDS)]
    for state in STATES:
        row = "".join(f"{seen[state, command] or '(empty)':18}" for command in COMMANDS)
        lines.append(f"{state:13}{row}")
    print("\n".join([*lines, "go get example.test/denied@v1.1.0 printed:", printed]))


def test_what_a_consumer_has_received_is_not_hidden_from_it(states: Stage, gate: Gate) -> None:
    path = "example.test/hidden"
    before = states.client(gate)
    before.module()
    assert before.run("list", "-m", "-versions", path).stdout.split()[1:] == ["v1.0.0"]
    before.run("get", f"{path}@{BAD}")
    # With its go.mod the retraction came along, so v1.0.1 is listed for those who want the retracted too.
    listed = before.run("list", "-m", "-versions", "-retracted", path).stdout.split()
    assert BAD in listed
    before.run("get", f"{path}@latest")
    assert f"{path} {BAD}" in before.run("list", "-m", "all").stdout


def test_each_kind_of_answer_says_what_the_table_says(states: Stage, gate: Gate) -> None:
    del states
    found = {}
    for state in STATES:
        base = f"/example.test/{state}/@v"
        for kind in ("info", "mod", "zip"):
            for method in ("GET", "HEAD"):
                reply = gate.ask(f"{base}/{BAD}.{kind}", method=method)
                found[state, kind, method] = (reply.status, "modgate-decision" in reply.headers)
    refusing = {"quarantined", "denied", "banned"}
    for (state, kind, _), (status, named) in found.items():
        assert status == (403 if state in refusing and kind == "zip" else 200), (state, kind)
        assert named is (state != "allowed"), (state, kind)
    reply = gate.ask(f"/example.test/denied/@v/{BAD}.mod")
    assert reply.headers["cache-control"].startswith("private")


def test_what_the_store_alone_is_asked_for_is_refused_as_well(gate: Gate) -> None:
    assert gate.ask("/example.test/denied/@v/v1.0.0.zip").status == 200
    deadline = time.monotonic() + 10
    while gate.ask("/cached-only/example.test/denied/@v/v1.0.0.zip").status != 200:
        # Its last byte may leave a moment before it has its place in the store.
        assert time.monotonic() < deadline
    assert gate.ask(f"/cached-only/example.test/denied/@v/{BAD}.zip").status == 403
    reply = gate.ask(f"/example.test/denied/@v/{BAD}.zip", headers={"Disable-Module-Fetch": "true"})
    assert reply.status == 403


def test_a_refused_zip_is_not_fetched_ahead(states: Stage, gate: Gate) -> None:
    assert gate.ask(f"/example.test/denied/@v/{BAD}.mod").status == 200
    assert gate.ask("/example.test/denied/@v/v1.0.0.mod").status == 200
    assert gate.ask("/example.test/denied/@v/v1.0.0.zip").status == 200
    assert states.upstream.gets(f"/example.test/denied/@v/{BAD}.zip") == 0


def test_a_refused_version_that_the_upstream_lacks_is_no_reason_to_look_elsewhere(
    states: Stage, gate: Gate
) -> None:
    states.upstream.fault("status", "/example.test/denied/*", status=404)
    assert gate.ask(f"/example.test/denied/@v/{BAD}.info").status == 403
    assert gate.ask("/example.test/banned/@v/list").status == 200
    assert gate.ask("/example.test/banned/@latest").status == 403
