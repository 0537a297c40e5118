"""`modgate ledger copy`: the databases that are named, nobody in them, and one copied into the other.

A gate that goes on writing to the source would leave what it writes behind, and its own log would be a fork
of the copy's: so no gate may run on either side. The store's lock says so for the file in a store, and the
server's list of sessions for PostgreSQL. A rehearsal tells of a running gate, and goes on.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from modgate.errors import Absent, Invalid, Unavailable
from modgate.ledger.copying import copy_ledger, rehearse
from modgate.ledger.presence import GATES, gates_in, identity
from modgate.ledger.sqlite import sqlite_file
from modgate.storage.folder import take_folder
from modgate.transport.credentials.secrets import SecretFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.config import Config
    from modgate.ledger.copying import Copied
    from modgate.ledger.database import Database

__all__ = ["LEDGER_FILE", "STORE", "Moved", "Place", "move_ledger", "place_of"]

STORE = "store"
"""The word for the file in the configured store."""

LEDGER_FILE = Path(".modgate") / "ledger.sqlite3"
_NAME = "modgate ledger copy"
_BUSY_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """One side: a SQLite file, or the address of a PostgreSQL database with the file of its password."""

    path: Path | None = None
    url: str = ""
    password_file: Path | None = None

    def __str__(self) -> str:
        """Without parameters, which may hold a secret."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc}{parts.path}"


@dataclass(frozen=True, slots=True)
class Moved:
    """What a copy came to; `running` says for each side whether a gate is there (in a rehearsal alone)."""

    copied: Copied
    source: Place
    destination: Place
    running: tuple[Place, ...] = ()


def place_of(config: Config, given: str | None, password_file: Path | None, *, option: str) -> Place:
    """What `--from` or `--to` names; None: where the configuration has its ledger. Raises Invalid.

    The configured password goes with the configured address alone.
    """
    if given is None:
        given = config.ledger.url or STORE
    if given == STORE:
        if config.store.path is None:
            raise Invalid(
                "the configured store is in memory, and so is its ledger",
                next_step=f"Name a file or postgresql://user@host:port/name: {option} URL.",
            )
        given = str(config.store.path / LEDGER_FILE)
    scheme, separator, rest = given.partition("://")
    if separator and scheme in {"postgresql", "postgres"}:
        _check_secretless(given, option)
        if password_file is None and given == config.ledger.url:
            password_file = config.ledger.password_file
        return Place(url=given, password_file=password_file)
    if separator and scheme != "sqlite":
        raise Invalid(
            f"{option}: a ledger is in no {scheme}:// database",
            next_step=f"Write postgresql://user@host:port/name, a file's path, or {STORE}.",
        )
    if password_file is not None:
        raise Invalid(f"{option} is a file, which has no password")
    # sqlite:///x is a path from here, sqlite:////x one from the root, as elsewhere
    path = rest.removeprefix("/") if separator else given
    if not path:
        raise Invalid(f"{option} names no file")
    return Place(path=Path(path).expanduser().absolute())


def move_ledger(
    source: Place,
    destination: Place,
    *,
    dry_run: bool = False,
    told: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Moved:
    """Copy one ledger into another database, wholly or not at all; with `dry_run` only say what would be.

    `told` hears how far it is: `copy` or `compare`, rows done, rows in all. Raises Invalid, Absent,
    Unavailable.
    """
    with ExitStack() as stack:
        running: list[Place] = []
        _check_files(source, destination)
        held: set[Path] = set()
        for place in (source, destination):
            store = _store_of(place)
            if store is None or store in held:
                continue
            held.add(store)
            if dry_run and _is_held(store):
                running.append(place)
            elif not dry_run:
                stack.callback(os.close, _hold(store, place))
        fresh = destination.path is not None and not destination.path.exists()
        origin = _open(source, stack)
        target = None if fresh and dry_run else _open(destination, stack)
        for place, database in ((source, origin), (destination, target)):
            if database is not None and gates_in(database, _names(place)):
                if not dry_run:
                    raise _gate_runs(place)
                running.append(place)
        if target is not None and identity(origin) and identity(origin) == identity(target):
            raise _same(source)
        if dry_run:
            return Moved(rehearse(origin, target), source, destination, tuple(running))
        assert target is not None
        try:
            copied = copy_ledger(origin, target, told=told)
        except BaseException:
            if fresh:
                stack.callback(_remove, destination)
            raise
        with suppress(Unavailable):
            target.settle()  # a log as large as the database goes; the copy stands without that too
        return Moved(copied, source, destination)


def _check_secretless(url: str, option: str) -> None:
    parts = urlsplit(url)
    if parts.password is not None or any("password" in name for name in parse_qs(parts.query)):
        raise Invalid(
            f"{option} holds a password, which everybody on this machine may read",
            next_step=f"Put it into a file: {option}-password-file FILE. PGPASSWORD and ~/.pgpass work too.",
        )


def _check_files(source: Place, destination: Place) -> None:
    if source.path is not None:
        if not source.path.exists():
            raise Absent(
                "there is no ledger",
                where=str(source.path),
                next_step="Name another: --from URL, or the store: --store DIR.",
            )
        if source.path.is_dir():
            raise Invalid("this is a folder", where=str(source.path), next_step="Name the file in it.")
    if destination.path is not None:
        if not destination.path.parent.is_dir():
            raise Absent("there is no such folder", where=str(destination.path.parent))
        if destination.path.is_dir():
            raise Invalid("this is a folder", where=str(destination.path), next_step="Name a file in it.")
        if source.path is not None and source.path.resolve() == destination.path.resolve():
            raise _same(source)
    if source.url and source.url == destination.url:
        raise _same(source)


def _same(place: Place) -> Invalid:
    return Invalid(
        "source and destination are the same database",
        where=str(place),
        next_step=f"Without --from it is the configured one; the store's file is --from {STORE}.",
    )


def _names(place: Place) -> set[str]:
    return {GATES, *parse_qs(urlsplit(place.url).query).get("application_name", [])}


def _gate_runs(place: Place) -> Unavailable:
    return Unavailable(
        "a gate is running on this ledger",
        where=str(place),
        next_step="Stop every gate on both ledgers first: what it wrote from now on would be missing.",
        kind="bad-answer",
    )


def _store_of(place: Place) -> Path | None:
    """The store whose ledger it is, None where it is none."""
    path = place.path
    if path is None or path.parts[-2:] != LEDGER_FILE.parts:
        return None
    return path.parent.parent


def _hold(store: Path, place: Place) -> int:
    """The lock of the store, which its gate holds."""
    if _is_held(store):
        raise _gate_runs(place)
    return take_folder(store)


def _is_held(store: Path) -> bool:
    """Whether a modgate holds the store; nothing is made where none was."""
    try:
        descriptor = os.open(store / LEDGER_FILE.parent / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(place: Place, stack: ExitStack) -> Database:
    if place.path is not None:
        database = sqlite_file(place.path, busy_timeout=_BUSY_TIMEOUT)
    else:
        try:
            from modgate.ledger.postgres import postgres  # noqa: PLC0415  the driver is an extra
        except ImportError as error:
            raise Unavailable(
                "PostgreSQL needs the package psycopg, which is not installed",
                where=str(place),
                next_step="pip install 'modgate[postgresql]'",
            ) from error
        file = place.password_file
        password = None if file is None else SecretFile(file, named="the password's file").read
        database = postgres(place.url, password=password, name=_NAME)
    stack.callback(database.close)
    return database


def _remove(place: Place) -> None:
    """What was made for nothing."""
    assert place.path is not None
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            place.path.with_name(place.path.name + suffix).unlink()
