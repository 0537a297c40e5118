"""The real go command against the gate's own checksum log, and then against its folder alone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from modgate.checksumdb.log import ChecksumLog
from modgate.errors import Absent
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.model.answer import Verification
from modgate.model.checksums import Sums
from modgate.model.context import Context
from modgate.storage.disk import DiskStore
from modgate.sumdb.note import generate_key
from tests.checksumdb.setup import mv
from tests.e2e.test_sumdb_go import Gate, download, start
from tests.support.modules import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.gomod.types import ModuleVersion

pytestmark = pytest.mark.go

NAME = "sum.corp.example"
MODULES = [(f"corp.example/Team/m{i}", f"v1.{i}.0") for i in range(10)]


class Built:
    """The sums of the modules in a folder, as a fill establishes them."""

    def __init__(self, modules: World) -> None:
        self._modules = modules.modules

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:  # noqa: ARG002  as every authority
        built = self._modules.get((version.path, version.version))
        if built is None:
            raise Absent(f"{version}: nobody has heard of it")
        return Sums(built.h1, built.mod_h1, Verification.LOCAL)


@pytest.fixture
def modules(tmp_path: Path) -> World:
    world = World(tmp_path / "proxy")
    for path, version in MODULES:
        world.add(path, version)
    world.finish()
    return world


class House:
    """A gate's own log on disk; `restart` opens everything anew."""

    def __init__(self, folder: Path, modules: World) -> None:
        self._folder = folder
        self._modules = modules
        self.key, self.verifier_key = generate_key(NAME, b"h" * 32)

    async def open(self) -> ChecksumLog:
        self._store = await DiskStore.open(self._folder, clock=lambda: 1.8e9)
        self._ledger = await SqlLedger.open(self._folder / ".modgate" / "ledger", clock=lambda: 1.8e9)
        self.log = ChecksumLog(
            self.key,
            book=SqlLogBook(self._ledger),
            store=self._store,
            ledger=self._ledger,
            authority=Built(self._modules),
            clock=lambda: 1.8e9,
            holder="one",
        )
        await self.log.start()
        return self.log

    async def close(self) -> None:
        await self.log.close()
        await self._ledger.close()
        await self._store.close()


@pytest.fixture
async def house(tmp_path: Path, modules: World) -> AsyncIterator[House]:
    house = House(tmp_path / "store", modules)
    await house.open()
    yield house
    await house.close()


async def _fill(log: ChecksumLog, start: int, count: int) -> None:
    for number in range(start, start + count):
        sums = Sums("h1:" + "A" * 43 + "=", "h1:" + "B" * 43 + "=", Verification.LOCAL)
        await log.log(Context(), mv(f"corp.example/filler{number}"), sums)


async def test_go_verifies_against_the_log_as_it_grows_and_then_in_its_folder_alone(
    go_command: str, tmp_path: Path, modules: World, house: House
) -> None:
    gate = Gate(house.log, modules.root)
    runner, url = await start(gate)
    for i, key in enumerate(MODULES):
        if i % 3 == 1:
            await _fill(house.log, 1000 * i, 130)
        result = await download(go_command, tmp_path / "online", url, house.verifier_key, [key])
        assert result.returncode == 0, result.stderr
    assert f"/sumdb/{NAME}/supported" in gate.asked
    by_url = f"{house.verifier_key} {url}/sumdb/{NAME}"
    result = await download(go_command, tmp_path / "by-url", url, by_url, MODULES[:3])
    assert result.returncode == 0, result.stderr
    await runner.cleanup()
    await house.log.flush()
    # The log passed the end of a tile: what lookups lean on is partly in the full one alone.
    assert not list((tmp_path / "store" / "sumdb" / NAME / "tile" / "8" / "0").glob("000.p/*"))
    shutil.copytree(tmp_path / "store" / "sumdb", modules.root / "sumdb")
    for seed, order in enumerate((MODULES, MODULES[::-1])):
        result = await download(
            go_command, tmp_path / f"off{seed}", modules.root.as_uri(), house.verifier_key, order
        )
        assert result.returncode == 0, result.stderr


async def test_go_goes_on_with_the_log_after_a_restart(
    go_command: str, tmp_path: Path, modules: World, house: House
) -> None:
    runner, url = await start(Gate(house.log, modules.root))
    result = await download(go_command, tmp_path / "client", url, house.verifier_key, MODULES[:2])
    assert result.returncode == 0, result.stderr
    await runner.cleanup()
    await house.close()
    runner, url = await start(Gate(await house.open(), modules.root))
    result = await download(go_command, tmp_path / "client", url, house.verifier_key, MODULES[2:5])
    assert result.returncode == 0, result.stderr
    await runner.cleanup()


async def test_go_refuses_a_zip_that_is_not_the_logged_one(
    go_command: str, tmp_path: Path, modules: World, house: House
) -> None:
    runner, url = await start(Gate(house.log, modules.root))
    path, version = MODULES[0]
    await house.log.fetch(Context(), NAME, f"lookup/corp.example/!team/m0@{version}")
    other = World(tmp_path / "other")
    other.add(path, version, files={"evil.go": b"package evil\n"})
    other.finish()
    shutil.copytree(other.root, modules.root, dirs_exist_ok=True)
    result = await download(go_command, tmp_path / "client", url, house.verifier_key, [MODULES[0]])
    assert result.returncode != 0
    assert "SECURITY ERROR" in result.stderr
    unknown = [("corp.example/Nobody", "v1.0.0")]
    other.add(*unknown[0])
    other.finish()
    shutil.copytree(other.root, modules.root, dirs_exist_ok=True)
    result = await download(go_command, tmp_path / "client", url, house.verifier_key, unknown)
    assert result.returncode != 0
    assert "404 Not Found" in result.stderr
    assert "nobody has heard of it" in result.stderr
    await runner.cleanup()


async def test_go_refuses_a_log_that_went_back_and_grew_differently(
    go_command: str, tmp_path: Path, modules: World, house: House
) -> None:
    runner, url = await start(Gate(house.log, modules.root))
    await _fill(house.log, 0, 5)
    result = await download(go_command, tmp_path / "client", url, house.verifier_key, MODULES[:1])
    assert result.returncode == 0, result.stderr
    await runner.cleanup()
    forked = House(tmp_path / "forked", modules)
    runner, url = await start(Gate(await forked.open(), modules.root))
    await _fill(forked.log, 50, 9)
    result = await download(go_command, tmp_path / "client", url, house.verifier_key, MODULES[1:2])
    assert result.returncode != 0
    assert "SECURITY ERROR" in result.stderr
    assert "misbehavior" in result.stderr
    await runner.cleanup()
    await forked.close()
