"""A real application's module graph through the gate: live module proxy, live checksum database."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.support.gate import Gate, GoClient
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = REPOSITORY.parent / "shared/data/app"
BOUND = 1500.0

pytestmark = [pytest.mark.live, pytest.mark.go, pytest.mark.timeout(3 * BOUND)]


def _setting(go: str, name: str) -> str:
    return subprocess.run([go, "env", name], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def live(go_command: str) -> tuple[str, str]:
    """GOPROXY and GOSUMDB of this machine, if the proxy answers and verification is on."""
    proxy, database = _setting(go_command, "GOPROXY"), _setting(go_command, "GOSUMDB")
    first = proxy.replace("|", ",").split(",")[0]
    if not first.startswith("http") or database == "off":
        pytest.skip("go env names no module proxy, or no checksum database")
    try:
        with urllib.request.urlopen(f"{first}/golang.org/x/mod/@v/list", timeout=10) as answer:
            answer.read()
    except OSError as error:
        pytest.skip(f"the module proxy does not answer: {error}")
    return proxy, database


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Path]:
    if not (APPLICATION / "go.mod").is_file():
        pytest.skip("the application's sources are not here")
    yield shutil.copytree(APPLICATION, tmp_path / "application")
    shutil.rmtree(tmp_path, ignore_errors=True)


def _download(go: str, folder: Path, application: Path, proxy: str, database: str) -> float:
    client = GoClient(go, folder, proxy, database)
    client.work.mkdir(parents=True)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(application / name, client.work / name)
    begun = time.perf_counter()
    # Each zip is compared with go.sum as it comes in; `go mod verify` would hash them all again.
    client.run("mod", "download", wait=BOUND)
    seconds = time.perf_counter() - begun
    shutil.rmtree(folder)
    return seconds


def test_a_real_application_downloads_cold_warm_and_from_the_folder_alone(
    go_command: str,
    live: tuple[str, str],
    application: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    proxy, database = live
    with Gate(tmp_path / "gate", upstream=proxy, sumdb=database) as gate:
        cold = _download(go_command, tmp_path / "cold", application, gate.url, database)
        # Unpacking takes half a minute each time: by default the folder alone stands for the warm server.
        if request.config.getoption("--long"):
            warm = _download(go_command, tmp_path / "warm", application, gate.url, database)
        else:
            warm = 0.0
    dead = _download(go_command, tmp_path / "dead", application, f"file://{gate.store}", database)
    told = f", warm {warm:.1f} s" if warm else ""
    print(f"\ncold {cold:.1f} s{told}, from the folder {dead:.1f} s")


def test_a_version_new_to_go_sum_is_verified_through_the_gate(
    go_command: str, live: tuple[str, str], tmp_path: Path
) -> None:
    proxy, database = live
    with Gate(tmp_path / "gate", upstream=proxy, sumdb=database) as gate:
        client = GoClient(go_command, tmp_path / "client", gate.url, database)
        client.module()
        client.run("get", "golang.org/x/text@v0.14.0")
        assert gate.ask("/golang.org/x/text/@v/v0.14.0.zip").headers["modgate-verified"] == "sumdb"
    offline = GoClient(go_command, tmp_path / "offline", f"file://{gate.store}", database)
    offline.module()
    offline.run("get", "golang.org/x/text@v0.14.0")
