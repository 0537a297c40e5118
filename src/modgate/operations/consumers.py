"""`modgate consumers`: who is known, what is held about one, and its erasure (GDPR, PIPL).

A consumer is named as it asks, or, where only pseudonyms are kept, by either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as
from modgate.operations.records import Records, records_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.consumers import Person
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["erase", "export", "list_"]

_PAGE = 500
_MAX_NAME = 256


class ListParams(msgspec.Struct, forbid_unknown_fields=True):
    """How many at most, 0 for all."""

    limit: int = 100


class NameParams(msgspec.Struct, forbid_unknown_fields=True):
    """Whose records; `versions` limits how many uses are told (0: all)."""

    name: str


async def list_(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `consumer`, by name, with team, owner, contact, first and last time."""
    given = params_as(ListParams, params)
    records = records_of(works)
    await records.settle()
    owners, shown, after = records.owners(), 0, ""
    while True:
        people = await records.consumers.consumers(limit=_PAGE, after=after)
        for person in people:
            if given.limit and shown >= given.limit:
                yield Summary(ok=True, facts={"shown": shown, "more": True})
                return
            shown += 1
            team = owners.team(person.name)
            told = {"team": team.name, "owner": team.owner, "contact": team.contact}
            yield Item(kind="consumer", subject=person.name, facts=_facts(person) | told)
        if len(people) < _PAGE:
            yield Summary(ok=True, facts={"shown": shown, "more": False})
            return
        after = people[-1].name


async def export(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Item `person` with everything held about a consumer; not ok where nothing is. Raises Invalid."""
    given = params_as(NameParams, params)
    records = records_of(works)
    await records.settle()
    for name in _names(records, given.name):
        person = await records.consumers.export(name)
        if person is None:
            continue
        team = records.owners().team(person.name)
        told = {"team": team.name, "owner": team.owner, "contact": team.contact, "channel": team.channel}
        facts = _facts(person) | told | {"records": dict(person.records)}
        yield Item(kind="person", subject=person.name, facts=facts)
        yield Summary(ok=True, facts={"consumers": 1})
        return
    yield Summary(ok=False, facts={"consumers": 0})


async def erase(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Item `erased`; not ok where nothing was known. Raises Invalid."""
    given = params_as(NameParams, params)
    records = records_of(works)
    await records.settle()
    erased = 0
    for name in _names(records, given.name):
        records.forget(name)
        if await records.consumers.erase(name):
            erased += 1
            yield Item(kind="erased", subject=name)
        records.forget(name)
    yield Summary(ok=bool(erased), facts={"erased": erased})


def _names(records: Records, name: str) -> tuple[str, ...]:
    if not name or len(name) > _MAX_NAME:
        raise Invalid("no consumer is named")
    return tuple(dict.fromkeys((name, records.name_of(name))))


def _facts(person: Person) -> dict[str, Any]:
    return {"ref": person.ref, "first": person.first, "last": person.last}
