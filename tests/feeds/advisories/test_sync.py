"""Looks at databases: only what changed is asked for, and whatever fails leaves the last good data."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid
from modgate.feeds.advisories.http import Archive, GoDatabase
from modgate.feeds.advisories.kept import Kept
from modgate.feeds.advisories.local import LocalDatabase
from modgate.feeds.advisories.pack import Pack, PackWriter
from modgate.feeds.advisories.sync import Source
from modgate.transport.http import HTTPUpstream
from modgate.transport.settings import TransportSettings
from tests.feeds.advisories.site import Site, entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

DYING = """
import os, pathlib, sys
from modgate.feeds.advisories.kept import Kept
writer = Kept(pathlib.Path(sys.argv[1])).writer(sys.argv[2])
writer.add("GO-2024-0001", b"{}")
os.kill(os.getpid(), 9)
"""
PATIENCE = TransportSettings(connect=5, head=5, stall=5, retries=0, breaker_failures=1000)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.add(*(entry(number) for number in range(12)))
        yield site


@asynccontextmanager
async def followed(url: str, folder: Path, *, archive: str = "") -> AsyncIterator[Source]:
    upstream = HTTPUpstream(f"{url}/", PATIENCE)
    kept = Kept(folder)
    reader: Any = Archive(lambda: upstream, archive, folder) if archive else GoDatabase(lambda: upstream)
    try:
        yield Source(url, reader, kept, clock=Clock())
    finally:
        await upstream.close()


async def test_only_what_changed_is_asked_for(site: Site, tmp_path: Path) -> None:
    async with followed(site.url, tmp_path) as source:
        first = await source.look()
        assert (first.new, first.changed, first.state.entries, first.state.error) == (12, True, 12, "")
        site.asked.clear()
        second = await source.look()
        assert not second.changed
        assert site.asked == {"index/db.json.gz": 1}
        assert site.statuses[304] == 1
        assert second.state.checked_at > first.state.checked_at
        assert second.state.changed_at == first.state.changed_at
        site.asked.clear()
        site.add(
            entry(3, fixed="1.2.4", modified=9),
            entry(50),
            entry(4, withdrawn="2024-03-01T00:00:00Z", modified=9),
        )
        third = await source.look()
        assert (third.new, third.altered, third.withdrawn, third.gone) == (1, 2, 1, 0)
        asked = {path for path in site.asked if path.startswith("ID/")}
        assert asked == {"ID/GO-2024-0003.json.gz", "ID/GO-2024-0004.json.gz", "ID/GO-2024-0050.json.gz"}
        assert source.known.advisories["GO-2024-0003"].blocks[0].events[1].version == "1.2.4"


async def test_a_server_without_validators_or_gzip_or_vulns_is_read_too(tmp_path: Path) -> None:
    with Site(validators=False, plain=True) as site:
        site.broken["index/vulns.json"] = 404
        site.add(*(entry(number) for number in range(3)))
        async with followed(site.url, tmp_path) as source:
            assert (await source.look()).new == 3
            site.asked.clear()
            assert not (await source.look()).changed
            assert sum(site.asked.values()) == 2


async def test_what_was_kept_is_there_after_a_restart_without_network(site: Site, tmp_path: Path) -> None:
    async with followed(site.url, tmp_path) as source:
        await source.look()
        digest = source.state.digest
    site.broken["index/db.json.gz"] = 503
    async with followed(site.url, tmp_path) as source:
        assert await source.load()
        assert (source.state.digest, source.state.entries, source.state.checked_at > 0) == (digest, 12, True)
        outcome = await source.look()
        assert "503" in outcome.state.error
        assert (outcome.state.digest, outcome.state.entries) == (digest, 12)
    site.broken.clear()
    async with followed(site.url, tmp_path) as source:
        await source.load()
        site.asked.clear()
        assert not (await source.look()).changed
        assert not source.state.error
        assert site.asked == {"index/db.json.gz": 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("index/db.json.gz", b"<html>"),
        ("index/vulns.json.gz", b"{}"),
        ("index/vulns.json.gz", b"[]"),
        ("index/vulns.json.gz", gzip.compress(b"[" * 100_000)),
        ("index/vulns.json.gz", gzip.compress(bytes(300 << 20), 1)),
        ("index/vulns.json.gz", gzip.compress(b"[]")[:-9]),
        ("index/vulns.json.gz", b'[{"id": "../../etc/passwd"}]'),
    ],
    ids=["html", "object", "empty", "deep", "bomb", "cut", "traversal"],
)
async def test_nonsense_keeps_what_was_known(site: Site, tmp_path: Path, path: str, body: bytes) -> None:
    async with followed(site.url, tmp_path) as source:
        await source.look()
        site.add(entry(99))
        site.bodies[path] = body
        outcome = await source.look()
        assert outcome.state.error
        assert outcome.state.entries == 12
        site.bodies.clear()
        healed = await source.look()
        assert (healed.state.entries, healed.state.error) == (13, "")


async def test_an_entry_that_cannot_be_had_keeps_its_last_form_and_is_asked_again(
    site: Site, tmp_path: Path
) -> None:
    async with followed(site.url, tmp_path) as source:
        await source.look()
        site.add(entry(3, fixed="9.9.9", modified=5), entry(4, fixed="8.8.8", modified=5))
        site.broken["ID/GO-2024-0003.json.gz"] = 500
        outcome = await source.look()
        assert "1 of 2 changed entries could not be had" in outcome.state.error
        fixes = [source.known.advisories[f"GO-2024-000{each}"].blocks[0].events[1].version for each in (3, 4)]
        assert fixes == ["1.2.3", "8.8.8"]
        site.broken.clear()
        assert (await source.look()).altered == 1
        assert not source.state.error


async def test_an_entry_of_another_id_is_none(site: Site, tmp_path: Path) -> None:
    async with followed(site.url, tmp_path) as source:
        site.bodies["ID/GO-2024-0003.json.gz"] = json.dumps(entry(7)).encode()
        outcome = await source.look()
        assert (outcome.broken, outcome.state.entries) == (1, 11)
        assert "GO-2024-0007" in outcome.faults[0]


async def test_a_database_that_lost_most_of_itself_is_refused_unless_it_is_wanted(
    site: Site, tmp_path: Path
) -> None:
    async with followed(site.url, tmp_path) as source:
        await source.look()
        for number in range(7):
            del site.entries[f"GO-2024-{number:04d}"]
        site.modified += 1
        outcome = await source.look()
        assert "5 entries and had 12" in outcome.state.error
        assert outcome.state.entries == 12
        wanted = await source.look(smaller=True)
        assert (wanted.state.entries, wanted.gone, wanted.state.error) == (5, 7, "")


async def test_an_archive_is_asked_conditionally(site: Site, tmp_path: Path) -> None:
    async with followed(site.url, tmp_path, archive="all.zip") as source:
        assert (await source.look()).new == 12
        assert not (await source.look()).changed
        assert site.statuses == {200: 1, 304: 1}
        site.add(entry(77))
        assert (await source.look()).new == 1
        site.bodies["all.zip"] = site.answer("all.zip")[1][:-40]
        outcome = await source.look()
        assert outcome.state.error
        assert outcome.state.entries == 13
    assert not list(tmp_path.glob("*.tmp"))


async def test_a_file_is_read_when_it_changed_and_kept_when_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "db.jsonl"
    path.write_text("".join(f"{json.dumps(entry(number))}\n" for number in range(3)))
    source = Source("file", LocalDatabase(path), Kept(tmp_path / "kept"), clock=Clock())
    assert (await source.look()).new == 3
    assert not (await source.look()).changed
    with path.open("a") as file:
        file.write(json.dumps(entry(9)) + "\nnonsense\n")
    outcome = await source.look()
    assert (outcome.new, outcome.broken, outcome.faults[0].startswith("db.jsonl: line 5")) == (1, 1, True)
    path.unlink()
    gone = await source.look()
    assert gone.state.entries == 4
    assert "no such file" in gone.state.error


async def test_a_folder_is_a_database(tmp_path: Path) -> None:
    folder = tmp_path / "osv"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(entry(1)))
    source = Source("folder", LocalDatabase(folder), Kept(tmp_path / "kept"), clock=Clock())
    assert (await source.look()).new == 1
    (folder / "b.json").write_text(json.dumps(entry(2)))
    assert (await source.look()).new == 1
    (folder / "a.json").unlink()
    assert (await source.look()).gone == 1


def test_a_damaged_pack_is_none(tmp_path: Path) -> None:
    with PackWriter(tmp_path, "x.pack", "x") as writer:
        writer.add("GO-1", b"{}")
        pack = writer.finish(1.0)
    assert pack.read("GO-1") == b"{}"
    path = tmp_path / "x.pack"
    whole = path.read_bytes()
    for at in (0, 25, len(whole) // 2, len(whole) - 45, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Invalid):
            Pack.open(path)
    path.write_bytes(whole[:-10])
    with pytest.raises(Invalid):
        Pack.open(path)


async def test_a_kill_in_the_middle_of_writing_leaves_the_old_pack(site: Site, tmp_path: Path) -> None:
    async with followed(site.url, tmp_path) as source:
        await source.look()
        digest = source.state.digest
    killed = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), site.url], check=False)
    assert killed.returncode == -9
    assert list(tmp_path.glob("*.tmp"))
    async with followed(site.url, tmp_path) as source:
        assert await source.load()
        assert source.state.digest == digest
    assert not list(tmp_path.glob("*.tmp"))
