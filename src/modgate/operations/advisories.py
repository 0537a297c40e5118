"""`modgate advisories sync`: every database of advisories is looked at now.

One `Item` of the kind `database` each: what it has, what is new in it, or what went wrong. Whatever came is
in force before the summary, which is not `ok` where a database could not be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["sync"]


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a database may lose most of its entries."""

    accept_smaller: bool = False


async def sync(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Look at them. Raises Invalid where none is configured."""
    asked = params_as(Params, params)
    began = works.monotonic()
    outcomes = [] if works.advisories is None else await works.advisories.sync(smaller=asked.accept_smaller)
    if not outcomes:
        raise Invalid(
            "no database of advisories is configured",
            next_step="Name one in advisories.sources, such as https://vuln.go.dev.",
        )
    for outcome in outcomes:
        state = outcome.state
        yield Item(
            kind="database",
            subject=state.source,
            facts={
                "entries": state.entries,
                "new": outcome.new,
                "changed": outcome.altered,
                "withdrawn": outcome.withdrawn,
                "gone": outcome.gone,
                "broken": outcome.broken,
                "faults": list(outcome.faults),
                "error": state.error,
                "checked_at": state.checked_at or None,
                "changed_at": state.changed_at or None,
                "seconds": round(outcome.seconds, 3),
            },
        )
    failed = sum(bool(outcome.state.error) for outcome in outcomes)
    yield Summary(
        ok=not failed,
        facts={
            "databases": len(outcomes),
            "failed": failed,
            "entries": sum(outcome.state.entries for outcome in outcomes),
            "seconds": round(works.monotonic() - began, 3),
        },
    )
