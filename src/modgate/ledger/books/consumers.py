"""Who used which versions, in the ledger: one row for each consumer and version, in which fetches add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, exists, select, tuple_

from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import tables
from modgate.ledger.books import person
from modgate.ledger.books.base import pieces, plain, seconds
from modgate.ledger.books.names import make_refs, met_at, name_of
from modgate.ledger.books.sweep import sweep
from modgate.ledger.dialect import PerDialect
from modgate.model.consumers import Person, Use

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from sqlalchemy import Connection, Executable

    from modgate.ledger.books.base import Database
    from modgate.model.consumers import Fetches

__all__ = ["SqlConsumerBook"]

_PAGE = 500
_NAME = tables.consumer.c
_USE = tables.consumer_use.c
_OF_NAME = select(_NAME.ref).where(_NAME.name == bindparam("of_name")).scalar_subquery()

_RECEIVED = select(_USE.version).where(_USE.ref == _OF_NAME, _USE.path == bindparam("of_path"))
_USERS = (
    select(name_of(_USE.ref), _USE.ref, _USE.path, _USE.version, _USE.mods, _USE.zips, _USE.first, _USE.last)
    .select_from(tables.consumer_use)
    .outerjoin(tables.consumer, _NAME.ref == _USE.ref)
    .where(_USE.path == bindparam("of_path"), _USE.zips >= bindparam("zips"))
)
_IN_USE = (
    select(_USE.path, _USE.version)
    .where(
        tuple_(_USE.path, _USE.version) > tuple_(bindparam("after_path"), bindparam("after_version")),
        _USE.zips > 0,
        _USE.last >= bindparam("since"),
    )
    .group_by(_USE.path, _USE.version)
    .order_by(_USE.path, _USE.version)
    .limit(_PAGE)
)
_PEOPLE = (
    select(_NAME.name, _NAME.ref, _NAME.first, _NAME.last)
    .where(_NAME.name > bindparam("after"))
    .order_by(_NAME.name)
    .limit(bindparam("most"))
)
_REF = select(_NAME.ref).where(_NAME.name == bindparam("of_name"))
_OLD = (
    select(_USE.path, _USE.version, _USE.ref).where(_USE.last < bindparam("before")).limit(bindparam("most"))
)
_DROP = delete(tables.consumer_use).where(
    _USE.path == bindparam("of_path"),
    _USE.version == bindparam("of_version"),
    _USE.ref == bindparam("of_ref"),
    _USE.last < bindparam("before"),
)

_NAME = tables.consumer.c
_UNSAID = and_(
    _NAME.last < bindparam("before"),
    *(
        ~exists().where(each.c.ref == _NAME.ref)
        for each in (tables.consumer_use, tables.decision, tables.audit, tables.outbox)
    ),
)
_IDLE = select(_NAME.ref).where(_UNSAID).limit(bindparam("most"))
_DROP_NAME = delete(tables.consumer).where(_NAME.ref == bindparam("of_ref"), _UNSAID)


def _sum(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.consumer_use)
    new = statement.excluded
    result: Executable = statement.on_conflict_do_update(
        index_elements=["path", "version", "ref"],
        set_={
            "mods": _USE.mods + new.mods,
            "zips": _USE.zips + new.zips,
            "first": case((new.first < _USE.first, new.first), else_=_USE.first),
            "last": case((new.last > _USE.last, new.last), else_=_USE.last),
        },
    )
    return result


_ADD = PerDialect(_sum)


class SqlConsumerBook:
    """Counts fetches by consumer in a ledger, which it does not close."""

    def __init__(self, ledger: Database, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    async def add(self, fetches: Sequence[Fetches]) -> None:
        """Add a batch in one transaction."""
        if fetches:
            await self._ledger.transact(lambda connection: _add(connection, fetches))

    async def received(self, consumer: str, path: ModulePath) -> frozenset[Version]:
        """The versions of a module that a consumer was given."""
        values = {"of_name": plain(consumer), "of_path": plain(path)}
        return frozenset(Version(version) for (version,) in await self._ledger.query(_RECEIVED, values))

    async def users(
        self, path: ModulePath, versions: Sequence[Version] | None = None, *, zips: bool = True
    ) -> list[Use]:
        """Who was given these versions (None: any) of a module, by consumer, then version."""
        values: dict[str, object] = {"of_path": plain(path), "zips": int(zips)}
        if versions is None:
            rows = list(await self._ledger.query(_USERS, values))
        else:
            rows = []
            for some in pieces(sorted({plain(version) for version in versions})):
                rows += await self._ledger.query(_USERS.where(_USE.version.in_(some)), values)
        uses = [
            Use(name, ref, ModulePath(path), Version(version), *rest)
            for name, ref, path, version, *rest in rows
        ]
        return sorted(uses, key=lambda use: (use.consumer, use.version))

    async def in_use(self, *, since: float = 0.0) -> AsyncGenerator[list[ModuleVersion], None]:
        """Every version that some consumer was given the zip of, last used at `since` or later."""
        after = ("", "")
        while True:
            values = {"after_path": after[0], "after_version": after[1], "since": since}
            rows = await self._ledger.query(_IN_USE, values)
            if rows:
                yield [ModuleVersion(ModulePath(path), Version(version)) for path, version in rows]
                after = (rows[-1][0], rows[-1][1])
            if len(rows) < _PAGE:
                return

    async def consumers(self, *, limit: int = 1000, after: str = "") -> list[Person]:
        """Those that are known, by name, without their records."""
        rows = await self._ledger.query(_PEOPLE, {"after": plain(after), "most": limit})
        return [Person(*tuple(row)) for row in rows]

    async def reference(self, consumer: str) -> str:
        """Its reference, made where it is new."""
        rows = await self._ledger.query(_REF, {"of_name": plain(consumer)})
        if rows or not consumer:
            return rows[0][0] if rows else ""

        def make(connection: Connection) -> str:
            at = self._clock()
            return make_refs(connection, {consumer: (at, at)})[consumer]

        return await self._ledger.transact(make)

    async def export(self, consumer: str) -> Person | None:
        """Everything held about a consumer; None where nothing is."""
        return await person.export(self._ledger, plain(consumer))

    async def erase(self, consumer: str) -> bool:
        """Forget the name and its uses; what else refers to it keeps the bare reference."""
        name, at = plain(consumer), self._clock()
        erased = await self._ledger.transact(lambda connection: person.erase(connection, name, at=at))
        if erased:
            await self._ledger.settle()
        return erased

    async def forget(self, *, before: float) -> int:
        """Drop uses whose last fetch is older, and names that nothing refers to any more; how many uses."""
        names = ["of_path", "of_version", "of_ref"]
        gone = await sweep(self._ledger, _OLD, _DROP, {"before": before}, names)
        await sweep(self._ledger, _IDLE, _DROP_NAME, {"before": before}, ["of_ref"])
        return gone


def _add(connection: Connection, fetches: Sequence[Fetches]) -> None:
    met = met_at((each.consumer, at) for each in fetches for at in (seconds(each.first), seconds(each.last)))
    refs = make_refs(connection, met)
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for each in fetches:
        key = (plain(each.path), plain(each.version), refs[each.consumer])
        first, last = seconds(each.first), seconds(each.last)
        row = rows.get(key)
        if row is None:
            path, version, ref = key
            row = {"path": path, "version": version, "ref": ref, "mods": 0, "zips": 0}
            rows[key] = row | {"first": first, "last": last}
            row = rows[key]
        row["zips" if each.kind == "zip" else "mods"] += each.times
        row["first"], row["last"] = min(row["first"], first), max(row["last"], last)
    connection.execute(_ADD.on(connection), [rows[key] for key in sorted(rows)])
