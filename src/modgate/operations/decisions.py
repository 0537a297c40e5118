"""`modgate policy decisions` and `history`: what was decided, by the id that a client was told, and by which
policy.

`policy-decision`: one recorded decision. `policy-decisions`: items `decision`, the newest first, with the
plain allows of the time, which are counted and not recorded. `policy-history`: items `policy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Absent, Invalid
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as
from modgate.operations.records import records_of
from modgate.policy.telling import decision_document
from modgate.policy.texts import denial_lines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.firewall.owners import Owners
    from modgate.model.decisions import Standing
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["history", "list_", "one"]

_MOST = 10_000
_POLICIES = 1000


class OneParams(msgspec.Struct, forbid_unknown_fields=True):
    """The id of a decision, as a refusal and `Modgate-Decision` have it."""

    id: str


class ListParams(msgspec.Struct, forbid_unknown_fields=True):
    """Which decisions: `since` by when they were last met, in Unix seconds."""

    module: str = ""
    consumer: str = ""
    since: float = 0.0
    limit: int = 100


class HistoryParams(msgspec.Struct, forbid_unknown_fields=True):
    """A revision, or the beginning of one; without it the newest `limit`."""

    revision: str = ""
    limit: int = 20


async def one(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """A summary alone: the decision, how often it was met, and what a client was told. Raises Absent."""
    given, records = params_as(OneParams, params), records_of(works)
    await records.settle()
    standing = await records.decisions.decision(given.id.strip())
    if standing is None:
        raise Absent(
            f"no decision {given.id[:64]!r} is recorded here",
            next_step="It is kept for ledger.keep_decisions after it was last met.",
        )
    decision = standing.decision
    told = list(denial_lines(decision)) if decision.effect.refuses else []
    yield Summary(ok=True, facts={**_facts(standing, records.owners()), "text": told})


async def list_(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `decision`; the summary has `allowed`, the plain allows by rule. Raises Invalid, Unavailable."""
    given, records = params_as(ListParams, params), records_of(works)
    if not 0 < given.limit <= _MOST:
        raise Invalid(f"a limit is between 1 and {_MOST}")
    await records.settle()
    owners = records.owners()
    found: dict[str, Standing] = {}
    names = (given.consumer, records.name_of(given.consumer)) if given.consumer else ("",)
    for name in dict.fromkeys(names):
        batch = await records.decisions.decisions(
            path=given.module, consumer=name, since=given.since, limit=given.limit
        )
        found |= {each.decision.id: each for each in batch}
    newest = sorted(found.values(), key=lambda each: -each.last)[: given.limit]
    for each in newest:
        yield Item(kind="decision", subject=each.decision.id, facts=_facts(each, owners))
    allowed = dict(await records.decisions.allowed(since=given.since))
    yield Summary(ok=True, facts={"decisions": len(newest), "allowed": allowed})


async def history(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `policy`, the newest first; with a revision the last one of that name, with its text. Raises
    Absent, Invalid.
    """
    given, records = params_as(HistoryParams, params), records_of(works)
    if not 0 < given.limit <= _POLICIES:
        raise Invalid(f"a limit is between 1 and {_POLICIES}")
    known = await records.decisions.policies(limit=_POLICIES if given.revision else given.limit)
    if given.revision:
        known = [each for each in known if each.revision.startswith(given.revision)][:1]
        if not known:
            raise Absent(f"no policy {given.revision[:64]!r} was in force here")
    for each in known:
        text = {"text": each.text} if given.revision else {}
        yield Item(
            kind="policy", subject=each.revision, facts={"revision": each.revision, "at": each.at} | text
        )
    yield Summary(ok=True, facts={"policies": len(known)})


def _facts(standing: Standing, owners: Owners) -> dict[str, Any]:
    team = owners.team(standing.decision.consumer)
    return {
        **decision_document(standing.decision),
        "first": standing.first,
        "last": standing.last,
        "count": standing.count,
        "team": team.name,
        "owner": team.owner,
    }
