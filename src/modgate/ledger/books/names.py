"""Names and references of consumers: the one place where a name becomes a reference and back.

A reference is random, so nothing of the name can be had from it once its row is gone.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, select

from modgate.ledger import tables
from modgate.ledger.books.base import pieces, plain
from modgate.ledger.dialect import PerDialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from sqlalchemy import Connection, Executable

__all__ = ["erased", "known_ref", "make_refs", "met_at", "name_of"]

_NAME = tables.consumer.c
_REFS = select(_NAME.name, _NAME.ref).where(_NAME.name.in_(bindparam("names", expanding=True)))
_REF = select(_NAME.ref).where(_NAME.name == bindparam("of_name"))


def _upsert(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.consumer)
    new = statement.excluded
    result: Executable = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "first": case((new.first < _NAME.first, new.first), else_=_NAME.first),
            "last": case((new.last > _NAME.last, new.last), else_=_NAME.last),
        },
    )
    return result


_MEET = PerDialect(_upsert)


def make_refs(connection: Connection, met: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """The references of names (as they were given), made where they are new; `met` says when each was met
    first and last. The empty name has the empty reference.
    """
    names = {name: plain(name) for name in met if name}
    rows = [
        {"ref": secrets.token_hex(8), "name": stored, "first": met[name][0], "last": met[name][1]}
        for name, stored in sorted(names.items())
    ]
    if rows:
        connection.execute(_MEET.on(connection), rows)
    found: dict[str, str] = {}
    for some in pieces(sorted(set(names.values()))):
        found.update(tuple(row) for row in connection.execute(_REFS, {"names": some}))
    return {"": ""} | {name: found[stored] for name, stored in names.items()}


def met_at(names: Iterable[tuple[str, float]]) -> dict[str, tuple[float, float]]:
    """When each name was met first and last."""
    result: dict[str, tuple[float, float]] = {}
    for name, at in names:
        first, last = result.get(name, (at, at))
        result[name] = (min(first, at), max(last, at))
    return result


def known_ref(connection: Connection, name: str) -> str | None:
    """The reference of a name, if it has one."""
    found: str | None = connection.execute(_REF, {"of_name": plain(name)}).scalar()
    return found


def erased(ref: str) -> str:
    """What stands for a name that was erased."""
    return f"erased-{ref}"


def name_of(ref_column: Any) -> Any:
    """The column of names, to be selected by whoever joins `consumer` outerly on `ref_column`."""
    return func.coalesce(_NAME.name, case((ref_column == "", ""), else_="erased-" + ref_column))
