"""Pointing go at a gate on this machine: what go used before becomes the gate's upstream."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modgate.client.configure.gate import is_loopback, upstream_for
from modgate.config.load import load
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.configure.conftest import Home

OLD = "https://old.test|https://proxy.golang.org,direct"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = tmp_path_factory.mktemp("gate")
    world = World(folder / "proxy")
    world.add("rsc.io/quote", "v1.5.2")
    world.finish()
    with FaultUpstream(world.root) as upstream, Gate(folder / "gate", upstream=upstream.url) as running:
        yield running


@pytest.fixture
def config(home: Home) -> Path:
    home.file(".config/go/env", f"GOPROXY={OLD}\n")
    return home.folder / ".config" / "modgate" / "config.toml"


def test_the_chain_before_becomes_the_gates_upstream(home: Home, gate: Gate, config: Path) -> None:
    done = home.use(gate.url, "--json").document
    assert [item["gate"] for item in done["checked"]] == [True]
    assert home.goenv.read_text() == f"GOPROXY={gate.url},direct\n"
    assert load({}, environ=os.environ).config.upstream == OLD
    assert home.modgate("undo").status == 0
    assert not config.exists()
    assert home.goenv.read_text() == f"GOPROXY={OLD}\n"


def test_reset_takes_the_upstream_back_as_well(home: Home, gate: Gate, config: Path) -> None:
    home.file(".config/modgate/config.toml", 'listen = ":3000"\n\n[fetch]\nretries = 3\n')
    home.use(gate.url)
    assert config.read_text() == f'listen = ":3000"\n\nupstream = "{OLD}"\n[fetch]\nretries = 3\n'
    assert home.use("--reset").status == 0
    assert config.read_text() == 'listen = ":3000"\n\n[fetch]\nretries = 3\n'


def test_an_upstream_that_is_set_stays(home: Home, gate: Gate, config: Path) -> None:
    home.file(".config/modgate/config.toml", 'upstream = "https://mine.test"\n')
    notes = home.use(gate.url, "--json").document["notes"]
    assert any("~/.config/modgate/config.toml" in note for note in notes)
    assert config.read_text() == 'upstream = "https://mine.test"\n'


@pytest.mark.parametrize("scope", ["session", "vscode-workspace"])
def test_a_gate_that_go_does_not_use_needs_no_upstream(
    home: Home, gate: Gate, config: Path, scope: str
) -> None:
    assert home.use(gate.url, "--scope", scope).status == 0
    assert not config.exists()


def test_a_chain_with_credentials_is_copied_nowhere(home: Home, gate: Gate, config: Path) -> None:
    home.file(".config/go/env", "GOPROXY=https://user:hunter2@old.test,direct\n")
    done = home.use(gate.url, "--json")
    assert any("modgate serve --upstream" in note for note in done.document["notes"])
    assert "hunter2" not in done.out
    assert not config.exists()


def test_the_gate_itself_is_no_upstream_of_its_own() -> None:
    url = "http://127.0.0.1:3000"
    assert upstream_for(f"{url},https://a.test,direct", url) == "https://a.test,direct"
    assert not upstream_for(f"{url},direct", url)
    assert is_loopback("http://localhost:3000/go")
    assert is_loopback("http://[::1]:3000")
    assert not is_loopback("http://127.0.0.1.example.test")
    assert not is_loopback("http://gate.test:3000")
