"""What the ledger does on PostgreSQL beyond the contract: outages, stalls, refusals, other gates."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from modgate.errors import Invalid, Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import migrate, schema
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.postgres import Patience, postgres
from modgate.ledger.sql import SqlLedger
from modgate.model import Alert
from modgate.model.credentials import Secret
from tests.contract.ledger import SetClock, pin, record
from tests.contract.log_book import LOG, version
from tests.ledger.test_migrate import drift
from tests.support.postgres import Cluster, cluster, fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import Connection

    from modgate.ledger.database import Database

__all__ = ["fresh_database"]

ROOT = Path(__file__).parent.parent.parent
SHORT = Patience(connect=2, statement=0.5, lock=0.3, grace=0.5, pause=0.2)


@pytest.fixture
async def ledger(fresh_database: str) -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open_url(fresh_database, clock=SetClock(), patience=SHORT)
    yield ledger
    await ledger.close()


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A server that a test may stop."""
    own = Cluster()
    own.start()
    yield own
    own.close()


@pytest.fixture
def database(fresh_database: str) -> Iterator[Database]:
    database = postgres(fresh_database)
    yield database
    database.close()


def test_the_steps_make_what_the_tables_declare(database: Database) -> None:
    def steps(connection: Connection) -> list[object]:
        migrate.upgrade(connection, 0)
        return drift(connection)

    assert database.write(steps) == []
    assert database.look(drift) == []
    migrate.bring_up(database)


_COLUMNS = text(
    "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
)
_INDEXES = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")


async def test_a_ledger_that_is_made_at_once_is_as_one_that_was_lifted(
    ledger: SqlLedger, fresh_database: str
) -> None:
    made = [[tuple(row) for row in await ledger.query(query, {})] for query in (_COLUMNS, _INDEXES)]
    await ledger.transact(schema.metadata.drop_all)
    await ledger.transact(lambda connection: migrate.upgrade(connection, 0))
    lifted = [[tuple(row) for row in await ledger.query(query, {})] for query in (_COLUMNS, _INDEXES)]
    assert lifted == made


async def test_gates_that_start_at_once_on_an_empty_database_do_not_collide(fresh_database: str) -> None:
    code = (
        "import asyncio, sys; from modgate.ledger.sql import SqlLedger\n"
        "async def main():\n"
        "    sys.stdin.read()\n"
        "    ledger = await SqlLedger.open_url(sys.argv[1], clock=lambda: 0.0)\n"
        "    await ledger.ready()\n"
        "    await ledger.close()\n"
        "asyncio.run(main())\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, fresh_database], stdin=subprocess.PIPE, cwd=ROOT
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    assert [child.wait() for child in children] == [0, 0, 0]


async def test_of_gates_that_meet_an_older_ledger_one_lifts_it(
    database: Database, fresh_database: str
) -> None:
    def older(connection: Connection) -> None:
        migrate.upgrade(connection, 0)
        for table in reversed(schema.metadata.sorted_tables):
            if table.name not in {"meta", "first_seen", "tree_head", "alert", "lease"}:
                table.drop(connection)
        connection.execute(text("UPDATE meta SET value = '1'"))

    database.write(older)
    ledgers = await asyncio.gather(*(SqlLedger.open_url(fresh_database, clock=SetClock()) for _ in range(3)))
    assert await ledgers[0].add_pin(pin("example.com/m"))
    assert await ledgers[1].pins() == [pin("example.com/m")]
    assert database.look(drift) == []
    for ledger in ledgers:
        await ledger.close()


async def test_a_ledger_of_a_newer_modgate_is_refused(ledger: SqlLedger, fresh_database: str) -> None:
    await ledger.transact(lambda connection: connection.execute(text("UPDATE meta SET value = '99'")))
    with pytest.raises(Unavailable, match="schema 99"):
        await SqlLedger.open_url(fresh_database, clock=SetClock())


async def test_gates_on_one_database_number_without_gaps_or_twins(fresh_database: str) -> None:
    ledgers = [await SqlLedger.open_url(fresh_database, clock=SetClock()) for _ in range(2)]
    books = [SqlLogBook(ledger) for ledger in ledgers]
    entries = await asyncio.gather(
        *(books[n % 2].append(LOG, [(version(n // 2), b"%d\n" % n)]) for n in range(120))
    )
    assert await books[0].size(LOG) == 60
    assert sorted({entry.number for one in entries for entry in one}) == list(range(60))
    for ledger in ledgers:
        await ledger.close()


async def test_a_write_is_durable_where_the_server_would_not_wait(ledger: SqlLedger) -> None:
    (found,) = await ledger.query(text("SHOW synchronous_commit"), {})
    assert tuple(found) == ("on",)
    assert cluster().run("SHOW synchronous_commit") == [("off",)]


async def test_any_text_comes_back_as_it_was(ledger: SqlLedger) -> None:
    for said in ("a\0b", "␀", "␀0", "\0␀\0", "␀␀\0000", "half \udc80"):
        await ledger.add_alert(Alert("kind", said, said, 7.0))
        told = said.replace("\udc80", "?")
        assert (await ledger.alerts(limit=1)) == [Alert("kind", told, told, 7.0)]


async def test_what_one_step_cannot_write_fails_alone(ledger: SqlLedger) -> None:
    def broken(connection: Connection) -> None:
        connection.execute(text("INSERT INTO meta VALUES ('schema', 'twice')"))

    results = await asyncio.gather(
        *(ledger.first_seen(record(n)) for n in range(20)),
        ledger.transact(broken),
        *(ledger.first_seen(record(n)) for n in range(20, 40)),
        return_exceptions=True,
    )
    assert isinstance(results.pop(20), Unavailable)
    assert results == [record(n) for n in range(40)]


async def test_a_path_too_long_for_an_index_fails_alone(ledger: SqlLedger) -> None:
    noise = "/".join(sha256(b"%d" % n).hexdigest() for n in range(80))
    version = ModuleVersion(ModulePath(f"example.com/{noise}"), Version("v1.0.0"))
    records = [record(1), record(2), replace(record(3), version=version), record(4)]
    results = await asyncio.gather(*map(ledger.first_seen, records), return_exceptions=True)
    assert isinstance(results.pop(2), Unavailable)
    assert results == [record(1), record(2), record(4)]


async def test_a_server_that_was_restarted_is_used_again_without_a_word(own: Cluster) -> None:
    ledger = await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT)
    assert await asyncio.gather(*(ledger.seen(record(n).version, "zip") for n in range(9))) == [None] * 9
    await ledger.first_seen(record(1))
    own.stop()
    own.start()
    assert await ledger.first_seen(record(2)) == record(2)
    assert await asyncio.gather(*(ledger.seen(record(n).version, "zip") for n in (1, 2))) == [
        record(1),
        record(2),
    ]
    own.stop(signal.SIGKILL)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await ledger.first_seen(record(3))
    with pytest.raises(Unavailable, match="cannot be reached"):
        await ledger.ready()
    own.start()
    await asyncio.sleep(SHORT.pause)
    await ledger.ready()
    assert await ledger.first_seen(record(3)) == record(3)
    await ledger.close()


async def test_a_server_that_stands_still_is_unavailable_in_bounded_time_for_everybody(own: Cluster) -> None:
    ledger = await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT)
    await ledger.first_seen(record(1))
    own.signal_all(signal.SIGSTOP)
    try:
        results = await asyncio.wait_for(
            asyncio.gather(
                *(ledger.seen(record(n).version, "zip") for n in range(40)),
                *(ledger.first_seen(record(n)) for n in range(40)),
                ledger.ready(),
                return_exceptions=True,
            ),
            timeout=60,
        )
        assert {type(result) for result in results} == {Unavailable}
        assert {result.kind for result in results if isinstance(result, Unavailable)} == {"timeout"}
    finally:
        own.signal_all(signal.SIGCONT)
    await asyncio.sleep(SHORT.pause)
    assert await ledger.first_seen(record(2)) == record(2)
    await ledger.close()


async def test_a_ledger_closes_while_its_server_stands_still(own: Cluster) -> None:
    ledger = await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT)
    own.signal_all(signal.SIGSTOP)
    writing = asyncio.create_task(ledger.first_seen(record(1)))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(ledger.close(), timeout=60)
    with pytest.raises(Unavailable):
        await writing


async def test_another_writer_that_does_not_end_is_told_of(ledger: SqlLedger, fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(b"modgate")])
        with pytest.raises(Unavailable, match="locked by another writer"):
            await ledger.first_seen(record(1))
        assert await ledger.seen(record(1).version, "zip") is None  # readers never wait
        other.rollback()
        assert await ledger.first_seen(record(1)) == record(1)


async def test_a_statement_that_takes_too_long_fails_and_its_neighbours_do_not(ledger: SqlLedger) -> None:
    slow = ledger.transact(lambda connection: connection.execute(text("SELECT pg_sleep(60)")))
    results = await asyncio.gather(
        ledger.first_seen(record(1)), slow, ledger.first_seen(record(2)), return_exceptions=True
    )
    assert isinstance(results[1], Unavailable)
    assert results[1].kind == "timeout"
    assert (results[0], results[2]) == (record(1), record(2))


async def test_a_read_only_database_is_told_of(ledger: SqlLedger, fresh_database: str) -> None:
    cluster().run(f"ALTER DATABASE {_name(fresh_database)} SET default_transaction_read_only = on")
    reader = await SqlLedger.open_url(fresh_database, clock=SetClock())
    with pytest.raises(Unavailable, match="only reads"):
        await reader.first_seen(record(1))
    with pytest.raises(Unavailable, match="only reads"):
        await reader.ready()
    await reader.close()


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _user(url: str, *, password: str) -> str:
    """A user who may connect and do nothing else."""
    user = f"u_{_name(url)}"
    cluster().run(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
    return user


async def test_the_password_is_read_for_each_connection(fresh_database: str) -> None:
    user = _user(fresh_database, password="old-secret")
    url = cluster().tcp_url(_name(fresh_database), user=user)
    cluster().run(f"ALTER DATABASE {_name(fresh_database)} OWNER TO {user}")
    kept = ["wrong-secret"]

    def password() -> Secret:
        return Secret(kept[0])

    with pytest.raises(Unavailable, match="refuses the user or its password") as refused:
        await SqlLedger.open_url(url, clock=SetClock(), password=password)
    assert "secret" not in str(refused.value)
    assert f"postgresql://{user}@127.0.0.1" in str(refused.value)
    kept[0] = "old-secret"
    ledger = await SqlLedger.open_url(url, clock=SetClock(), password=password, patience=SHORT)
    cluster().run(
        f"ALTER ROLE {user} PASSWORD 'new-secret'",
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}'",
    )
    with pytest.raises(Unavailable, match="refuses the user or its password"):
        await ledger.first_seen(record(1))
    kept[0] = "new-secret"
    await asyncio.sleep(SHORT.pause)
    assert await ledger.first_seen(record(1)) == record(1)
    await ledger.close()
    cluster().run(
        f"ALTER DATABASE {_name(fresh_database)} OWNER TO {Cluster.admin}",
        f"REASSIGN OWNED BY {user} TO {Cluster.admin}",
    )


async def _refusal(url: str) -> str:
    with pytest.raises(Unavailable) as refused:
        await SqlLedger.open_url(url, clock=SetClock(), patience=SHORT)
    return str(refused.value)


async def test_a_database_that_refuses_is_told_with_what_to_do(fresh_database: str) -> None:
    assert "database does not exist" in await _refusal(cluster().url("nowhere"))
    assert "createdb" in await _refusal(cluster().url("nowhere"))
    assert "refuses the user" in await _refusal(cluster().url(user="nobody_here"))
    assert "refuses the user" in await _refusal(cluster().tcp_url(_name(fresh_database)))  # no password
    user = _user(fresh_database, password="p")
    told = await _refusal(cluster().url(_name(fresh_database), user=user))
    assert "may not do what the ledger needs" in told
    assert "OWNER TO" in told
    cluster().run(f"ALTER DATABASE {_name(fresh_database)} CONNECTION LIMIT 0")
    assert "takes no more connections" in await _refusal(cluster().url(_name(fresh_database), user=user))


async def test_a_database_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    assert "cannot be reached" in await _refusal(f"postgresql:///x?host={tmp_path}")
    assert "cannot be reached" in await _refusal("postgresql://127.0.0.1:1/x")


async def test_a_database_of_another_encoding_is_refused(fresh_database: str) -> None:
    name = f"{_name(fresh_database)}_latin"
    cluster().run(
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    assert "encoding is LATIN1" in await _refusal(cluster().url(name))
    cluster().run(f"DROP DATABASE {name} WITH (FORCE)")


async def test_an_address_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(Invalid) as refused:
        await SqlLedger.open_url("postgresql://u:hunter2@[oops/x", clock=SetClock())
    assert "hunter2" not in str(refused.value)
    with pytest.raises(Unavailable) as unreached:
        await SqlLedger.open_url("postgresql://u:hunter2@127.0.0.1:1/x?sslpassword=hunter3", clock=SetClock())
    assert "hunter" not in str(unreached.value)


def test_a_missing_driver_is_told_with_the_command_that_installs_it() -> None:
    code = (
        "import asyncio, sys; sys.modules['psycopg'] = None\n"
        "from modgate.ledger.sql import SqlLedger\n"
        "asyncio.run(SqlLedger.open_url('postgresql://localhost/x', clock=lambda: 0.0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "modgate.errors.Unavailable" in done.stderr
    assert "pip install 'modgate[postgresql]'" in done.stderr


async def test_a_process_that_is_stopped_inside_a_transaction_does_not_stop_the_others(
    fresh_database: str,
) -> None:
    holder = await SqlLedger.open_url(
        fresh_database, clock=SetClock(), patience=Patience(statement=0.2, lock=0.2)
    )
    other = await SqlLedger.open_url(fresh_database, clock=SetClock(), patience=SHORT)

    def stop(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))
        time.sleep(1.5)  # past three times the time of a statement: the server ends the session
        connection.execute(text("SELECT 1"))

    stopped = asyncio.create_task(holder.transact(stop))
    await asyncio.sleep(0.1)
    with pytest.raises(Unavailable, match="locked by another writer"):
        await other.first_seen(record(1))
    await asyncio.sleep(0.7)
    assert await other.first_seen(record(1)) == record(1)
    with pytest.raises(Unavailable):
        await stopped
    await other.close()
    await holder.close()


async def test_a_server_that_is_away_at_the_start_is_waited_for_where_that_is_wanted(own: Cluster) -> None:
    own.stop()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT)
    ledger = await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT, later=True)
    assert ledger.absent is not None
    for failing in (ledger.first_seen(record(1)), ledger.seen(record(1).version, "zip"), ledger.ready()):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await failing
    own.start()
    await asyncio.sleep(SHORT.pause)
    assert await asyncio.gather(*(ledger.seen(record(n).version, "zip") for n in range(4))) == [None] * 4
    assert await ledger.first_seen(record(1)) == record(1)
    assert ledger.absent is None
    await ledger.close()


async def test_the_address_is_told_to_who_starts_the_gate_and_not_to_its_clients(own: Cluster) -> None:
    ledger = await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT)
    own.stop()
    with pytest.raises(Unavailable) as told:
        await ledger.first_seen(record(1))
    assert told.value.where == "the ledger"
    assert "postgresql://" not in str(told.value)
    await ledger.close()
    with pytest.raises(Unavailable, match="postgresql://admin@"):
        await SqlLedger.open_url(own.url(), clock=SetClock(), patience=SHORT)


async def test_what_a_server_refuses_is_not_waited_for(fresh_database: str) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        await SqlLedger.open_url(cluster().url("nowhere"), clock=SetClock(), later=True)
    ledger = await SqlLedger.open_url(fresh_database, clock=SetClock())
    await ledger.transact(lambda connection: connection.execute(text("UPDATE meta SET value = '99'")))
    await ledger.close()
    with pytest.raises(Unavailable, match="schema 99"):
        await SqlLedger.open_url(fresh_database, clock=SetClock(), later=True)
