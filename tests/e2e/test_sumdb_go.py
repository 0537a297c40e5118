"""The real go command against the mirror, and then, without any server, against what the mirror kept."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, ModgateError
from modgate.ledger.memory import MemoryLedger
from modgate.model.context import Context
from modgate.storage.disk import DiskStore
from modgate.sumdb.spec import split_request
from modgate.transport.http import HTTPUpstream
from modgate.transport.memory import MemoryUpstream
from tests.checksumdb.setup import bridge, spec_of
from tests.support.modules import World
from tests.support.sumdb_server import TestDatabase, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from modgate.model.checksums import ChecksumMirror

pytestmark = pytest.mark.go

MODULES = [(f"example.com/Pack{i}", f"v1.{i}.0") for i in range(12)]


@pytest.fixture
def modules(tmp_path: Path) -> World:
    world = World(tmp_path / "proxy")
    for path, version in MODULES:
        world.add(path, version)
    world.finish()
    return world


def add_to(db: TestDatabase, modules: World, chosen: Sequence[tuple[str, str]]) -> None:
    for key in chosen:
        built = modules.modules[key]
        db.add(*key, built.h1, built.mod_h1)


class Gate:
    """The mirror's `/sumdb/` tree and a folder of modules on one port."""

    def __init__(self, mirror: ChecksumMirror, files: Path) -> None:
        self._mirror = mirror
        self._files = files
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if not request.path.startswith("/sumdb/"):
            file = self._files / request.path.lstrip("/")
            return web.Response(body=file.read_bytes()) if file.is_file() else web.Response(status=404)
        try:
            name, rest = split_request(request.path.removeprefix("/sumdb/"))
            answer = await self._mirror.fetch(Context(), name, rest)
        except ModgateError as error:
            return web.Response(status=404 if isinstance(error, Absent) else 502, text=str(error))
        return web.Response(body=answer.body)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskStore]:
    opened = await DiskStore.open(tmp_path / "store", clock=lambda: 1.8e9)
    yield opened
    await opened.close()


async def start(gate: Gate) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_get("/{rest:.*}", gate.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def download(
    go: str, folder: Path, proxy: str, gosumdb: str, chosen: Sequence[tuple[str, str]]
) -> subprocess.CompletedProcess[str]:
    """`go mod download` of each version in this order, one process each, in one GOPATH."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOPATH": str(folder / "gopath"),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "-modcacherw",
        "GOPROXY": proxy,
        "GOSUMDB": gosumdb,
        "GOTOOLCHAIN": "local",
        "GOENV": "off",
    }
    folder.mkdir(parents=True, exist_ok=True)
    result = subprocess.CompletedProcess([], 0, "", "")
    for path, version in chosen:
        command = [go, "mod", "download", f"{path}@{version}"]
        result = await asyncio.to_thread(
            subprocess.run, command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            break
    return result


async def test_go_verifies_through_the_mirror_and_then_offline_in_any_order(
    go_command: str, tmp_path: Path, modules: World, store: DiskStore
) -> None:
    db = TestDatabase()
    db.add_filler(66_000)
    with serve(db) as served:
        upstream = HTTPUpstream(served.url)
        mirror = Mirror(
            [Mirrored(spec_of(db), [Candidate(upstream, proxy=False)])],
            store,
            MemoryLedger(clock=float),
            lambda: 1.8e9,
        )
        gate = Gate(mirror, modules.root)
        runner, url = await start(gate)
        # The log grows between the lookups, so that they are kept under several heads.
        for i, key in enumerate(MODULES):
            add_to(db, modules, [key])
            if i % 3 == 2:
                db.add_filler(200 * i)
            result = await download(go_command, tmp_path / "online", url, db.verifier_key, [key])
            assert result.returncode == 0, result.stderr
        assert f"/sumdb/{db.name}/supported" in gate.asked
        await mirror.close()
        await upstream.close()
        await runner.cleanup()
    kept = tmp_path / "store"
    heads = {
        file.read_bytes().split(b"go.sum database tree\n")[1]
        for file in kept.glob("sumdb/*/lookup/**/*@*")
        if file.is_file()
    }
    assert len(heads) > 3
    shutil.copytree(modules.root, kept, dirs_exist_ok=True)
    for seed in range(3):
        order = list(MODULES)
        random.Random(seed).shuffle(order)
        result = await download(
            go_command, tmp_path / f"offline{seed}", kept.as_uri(), db.verifier_key, order
        )
        assert result.returncode == 0, result.stderr


async def test_go_refuses_a_zip_that_the_mirror_has_another_hash_for(
    go_command: str, tmp_path: Path, modules: World, store: DiskStore
) -> None:
    db = TestDatabase()
    path, version = MODULES[0]
    built = modules.modules[path, version]
    db.add(path, version, "h1:" + "A" * 43 + "=", built.mod_h1)
    mirror = Mirror(
        [
            Mirrored(
                spec_of(db),
                [Candidate(MemoryUpstream("https://sum.test", otherwise=bridge(db)), proxy=False)],
            )
        ],
        store,
        MemoryLedger(clock=float),
        float,
    )
    runner, url = await start(Gate(mirror, modules.root))
    result = await download(go_command, tmp_path / "client", url, db.verifier_key, [MODULES[0]])
    assert result.returncode != 0
    assert "SECURITY ERROR" in result.stderr
    unknown = await download(go_command, tmp_path / "client", url, db.verifier_key, [MODULES[1]])
    assert unknown.returncode != 0
    assert "unknown to the test database" in unknown.stderr
    await mirror.close()
    await runner.cleanup()


async def test_the_test_database_satisfies_go_by_itself(
    go_command: str, tmp_path: Path, modules: World
) -> None:
    db = TestDatabase()
    db.add_filler(700)
    add_to(db, modules, MODULES)
    with serve(db, modules=modules.root) as served:
        direct = await download(
            go_command, tmp_path / "a", modules.root.as_uri(), served.gosumdb, MODULES[:2]
        )
        proxied = await download(go_command, tmp_path / "b", served.proxy_url, db.verifier_key, MODULES[:2])
    assert direct.returncode == 0, direct.stderr
    assert proxied.returncode == 0, proxied.stderr
