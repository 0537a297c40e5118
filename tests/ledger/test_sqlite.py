"""What the ledger does in a SQLite file beyond the contract: durability, groups, other processes, damage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from modgate.errors import Unavailable
from modgate.ledger.sql import SqlLedger
from modgate.model import Alert
from modgate.model.consumers import Fetches
from modgate.wiring.books import build_books
from tests.contract.ledger import SetClock, pin, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open(path, clock=SetClock(), busy_timeout=0.2)
    yield ledger
    await ledger.close()


def _count(ledger: SqlLedger) -> Callable[[], int]:
    commits: list[Any] = []
    event.listen(ledger._database.engine, "commit", commits.append)
    return lambda: len(commits)


async def test_what_was_seen_is_known_after_a_restart(ledger: SqlLedger, path: Path) -> None:
    await ledger.first_seen(record(h1="h1:first="))
    lease = await ledger.acquire("fill", "a", ttl=10)
    await ledger.close()
    again = await SqlLedger.open(path, clock=SetClock())
    assert await again.first_seen(record(h1="h1:later=")) == record(h1="h1:first=")
    assert await again.acquire("fill", "b", ttl=10) is None
    assert await again.acquire("fill", "a", ttl=10) == lease
    await again.close()


async def test_six_hundred_first_sights_at_once_cost_few_transactions(ledger: SqlLedger) -> None:
    commits = _count(ledger)
    await asyncio.gather(*(ledger.first_seen(record(number)) for number in range(600)))
    assert commits() <= 3


async def test_one_first_sight_costs_one_transaction_and_a_look_none(ledger: SqlLedger) -> None:
    commits = _count(ledger)
    await ledger.first_seen(record())
    assert commits() == 1
    await ledger.seen(record().version, "zip")
    assert commits() == 1


async def test_every_commit_is_flushed_to_a_write_ahead_log(ledger: SqlLedger) -> None:
    with ledger._database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


CHILD = """
import asyncio, os, sys, time
from pathlib import Path
from modgate.ledger.sql import SqlLedger
from tests.contract.ledger import record

async def main():
    ledger = await SqlLedger.open(Path(sys.argv[1]), clock=time.time)
    what, me = sys.argv[2:]
    if what == "sights":
        for start in range(0, 10_000_000, 10):
            batch = [record(n, h1="h1:" + me) for n in range(start, start + 10)]
            for one in await asyncio.gather(*(ledger.first_seen(one) for one in batch)):
                print(one.version.version, one.h1, flush=True)
    got = 0
    while got < 40:
        lease = await ledger.acquire("fill", me, ttl=60)
        if lease is None:
            await asyncio.sleep(0.001)
            continue
        print(lease.token, flush=True)
        got += 1
        assert await ledger.release(lease)
    await ledger.close()

asyncio.run(main())
"""


def _child(path: Path, what: str, me: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, str(path), what, me],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_two_processes_on_one_file_agree_on_every_first_sight(ledger: SqlLedger, path: Path) -> None:
    seen: dict[str, str] = {}
    children = [_child(path, "sights", me) for me in ("one", "two")]
    try:
        for _ in range(300):
            for child in children:
                assert child.stdout is not None
                version, h1 = child.stdout.readline().split()
                assert seen.setdefault(version, h1) == h1
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert len(seen) >= 300


def test_two_processes_never_get_one_token_twice(path: Path) -> None:
    children = [_child(path, "leases", me) for me in ("one", "two")]
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    tokens = [int(line) for output in outputs for line in output.split()]
    assert len(tokens) == 80
    assert sorted(set(tokens)) == sorted(tokens)


async def test_what_a_killed_process_was_told_is_there(path: Path) -> None:
    told: dict[str, str] = {}
    for number in range(2):
        child = _child(path, "sights", f"run{number}")
        assert child.stdout is not None
        for _ in range(37 + 10 * number):
            version, h1 = child.stdout.readline().split()
            assert told.setdefault(version, h1) == h1
        os.kill(child.pid, signal.SIGKILL)
        rest, _ = child.communicate()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                version, h1 = line.split()
                assert told.setdefault(version, h1) == h1
    ledger = await SqlLedger.open(path, clock=SetClock())
    for version, h1 in told.items():
        number = int(version.split(".")[1])
        standing = await ledger.seen(record(number).version, "zip")
        assert standing is not None
        assert standing.h1 == h1
    await ledger.close()


async def test_a_locked_file_is_unavailable_and_heals(ledger: SqlLedger, path: Path) -> None:
    await ledger.first_seen(record(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for failing in (
        ledger.first_seen(record(2)),
        ledger.add_alert(Alert("kind", "subject", "text", 1.0)),
        ledger.acquire("fill", "a", ttl=1),
        ledger.ready(),
    ):
        with pytest.raises(Unavailable, match="locked by another process"):
            await failing
    assert await ledger.seen(record(1).version, "zip") == record(1)  # readers never wait
    other.execute("ROLLBACK")
    other.close()
    assert await ledger.first_seen(record(2)) == record(2)
    await ledger.ready()


async def test_everyone_in_a_failed_group_is_told(ledger: SqlLedger, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(
        *(ledger.first_seen(record(number)) for number in range(50)), return_exceptions=True
    )
    assert all(isinstance(result, Unavailable) for result in results)
    other.close()
    assert await ledger.first_seen(record(1)) == record(1)


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(Unavailable, match="no SQLite database"):
        await SqlLedger.open(path, clock=SetClock())


async def _open_and_ask(path: Path) -> None:
    ledger = await SqlLedger.open(path, clock=SetClock())
    try:
        await ledger.first_seen(record(1500))
    finally:
        await ledger.close()


async def test_a_corrupt_file_is_unavailable(ledger: SqlLedger, path: Path) -> None:
    await asyncio.gather(*(ledger.first_seen(record(number)) for number in range(2000)))
    await ledger.close()
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 600] = os.urandom(600)
    path.write_bytes(data)
    with pytest.raises(Unavailable, match="corrupt"):
        await _open_and_ask(path)


async def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened") as refused:
        await SqlLedger.open(tmp_path / "nowhere" / "ledger.db", clock=SetClock())
    assert "folder must exist" in str(refused.value)


async def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        await SqlLedger.open(tmp_path, clock=SetClock())


async def test_a_file_that_vanished_is_not_ready(ledger: SqlLedger, path: Path) -> None:
    path.unlink()
    with pytest.raises(Unavailable, match="gone"):
        await ledger.ready()


@pytest.mark.parametrize("instead", [None, b"", "copy"])
async def test_nothing_is_written_into_a_file_that_is_no_longer_there(
    ledger: SqlLedger, path: Path, instead: bytes | str | None
) -> None:
    await ledger.first_seen(record(1))
    before = path.read_bytes()
    for each in path.parent.iterdir():
        each.unlink()
    if instead is not None:
        path.write_bytes(before if isinstance(instead, str) else instead)
    with pytest.raises(Unavailable, match=r"gone|replaced"):
        await ledger.first_seen(record(2))
    with pytest.raises(Unavailable, match=r"gone|replaced"):
        await asyncio.gather(*(ledger.seen(record(1).version, "zip") for _ in range(4)))
    with pytest.raises(Unavailable, match=r"gone|replaced"):
        await ledger.ready()
    assert path.exists() == (instead is not None)


async def test_an_erased_name_is_in_no_byte_of_the_files(ledger: SqlLedger, path: Path) -> None:
    books = build_books(ledger, clock=SetClock())
    for n in range(50):
        rows = [Fetches(f"person-{n}-x", "example.com/m", f"v1.{k}.0", "zip", 1, 1.0, 2.0) for k in range(20)]
        await books.consumers.add(rows)
    with contextlib.closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT 1 FROM consumer").fetchone()
        assert await books.consumers.erase("person-7-x")
    assert not [each.name for each in path.parent.iterdir() if b"person-7-x" in each.read_bytes()]
    with ledger._database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1  # builds differ


async def test_a_read_only_file_is_unavailable(ledger: SqlLedger) -> None:
    with ledger._database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(Unavailable, match="read-only"):
        await ledger.first_seen(record())
    with pytest.raises(Unavailable, match="read-only"):
        await ledger.ready()


async def test_a_full_disk_is_storage_full(ledger: SqlLedger) -> None:
    with ledger._database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable) as full:
        await asyncio.gather(*(ledger.first_seen(record(number)) for number in range(2000)))
    assert full.value.kind == "storage-full"


async def test_a_ledger_of_a_newer_modgate_is_refused(ledger: SqlLedger, path: Path) -> None:
    await ledger.close()
    other = sqlite3.connect(path)
    other.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    other.commit()
    other.close()
    with pytest.raises(Unavailable, match="schema 99"):
        await SqlLedger.open(path, clock=SetClock())


async def test_pins_that_cannot_be_read_are_not_no_pins(ledger: SqlLedger, path: Path) -> None:
    await ledger.add_pin(pin("example.com/m"))
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE pin")
        other.commit()
    with pytest.raises(Unavailable):
        await ledger.pins()


async def test_pins_outlive_a_restart(ledger: SqlLedger, path: Path) -> None:
    await ledger.add_pin(pin("example.com/m", "v1.0.0", note="half a \udc80 character"))
    await ledger.close()
    again = await SqlLedger.open(path, clock=SetClock())
    assert await again.pins() == [pin("example.com/m", "v1.0.0", note="half a ? character")]
    await again.close()


async def test_closing_waits_for_what_is_being_written(ledger: SqlLedger, path: Path) -> None:
    writing = [asyncio.create_task(ledger.first_seen(record(number))) for number in range(50)]
    await asyncio.sleep(0)
    await ledger.close()
    assert await asyncio.gather(*writing) == [record(number) for number in range(50)]


async def test_a_look_cancelled_half_way_harms_nothing(ledger: SqlLedger) -> None:
    await ledger.first_seen(record())
    for turn in range(30):
        looking = asyncio.create_task(ledger.seen(record().version, "zip"))
        for _ in range(turn % 6):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    assert await ledger.seen(record().version, "zip") == record()


def test_nothing_warns_at_exit(path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from modgate.ledger.sql import SqlLedger\n"
        "from tests.contract.ledger import SetClock, record\n"
        "async def main():\n"
        "    ledger = await SqlLedger.open(Path(sys.argv[1]), clock=SetClock())\n"
        "    await asyncio.gather(*(ledger.first_seen(record(n)) for n in range(5)))\n"
        "    await asyncio.gather(*(ledger.seen(record(n).version, 'zip') for n in range(9)))\n"
        "    await ledger.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
