"""A module as the real go lists it: from a loopback proxy, from the cache alone, from nothing."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer
from modgate.client.machine.local import LocalHost
from modgate.client.toolchain.binary import parse_version_m, read_binary
from modgate.client.toolchain.document import document, totals
from modgate.client.toolchain.downloads import Need, ask_sizes
from modgate.client.toolchain.listing import ListedModule, Listing, required_paths
from modgate.client.toolchain.survey import Wish, needed, survey
from modgate.errors import Invalid
from modgate.wiring.client import outfit

if TYPE_CHECKING:
    from modgate.client.faults.server import Served
    from modgate.client.toolchain.survey import Survey

pytestmark = pytest.mark.go


@dataclass
class Area:
    """A module in a folder, its environment, and what was asked of the proxy."""

    folder: Path
    environ: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def write(self, gomod: str) -> None:
        (self.folder / "go.mod").write_text(gomod)

    async def survey(self, *, network: bool = False, sizes: bool = False) -> Survey:
        host = LocalHost(self.environ, cwd=self.folder)
        return await survey(host, Wish(str(self.folder), network=network, sizes=sizes), outfit)


@pytest.fixture
def area(tmp_path: Path, go_command: str) -> Area:
    folder = tmp_path / "m"
    folder.mkdir()
    environ = {
        "PATH": f"{Path(go_command).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(tmp_path),
        "GOMODCACHE": str(tmp_path / "cache"),
        "GOFLAGS": "-modcacherw",
        "GOSUMDB": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "http://127.0.0.1:1",
        "NO_PROXY": "127.0.0.1",
    }
    found = Area(folder, environ)
    found.write(f"module example.com/app\n\ngo 1.21\n\nrequire {DRILL.path} {DRILL.version}\n")
    return found


def _server(area: Area) -> FaultServer:
    def seen(served: Served) -> None:
        area.asked.append(served.path)

    return FaultServer(DrillContent(), clock=time.monotonic, seen=seen)


async def test_by_default_nothing_is_asked_and_what_is_missing_is_told(area: Area) -> None:
    area.environ["GOPRIVATE"] = "example.com"
    async with _server(area) as server:
        area.environ["GOPROXY"] = await server.url(parse_fault("ok"))
        found = await area.survey()
    assert area.asked == []
    assert not (Path(area.environ["GOMODCACHE"]) / "cache" / "download").exists()
    assert [need.missing for need in found.needs.values()] == [("info", "mod", "zip")]
    counts = totals(found)
    assert [counts[name] for name in ("modules", "direct", "missing_zip", "missing_mod")] == [1, 1, 1, 1]


async def test_with_the_network_go_fetches_what_it_lists(area: Area) -> None:
    async with _server(area) as server:
        area.environ["GOPROXY"] = await server.url(parse_fault("ok"))
        found = await area.survey(network=True, sizes=True)
    # Without a line in go.sum go takes no go.mod, only what tells the version.
    assert any(path.endswith(".info") for path in area.asked)
    assert next(iter(found.needs.values())).missing == ("mod", "zip")
    assert list(found.sizes) == [(DRILL.path, DRILL.version)]
    assert totals(found)["bytes"] == sum(found.sizes.values()) > 100


async def test_sizes_of_private_modules_are_not_asked_for(area: Area) -> None:
    async with _server(area) as server:
        url = await server.url(parse_fault("ok"))
        need = Need(DRILL.path, DRILL.version, ("zip",))
        assert await ask_sizes(outfit(area.environ), url, "example.com", [need]) == {}
        assert await ask_sizes(outfit(area.environ), f"{url},direct", "none", [need]) != {}
    assert len(area.asked) == 1


async def test_a_replaced_module_is_needed_in_its_place_and_a_folder_not_at_all(area: Area) -> None:
    (area.folder / "local").mkdir()
    (area.folder / "local" / "go.mod").write_text("module example.com/b\n")
    area.write(
        "module example.com/app\n\ngo 1.21\n\n"
        "require (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0\n)\n\n"
        f"replace example.com/a => {DRILL.path} {DRILL.version}\n\nreplace example.com/b => ./local\n"
    )
    found = await area.survey()
    assert set(found.needs) == {(DRILL.path, DRILL.version)}
    assert totals(found)["replaced"] == 2


async def test_a_module_that_go_mod_does_not_name_is_not_downloaded(area: Area) -> None:
    listing = Listing((ListedModule("example.com/a", "v1.0.0"), ListedModule("example.com/b", "v1.0.0")))
    host = LocalHost(area.environ)
    area.write("module example.com/app\n\ngo 1.21\n\nrequire example.com/a v1.0.0\n")
    required = required_paths(host, str(area.folder / "go.mod"))
    found = needed(host, area.environ["GOMODCACHE"], listing, required)
    assert list(found) == [("example.com/a", "v1.0.0")]
    assert len(needed(host, area.environ["GOMODCACHE"], listing, None)) == 2
    area.write("module example.com/app\n\ngo 1.16\n\nrequire example.com/a v1.0.0\n")
    assert required_paths(host, str(area.folder / "go.mod")) is None


async def test_a_refused_go_version_is_told_with_the_requirements_of_go_mod(area: Area) -> None:
    area.write(f"module example.com/app\n\ngo 1.99\n\nrequire {DRILL.path} {DRILL.version} // indirect\n")
    found = await area.survey()
    assert found.selection.forbidden
    assert (found.listing.source, [one.path for one in found.listing.modules]) == ("go.mod", [DRILL.path])
    assert "1.99" in found.listing.error
    area.environ["GOTOOLCHAIN"] = "auto"
    chosen = (await area.survey()).selection
    assert (chosen.name, chosen.forbidden) == ("go1.99.0", False)
    assert chosen.download.startswith("v0.0.1-go1.99.0.")


async def test_the_lines_of_a_workspace_count_before_those_of_its_module(area: Area) -> None:
    (area.folder / "go.work").write_text("go 1.22\n\ntoolchain go1.23.4\n\nuse .\n")
    found = await area.survey()
    assert (found.lines.go, found.lines.toolchain) == ("1.22", "go1.23.4")
    assert found.gowork.endswith("go.work")


async def test_a_folder_without_a_module_is_told_as_such(tmp_path: Path, area: Area) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = await survey(LocalHost(area.environ), Wish(str(empty)), outfit)
    assert (found.gomod, found.listing.modules) == ("", ())
    assert document(found)["gomod"] is None


async def test_no_credential_reaches_the_document(area: Area) -> None:
    area.environ["GOPROXY"] = "https://me:hunter2@127.0.0.1:1,direct"
    assert "hunter2" not in str(document(await area.survey()))


async def test_a_binary_tells_what_it_was_built_from(area: Area) -> None:
    area.write("module example.com/app\n\ngo 1.21\n")
    (area.folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    subprocess.run(
        ["go", "build", "-o", "app", "."],
        cwd=area.folder,
        env=area.environ | {"GOCACHE": str(area.folder.parent / "build"), "CGO_ENABLED": "0"},
        check=True,
        capture_output=True,
    )
    host = LocalHost(area.environ)
    found = await read_binary(host, str(area.folder / "app"))
    assert found.main is not None
    assert (found.package, found.main.path) == ("example.com/app", "example.com/app")
    assert (found.settings or {})["CGO_ENABLED"] == "0"
    with pytest.raises(Invalid):
        await read_binary(host, str(area.folder / "go.mod"))


def test_the_dependencies_of_a_binary_are_read_with_their_replacements() -> None:
    text = (
        "/b: go1.26.8\n\tpath\texample.com/app\n\tmod\texample.com/app\t(devel)\t\n"
        "\tdep\texample.com/a\tv1.0.0\th1:x=\n\tdep\texample.com/b\tv1.0.0\n\t=>\texample.com/c\tv1.1.0\th1:y=\n"
        '\tbuild\t-ldflags="-X a=b"\n'
    )
    found = parse_version_m("/b", text)
    assert found is not None
    assert [(one.path, one.h1, one.replaces) for one in found.modules] == [
        ("example.com/a", "h1:x=", ""),
        ("example.com/c", "h1:y=", "example.com/b v1.0.0"),
    ]
