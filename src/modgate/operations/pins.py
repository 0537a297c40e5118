"""`modgate store pin` and `unpin`: what must stay in the store, however long it is unused.

A pin names a module or one version of it, stored or not: it counts for what comes later as well. It keeps
from eviction and from `modgate store rm`, and fetches nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.gomod.types import Version
from modgate.model import Pin
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.gomod.types import ModulePath
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["pin", "unpin"]

_MAX_NOTE = 500


class PinParams(msgspec.Struct, forbid_unknown_fields=True):
    """What to pin (`module` or `module@version`), and why; nothing to pin lists the pins."""

    subjects: list[str] = []
    note: str = ""


class UnpinParams(msgspec.Struct, forbid_unknown_fields=True):
    """Which pins to take back, as they were given."""

    subjects: list[str]


async def pin(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `pinned` (`new` false for one that was), or `pin` for each there is. Raises Invalid."""
    given = params_as(PinParams, params)
    if len(given.note) > _MAX_NOTE:
        raise Invalid(f"a note of more than {_MAX_NOTE} characters")
    if not given.subjects:
        pins = await works.ledger.pins()
        for each in pins:
            yield Item(kind="pin", subject=_named(each.path, each.version), facts=_facts(each))
        yield Summary(ok=True, facts={"pins": len(pins)})
        return
    new = 0
    for path, version in [_subject(each) for each in given.subjects]:
        one = Pin(path, version, given.note, works.clock())
        added = await works.ledger.add_pin(one)
        new += added
        yield Item(kind="pinned", subject=_named(path, version), facts=_facts(one) | {"new": added})
    yield Summary(ok=True, facts={"pinned": new, "known": len(given.subjects) - new})


async def unpin(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `unpinned` and `unknown`; not ok where a pin was not there. Raises Invalid."""
    given = params_as(UnpinParams, params)
    if not given.subjects:
        raise Invalid("no pin is named")
    gone = 0
    for path, version in [_subject(each) for each in given.subjects]:
        removed = await works.ledger.remove_pin(path, version)
        gone += removed
        yield Item(kind="unpinned" if removed else "unknown", subject=_named(path, version))
    unknown = len(given.subjects) - gone
    yield Summary(ok=not unknown, facts={"unpinned": gone, "unknown": unknown})


def _subject(text: str) -> tuple[ModulePath, Version | None]:
    path, at, version = text.partition("@")
    if not at:
        return module.check_path(path), None
    return module.check_path(path), Version(module.check(path, version).version)


def _named(path: ModulePath, version: Version | None) -> str:
    return path if version is None else f"{path}@{version}"


def _facts(one: Pin) -> dict[str, Any]:
    return {"module": one.path, "version": one.version, "note": one.note, "pinned_at": one.pinned_at}
