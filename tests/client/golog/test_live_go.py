"""The real go against an upstream that breaks on command: what it prints today is told rightly."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from modgate.client.golog import Analysis, analyse
from tests.support.certificates import certificate
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.go
MODULE = "git.example/team/lib"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultUpstream]:
    folder = tmp_path_factory.mktemp("upstream")
    world = World(folder / "proxy")
    world.add(MODULE, padding=30_000)
    world.finish()
    with FaultUpstream(world.root, certificate=certificate(folder / "tls")) as running:
        yield running


@pytest.fixture
def go(go_command: str, tmp_path: Path) -> Any:
    def run(goproxy: str, *, stop_after: float | None = None, **more: str) -> Analysis:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GOENV": "off",
            "GOMODCACHE": str(tmp_path / "modcache"),
            "GOCACHE": str(tmp_path / "cache"),
            "GOFLAGS": "-modcacherw",
            "GOTOOLCHAIN": "local",
            "GONOSUMDB": "*",
            "GOPROXY": goproxy,
            **more,
        }
        command = [go_command, "mod", "download", "-x", f"{MODULE}@v1.0.0"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stderr is not None
            if stop_after is not None:
                time.sleep(stop_after)
                process.send_signal(signal.SIGINT)
            text = process.stderr.read().decode()
        return analyse(text.splitlines(), interrupted=stop_after is not None)

    return run


def cause(analysis: Analysis) -> tuple[str, str]:
    assert analysis.root_cause is not None
    return analysis.root_cause.cause.phase.value, analysis.root_cause.cause.id


FAULTS: tuple[tuple[str, str, dict[str, Any], tuple[str, str]], ...] = (
    ("status", "*", {"status": 403, "text": "no"}, ("status", "MG-STAT-002")),
    ("status", "*", {"status": 404, "text": "bad upstream"}, ("status", "MG-STAT-003")),
    ("status", "*.zip", {"status": 502, "text": "no"}, ("status", "MG-STAT-007")),
    ("rst", "*", {}, ("headers", "MG-HTTP-002")),
    ("eof", "*", {}, ("headers", "MG-HTTP-001")),
    ("garbage", "*", {}, ("headers", "MG-HTTP-003")),
    ("short", "*.zip", {}, ("body", "MG-BODY-001")),
    ("cut-chunked", "*.zip", {}, ("body", "MG-BODY-001")),
    ("html", "*", {}, ("content", "MG-CNT-001")),
    ("html", "*.zip", {}, ("content", "MG-CNT-002")),
    ("redirect", "*", {"location": ""}, ("status", "MG-STAT-010")),
)


@pytest.mark.parametrize("staged", FAULTS, ids=lambda staged: f"{staged[0]} {staged[1]} {staged[3][1]}")
def test_a_fault_of_a_proxy_is_told(
    go: Any, upstream: FaultUpstream, staged: tuple[str, str, dict[str, Any], tuple[str, str]]
) -> None:
    fault, pattern, arguments, expected = staged
    upstream.heal()
    upstream.fault(fault, pattern, **arguments)
    assert cause(go(upstream.url)) == expected


def test_a_success_has_no_cause_and_all_three_requests(go: Any, upstream: FaultUpstream) -> None:
    upstream.heal()
    analysis = go(upstream.url)
    assert analysis.root_cause is None
    assert [(one.endpoint, one.status) for one in analysis.requests] == [
        ("info", 200),
        ("mod", 200),
        ("zip", 200),
    ]
    assert {(one.module, one.version) for one in analysis.requests} == {(MODULE, "v1.0.0")}


def test_a_proxy_that_never_answers_is_told_from_the_silence(go: Any, upstream: FaultUpstream) -> None:
    upstream.heal()
    upstream.fault("hang", "*")
    assert cause(go(upstream.url, stop_after=2.0)) == ("headers", "MG-HTTP-004")


def test_a_certificate_that_is_not_trusted_is_told(go: Any, upstream: FaultUpstream) -> None:
    upstream.heal()
    assert upstream.tls is not None
    assert cause(go(upstream.tls)) == ("tls", "MG-TLS-004")


SLIPS = (
    ("{url} direct", ("config", "MG-CFG-003")),
    ("{url};direct", ("config", "MG-CFG-003")),
    ("{url}，direct", ("config", "MG-CFG-003")),
    ("{url}/a;direct", ("config", "MG-CFG-003")),
    ('"{url},direct"', ("config", "MG-CFG-004")),
    ("https:/proxy.invalid", ("config", "MG-CFG-005")),
    ("https//proxy.invalid", ("config", "MG-CFG-002")),
    ("Direct", ("config", "MG-CFG-006")),
    ("OFF", ("config", "MG-CFG-006")),
    ("htps://proxy.invalid", ("config", "MG-CFG-007")),
    (",", ("config", "MG-CFG-027")),
    ("off", ("config", "MG-CFG-001")),
    ("file:///no/such/folder", ("config", "MG-CFG-008")),
    ("http://joe:pw@127.0.0.1:9", ("config", "MG-CFG-009")),
)


@pytest.mark.parametrize(("value", "expected"), SLIPS)
def test_a_slip_in_goproxy_is_told(
    go: Any, upstream: FaultUpstream, value: str, expected: tuple[str, str]
) -> None:
    upstream.heal()
    assert cause(go(value.format(url=upstream.url))) == expected


def test_a_chain_that_falls_through_has_no_cause(go: Any, upstream: FaultUpstream) -> None:
    upstream.heal()
    analysis = go(f"http://127.0.0.1:1|{upstream.url}")
    assert analysis.root_cause is None
    assert {one.phase.value for one in analysis.requests} == {"connect", "ok"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, "MG-PRX-002"),
        ({"HTTPS_PROXY": "http://[::1"}, "MG-PRX-005"),
        ({"HTTPS_PROXY": "://x"}, "MG-PRX-005"),
        ({"HTTPS_PROXY": '"http://127.0.0.1:1"'}, "MG-PRX-005"),
        ({"GOTOOLCHAIN": "1.22"}, "MG-CFG-025"),
        ({"GOFLAGS": "nonsense"}, "MG-CFG-026"),
        ({"GO111MODULE": "off"}, "MG-CFG-022"),
    ],
    ids=str,
)
def test_a_slip_in_another_variable_is_told(go: Any, variables: dict[str, str], expected: str) -> None:
    assert cause(go("https://proxy.invalid", **variables))[1] == expected
