"""A ledger that is copied is there wholly and as it was, or not at all; the source is not touched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select

from modgate.cli import FAILED, USAGE, main
from modgate.errors import Invalid, Unavailable
from modgate.ledger.copying import MOVED
from modgate.ledger.numbering import last_given
from modgate.model.outbox import Message
from modgate.wiring.books import build_books
from modgate.wiring.ledger_move import Place, move_ledger
from tests.contract.ledger import record
from tests.ledger.full import ODD, break_chain, fill, opened
from tests.ledger.older import older_ledger
from tests.support.postgres import cluster, fresh_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.wiring.ledger_move import Moved

__all__ = ["fresh_database"]

ROOT = Path(__file__).parents[2]


def _place(where: str | Path) -> Place:
    return Place(path=where) if isinstance(where, Path) else Place(url=where)


async def _move(source: Place, destination: Place, **more: Any) -> Moved:
    return await asyncio.to_thread(move_ledger, source, destination, **more)


async def _main(words: list[str]) -> int:
    return await asyncio.to_thread(main, words)


async def _contents(where: str | Path) -> dict[str, Sequence[Any]]:
    """Every row of every table, by key."""
    ledger = await opened(where)
    found: dict[str, Sequence[Any]] = {
        table.name: [tuple(row) for row in await ledger.query(query, {})]
        for table in MOVED
        for query in [select(table).order_by(*table.primary_key.columns)]
    }
    await ledger.close()
    return found


def _tables(where: str) -> int:
    name = where.partition("@/")[2].partition("?")[0]
    rows = cluster().run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=name)
    return int(rows[0][0])


async def test_everything_goes_to_postgresql_and_back_as_it_was(tmp_path: Path, fresh_database: str) -> None:
    source, back = tmp_path / "l.db", tmp_path / "back.db"
    await fill(source)
    before = await _contents(source)
    assert all(before.values()), "a table without rows proves nothing"
    told: list[tuple[str, int, int]] = []
    moved = await _move(
        _place(source),
        _place(fresh_database),
        told=lambda *words: told.append((words[0], words[1], words[2])),
    )
    total = sum(map(len, before.values()))
    assert moved.copied.rows == {name: len(rows) for name, rows in before.items()}
    assert {("copy", total, total), ("compare", total, total)} <= set(told)
    assert moved.copied.faults == ()
    assert [(log.records, log.head, log.agrees) for log in moved.copied.logs] == [(700, 600, True)]
    assert await _contents(source) == before
    assert await _contents(fresh_database) == before
    await _move(_place(fresh_database), _place(back))
    assert await _contents(back) == before
    ledger = await opened(fresh_database)
    assert await build_books(ledger).audit.verify() == []
    await ledger.close()


@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
async def test_numbers_go_on_after_the_last_that_was_given(
    tmp_path: Path, request: pytest.FixtureRequest, target: str
) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    ledger = await opened(source)
    await build_books(ledger).outbox.forget(before=10.0)
    await ledger.close()
    to = request.getfixturevalue("fresh_database") if target == "postgresql" else tmp_path / "to.db"
    again = tmp_path / "again.db"
    await _move(_place(source), _place(to))
    await _move(_place(to), _place(again))
    for where in (source, to, again):
        ledger = await opened(where)
        books = build_books(ledger)
        assert await books.outbox.enqueue([Message("hook", "new", "denied", 1.0, "", {})]) == 1
        assert [each.number for each in await books.outbox.waiting("hook")] == [4]
        assert await ledger.transact(lambda connection: [last_given(connection, each) for each in MOVED])
        await ledger.add_alert((await ledger.alerts())[0])
        assert len(await ledger.alerts()) == 2
        await ledger.close()


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_an_older_ledger_is_lifted_on_the_way_and_stays_as_it_is(
    tmp_path: Path, fresh_database: str, number: int
) -> None:
    source = tmp_path / "l.db"
    row = (record().version.path, record().version.version)
    older_ledger(
        source, number, ("INSERT INTO first_seen VALUES (?, ?, 'zip', 'h1:old=', 'sumdb', 5.5)", row)
    )
    assert (await _move(_place(source), _place(fresh_database), dry_run=True)).copied.rows["first_seen"] == 1
    moved = await _move(_place(source), _place(fresh_database))
    assert (moved.copied.schema, moved.copied.rows["first_seen"]) == (str(number), 1)
    with contextlib.closing(sqlite3.connect(source)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchall() == [(str(number),)]
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchall()
    ledger = await opened(fresh_database)
    assert await ledger.seen(record().version, "zip") == record(h1="h1:old=")
    await ledger.close()


async def test_a_newer_ledger_is_refused(tmp_path: Path, fresh_database: str) -> None:
    source = tmp_path / "l.db"
    older_ledger(source, 1, ("UPDATE meta SET value = '99'", ()))
    with pytest.raises(Unavailable, match="has schema 99"):
        await _move(_place(source), _place(fresh_database))
    assert _tables(fresh_database) == 0


async def test_a_destination_with_rows_is_refused_and_one_without_is_taken(
    tmp_path: Path, fresh_database: str
) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    ledger = await opened(fresh_database)
    await ledger.first_seen(record(9))
    await ledger.close()
    for dry_run in (True, False):
        with pytest.raises(Unavailable, match="is not empty: first_seen 1"):
            await _move(_place(source), _place(fresh_database), dry_run=dry_run)
    empty = tmp_path / "empty.db"
    await (await opened(empty)).close()
    await _move(_place(source), _place(empty))
    assert await _contents(empty) == await _contents(source)


async def test_a_rehearsal_changes_nothing_and_counts_the_same(tmp_path: Path, fresh_database: str) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    for to in (_place(fresh_database), _place(tmp_path / "new.db")):
        rehearsed = await _move(_place(source), to, dry_run=True)
        assert not (tmp_path / "new.db").exists()
        assert rehearsed.copied == (await _move(_place(source), to)).copied


async def test_what_was_wrong_in_the_source_is_told_and_goes_along(
    tmp_path: Path, fresh_database: str
) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    break_chain(source, {2: "changed"})
    with contextlib.closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE log_record SET text = X'0a' WHERE number = 3")
        connection.commit()
    copied = (await _move(_place(source), _place(fresh_database))).copied
    assert copied.faults == ("row 2 was changed: its hash is not that of what it says",)
    assert [log.agrees for log in copied.logs] == [False]
    ledger = await opened(fresh_database)
    assert tuple(await build_books(ledger).audit.verify()) == copied.faults
    await ledger.close()


async def test_a_row_that_the_destination_does_not_take_is_named_and_nothing_is_kept(
    tmp_path: Path, fresh_database: str
) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    with contextlib.closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE waiver SET body = 'with a ' || char(0) || ' in it'")
        connection.commit()
    with pytest.raises(Invalid, match=r"a row of waiver is not taken.*\n.*w-1"):
        await _move(_place(source), _place(fresh_database))
    assert _tables(fresh_database) == 0


async def test_a_row_that_comes_out_otherwise_is_noticed_and_nothing_is_kept(
    tmp_path: Path, fresh_database: str
) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    ledger = await opened(fresh_database)
    await ledger.close()
    name = fresh_database.partition("@/")[2].partition("?")[0]
    cluster().run(
        "CREATE FUNCTION other() RETURNS trigger AS $$ BEGIN NEW.found = '[]'; RETURN NEW; END $$ "
        "LANGUAGE plpgsql",
        "CREATE TRIGGER other BEFORE INSERT ON licence FOR EACH ROW EXECUTE FUNCTION other()",
        database=name,
    )
    with pytest.raises(Unavailable, match=r"read back it is not what was copied.*licence"):
        await _move(_place(source), _place(fresh_database))
    assert not any((await _contents(fresh_database)).values())


_KILLED = """
import os, signal, sys
from pathlib import Path
from modgate.wiring.ledger_move import Place, move_ledger
def told(what, done, total):
    if (what, done >= int(sys.argv[4])) == (sys.argv[3], True):
        os.kill(os.getpid(), signal.SIGKILL)
to = sys.argv[2]
place = Place(url=to) if "://" in to else Place(path=Path(to))
move_ledger(Place(path=Path(sys.argv[1])), place, told=told)
"""


@pytest.mark.parametrize("when", [("copy", 1000), ("compare", 1500)])
@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
async def test_killed_midway_the_destination_is_as_before_and_a_second_run_does_it(
    tmp_path: Path, request: pytest.FixtureRequest, target: str, when: tuple[str, int]
) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    to = request.getfixturevalue("fresh_database") if target == "postgresql" else tmp_path / "to.db"
    command = [sys.executable, "-c", _KILLED, str(source), str(to), when[0], str(when[1])]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    if isinstance(to, Path):
        with contextlib.closing(sqlite3.connect(to)) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    else:
        assert _tables(to) == 0
    await _move(_place(source), _place(to))
    assert await _contents(to) == await _contents(source)


async def test_a_copy_that_fails_leaves_no_file_behind(tmp_path: Path) -> None:
    source = tmp_path / "l.db"
    await fill(source)

    def told(what: str, _done: int, _total: int) -> None:
        if what == "compare":
            raise EOFError

    with pytest.raises(EOFError):
        await _move(_place(source), _place(tmp_path / "to.db"), told=told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.db"]


async def test_nobody_writes_to_the_source_meanwhile(tmp_path: Path, fresh_database: str) -> None:
    source = tmp_path / "l.db"
    await fill(source)
    await _move(_place(source), _place(fresh_database))
    refused: list[str] = []

    def told(what: str, done: int, total: int) -> None:
        if (what, done) != ("copy", total):
            return
        name = fresh_database.partition("@/")[2].partition("?")[0]
        try:
            cluster().run("SET lock_timeout = '50ms'", "DELETE FROM licence", database=name)
        except psycopg.Error as error:
            refused.append(str(error))

    await _move(_place(fresh_database), _place(tmp_path / "to.db"), told=told)
    assert len(refused) == 1
    assert "lock timeout" in refused[0]


async def test_a_gate_in_either_database_is_told_and_stops_it(tmp_path: Path, fresh_database: str) -> None:
    source = tmp_path / "store" / ".modgate" / "ledger.sqlite3"
    source.parent.mkdir(parents=True)
    await fill(source)
    gate = await opened(fresh_database)
    with pytest.raises(Unavailable, match="a gate is running"):
        await _move(_place(source), _place(fresh_database))
    assert len((await _move(_place(source), _place(fresh_database), dry_run=True)).running) == 1
    await gate.close()
    await _move(_place(source), _place(fresh_database))
    gate = await opened(fresh_database)
    with pytest.raises(Unavailable, match="a gate is running"):
        await _move(_place(fresh_database), _place(tmp_path / "to.db"))
    assert not (tmp_path / "to.db").exists()
    await gate.close()


# --- as a command


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store that the configuration names."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODGATE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("MODGATE_UPSTREAM", "off")
    monkeypatch.setenv("MODGATE_SUMDB", "off")
    (tmp_path / "store" / ".modgate").mkdir(parents=True)
    return tmp_path / "store"


async def test_the_command_moves_the_stores_ledger_and_back(
    store: Path, tmp_path: Path, fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = store / ".modgate" / "ledger.sqlite3"
    await fill(file)
    before = await _contents(file)
    assert await _main(["ledger", "copy", "--to", fresh_database, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"] == {name: len(rows) for name, rows in before.items()}
    assert (document["audit"]["faults"], document["dry_run"]) == ([], False)
    file.rename(tmp_path / "old.db")
    back = ["ledger", "copy", "--to", "store", "--set", f"ledger.url={fresh_database}"]
    assert await _main(back) == 0
    shown = capsys.readouterr().out
    assert "consumer_use" in shown
    assert "1,200" in shown
    assert "signed head of 600 is theirs" in shown
    assert await _contents(file) == before
    assert await _main([*back, "--lang", "zh"]) == FAILED


async def test_a_server_that_holds_the_store_is_not_copied_under_its_hands(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl  # noqa: PLC0415  for this test alone

    await fill(store / ".modgate" / "ledger.sqlite3")
    with (store / ".modgate" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert await _main(["ledger", "copy", "--to", str(tmp_path / "to.db")]) == FAILED
        assert "a gate is running on this ledger" in capsys.readouterr().err
        assert await _main(["ledger", "copy", "--to", str(tmp_path / "to.db"), "--dry-run"]) == 0
        assert "must be stopped first" in capsys.readouterr().out
    assert not (tmp_path / "to.db").exists()
    assert await _main(["ledger", "copy", "--to", str(tmp_path / "to.db"), "--lang", "zh"]) == 0
    assert "已复制、读回并比较" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--to", "postgresql://u:geheim@h/db"], USAGE, "--to holds a password"),
        (["--to", "postgresql://u@h/db?password=geheim"], USAGE, "--to holds a password"),
        (["--from", "postgresql://u:geheim@h/db", "--to", "x.db"], USAGE, "--from holds a password"),
        (["--to", "mysql://h/db"], USAGE, "no mysql:// database"),
        (["--to", "store"], USAGE, "the same database"),
        (["--to", ""], USAGE, "names no file"),
        (["--to", "x.db", "--to-password-file", "geheim"], USAGE, "has no password"),
        (["--to", "/nowhere/at/all/x.db"], FAILED, "no such folder"),
        (["--to", "."], USAGE, "a folder"),
        (["--from", "missing.db", "--to", "x.db"], FAILED, "there is no ledger"),
        (["--from", "text.txt", "--to", "x.db"], FAILED, "no SQLite database"),
        (["--from", "other.db", "--to", "x.db"], FAILED, "its tables are missing"),
        (["--to", "postgresql://u@127.0.0.1:9/db"], FAILED, "cannot be reached"),
        (["--to", "x.db", "--from", "memory"], FAILED, "there is no ledger"),
    ],
)
async def test_wrong_input_is_told_without_its_secrets(  # noqa: PLR0917  three fixtures
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    await (await opened(store / ".modgate" / "ledger.sqlite3")).close()
    (tmp_path / "text.txt").write_text("no database at all, but long enough to be read as one" * 3)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    assert await _main(["ledger", "copy", *words]) == status
    told = capfd.readouterr()
    assert said in told.err
    assert "geheim" not in told.err + told.out
    assert not (tmp_path / "x.db").exists()


async def test_one_database_under_two_addresses_is_found_out(
    fresh_database: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store.exists()
    await fill(fresh_database, decisions=1)
    other = fresh_database + "&connect_timeout=7"
    assert await _main(["ledger", "copy", "--from", fresh_database, "--to", other]) == USAGE
    assert "the same database" in capsys.readouterr().err


async def test_the_password_comes_from_a_file_and_is_shown_nowhere(
    store: Path, tmp_path: Path, fresh_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    name = fresh_database.partition("@/")[2].partition("?")[0]
    cluster().run(
        f"CREATE ROLE m_{name} LOGIN PASSWORD 'right-secret'", f"ALTER DATABASE {name} OWNER TO m_{name}"
    )
    await fill(store / ".modgate" / "ledger.sqlite3")
    address = cluster().tcp_url(name, user=f"m_{name}")
    secret = tmp_path / "secret"
    secret.write_text("wrong-secret\n")
    secret.chmod(0o600)
    asked = ["ledger", "copy", "--to", address, "--to-password-file", str(secret)]
    assert await _main(asked) == FAILED
    assert "refuses the user or its password" in capfd.readouterr().err
    secret.write_text("right-secret\n")
    assert await _main([*asked, "--dry-run"]) == 0
    configured = ["--set", f"ledger.url={address}", "--set", f"ledger.password_file={secret}"]
    assert await _main(["ledger", "copy", "--from", "store", "--to", address, *configured]) == 0
    told = capfd.readouterr()
    assert "secret" not in told.out + told.err
    assert ODD not in told.out
    cluster().run(f"ALTER DATABASE {name} OWNER TO admin")
