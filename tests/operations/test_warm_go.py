"""The real go after a warm: nothing is missing, with the network cut and checksums on."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.operations.warm_scene import WarmScene
from tests.support.gate import GoClient
from tests.support.modules import escape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.go


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[WarmScene]:
    with WarmScene(tmp_path) as made:
        world = made.world
        world.add("ex.test/leaf", "v1.2.0")
        world.add("ex.test/leaf", "v1.3.0")
        world.add("ex.test/old", "v1.0.0", go="1.15", requires={"ex.test/leaf": "v1.3.0"})
        world.add("ex.test/Mid", "v0.4.0", requires={"ex.test/leaf": "v1.3.0", "ex.test/old": "v1.0.0"})
        below = {"ex.test/Mid": "v0.4.0", "ex.test/leaf": "v1.3.0", "ex.test/old": "v1.0.0"}
        world.add("ex.test/top", "v1.0.0", requires=below)
        fork = b"module ex.test/old\n\ngo 1.15\n"
        world.add("ex.test/fork", "v1.9.0", go_mod=fork, files={"old.go": b"package old\n"})
        world.add("ex.test/two/v2", "v2.1.0", package="two", requires={"ex.test/leaf": "v1.2.0"})
        made.seal()
        yield made


MAIN = 'package main\n\nimport (\n\t_ "ex.test/top"\n)\n\nfunc main() {}\n'
BOTH = 'package main\n\nimport (\n\t_ "ex.test/two/v2"\n\t_ "ex.test/top"\n)\n\nfunc main() {}\n'
PROJECTS: dict[str, dict[str, str]] = {
    "new": {"go.mod": "module main.test/x\n\ngo 1.21\n\nrequire ex.test/top v1.0.0\n", "main.go": MAIN},
    "old": {"go.mod": "module main.test/x\n\ngo 1.16\n\nrequire ex.test/top v1.0.0\n", "main.go": MAIN},
    "replaced": {
        "go.mod": "module main.test/x\n\ngo 1.21\n\nrequire ex.test/top v1.0.0\n\n"
        "replace ex.test/old => ex.test/fork v1.9.0\n\nexclude ex.test/leaf v1.2.0\n",
        "main.go": MAIN,
    },
    "folder": {
        "go.mod": "module main.test/x\n\ngo 1.21\n\nrequire ex.test/top v1.0.0\n"
        "require ex.test/two/v2 v2.0.0\n\n"
        "replace ex.test/two/v2 => ./two\n",
        "main.go": BOTH,
        "two/go.mod": "module ex.test/two/v2\n\ngo 1.16\n\nrequire ex.test/leaf v1.3.0\n",
        "two/two.go": 'package two\n\nimport _ "ex.test/leaf"\n',
    },
}


def _cut_off(go: str, folder: Path) -> str:
    """The go command without a network, where that can be had."""
    script = folder / "go-cut-off"
    try:
        subprocess.run(["unshare", "-rn", "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        return go  # the upstream and the database are dead: whoever asks them fails
    script.write_text(f'#!/bin/sh\nexec unshare -rn {go} "$@"\n')
    script.chmod(0o755)
    return str(script)


def _client(scene: WarmScene, go: str, name: str, project: Path, *, proxy: str, sumdb: str) -> GoClient:
    client = GoClient(go, scene.folder / name, proxy, sumdb)
    client.folder.mkdir()
    client.work.symlink_to(project)
    return client


def _cached(client: GoClient, kind: str) -> set[str]:
    root = client.modcache / "cache" / "download"
    return {f"/{file.relative_to(root)}" for file in root.rglob(f"*.{kind}") if "sumdb" not in file.parts}


@pytest.mark.parametrize("name", PROJECTS)
async def test_offline_go_builds_a_project_that_was_warmed_from_its_go_mod(
    scene: WarmScene, go_command: str, name: str
) -> None:
    project = scene.project("app", PROJECTS[name])
    ran = await scene.warm(project / "go.mod")
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    scene.upstream.kill()
    client = _client(
        scene,
        _cut_off(go_command, scene.folder),
        "client",
        project,
        proxy=(scene.folder / "store").as_uri(),
        sumdb=scene.sums.verifier_key,
    )
    client.run("mod", "download", "-json")
    client.run("list", "-mod=mod", "-m", "all")
    client.run("list", "-mod=mod", "-deps", "./...")
    client.run("mod", "verify")


@pytest.mark.parametrize("name", PROJECTS)
async def test_a_tidy_project_brings_exactly_what_go_mod_download_fetches(
    scene: WarmScene, go_command: str, name: str
) -> None:
    project = scene.project("app", PROJECTS[name])
    tidy = _client(scene, go_command, "tidy", project, proxy=scene.upstream.url, sumdb="off")
    tidy.run("mod", "tidy")
    plain = _client(scene, go_command, "plain", project, proxy=scene.upstream.url, sumdb="off")
    said = plain.run("mod", "download", "-json").stdout
    ran = await scene.warm(project)
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    assert scene.stored("zip") == _cached(plain, "zip"), said
    assert scene.stored("mod") >= _cached(plain, "mod")
    assert scene.stored("info") >= _cached(plain, "info")


async def test_offline_go_builds_a_workspace(scene: WarmScene, go_command: str) -> None:
    work = "go 1.21\n\nuse (\n\t./one\n\t./two\n)\n\nreplace ex.test/old => ex.test/fork v1.9.0\n"
    project = scene.project(
        "work",
        {
            "go.work": work,
            "one/go.mod": "module main.test/one\n\ngo 1.21\n\nrequire ex.test/top v1.0.0\n",
            "one/main.go": MAIN,
            "two/go.mod": "module main.test/two\n\ngo 1.16\n\nrequire ex.test/two/v2 v2.1.0\n",
            "two/main.go": 'package main\n\nimport _ "ex.test/two/v2"\n\nfunc main() {}\n',
        },
    )
    ran = await scene.warm(project)
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    scene.upstream.kill()
    client = _client(
        scene,
        _cut_off(go_command, scene.folder),
        "client",
        project,
        proxy=(scene.folder / "store").as_uri(),
        sumdb=scene.sums.verifier_key,
    )
    listed = client.run("list", "-m", "all").stdout
    assert "ex.test/old v1.0.0 => ex.test/fork v1.9.0" in listed
    client.run("mod", "download")
    client.run("list", "-deps", "./one", "./two")


async def test_go_install_of_a_warmed_tool_works_offline(scene: WarmScene, go_command: str) -> None:
    scene.world.add("ex.test/cmd", "v0.1.0", main=True, requires={"ex.test/leaf": "v1.3.0"})
    scene.seal()
    await scene.run("warm", modules=["ex.test/cmd@latest"])
    scene.upstream.kill()
    client = GoClient(
        _cut_off(go_command, scene.folder),
        scene.folder / "client",
        (scene.folder / "store").as_uri(),
        scene.sums.verifier_key,
    )
    client.run("install", "-n", "ex.test/cmd@v0.1.0")
    client.run("install", "-n", "ex.test/cmd@latest")


async def test_a_toolchain_is_warmed_as_the_module_that_it_is(scene: WarmScene, go_command: str) -> None:
    version = "v0.0.1-go1.99.1.linux-amd64"
    go_mod = b"module golang.org/toolchain\n"
    scene.world.add("golang.org/toolchain", version, go_mod=go_mod, files={"bin/go": b"#!"})
    scene.seal()
    ran = await scene.run("warm", zips=[f"golang.org/toolchain@{version}"])
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    scene.upstream.kill()
    client = GoClient(
        _cut_off(go_command, scene.folder),
        scene.folder / "client",
        (scene.folder / "store").as_uri(),
        scene.sums.verifier_key,
    )
    client.module()
    said = json.loads(client.run("mod", "download", "-json", f"golang.org/toolchain@{version}").stdout)
    assert said["Sum"] == scene.world.modules["golang.org/toolchain", version].h1
    assert escape(said["Path"]) == "golang.org/toolchain"
