"""`modgate policy explain`, `diff` and `show` on a gate: with what it knows, and what is really in use.

`policy-explain`: one item `rule` for each rule in order, the decision in the summary. `policy-diff`: one item
`change` for each version and consumer in use that another policy would decide otherwise. `policy-show`: what
is in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modgate.errors import Absent
from modgate.gomod import module
from modgate.model import Context
from modgate.model.operations import Item, Progress, Summary
from modgate.operations.params import params_as
from modgate.operations.records import records_of
from modgate.policy.comparing import compare
from modgate.policy.document import parse_policy
from modgate.policy.rules import ALLOW_ALL
from modgate.policy.telling import decision_document, facts_document, told_rules
from modgate.policy.texts import denial_lines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.firewall.engine import Firewall
    from modgate.model.operations import Event
    from modgate.operations.works import Works
    from modgate.policy.rules import Policy

__all__ = ["diff", "explain", "show"]

_EVERY = 50


class ExplainParams(msgspec.Struct, forbid_unknown_fields=True):
    """A version, for whom: a consumer and groups that it belongs to."""

    version: str
    consumer: str = ""
    groups: list[str] = []


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    name: str = "policy"
    form: Literal["toml", "yaml"] = "toml"


class DiffParams(msgspec.Struct, forbid_unknown_fields=True):
    """The other policy, and the one to compare it with (without one: that in force); uses since when, in Unix
    seconds.
    """

    new: _Document
    old: _Document | None = None
    since: float = 0.0


class ShowParams(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


async def explain(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `rule`. Raises Invalid for what is no module version, Absent where no firewall stands."""
    given = params_as(ExplainParams, params)
    path, _, version = given.version.partition("@")
    checked = module.check(path, version)
    ctx = _as_consumer(works, given)
    found = await _wall(works).explain(ctx, checked)
    for number, facts in enumerate(told_rules(found.policy, found.facts, found.outcomes), start=1):
        yield Item(kind="rule", subject=facts["id"] or str(number), facts=facts)
    decision = found.decision
    yield Summary(
        ok=True,
        facts={
            "decision": decision_document(decision),
            "text": list(denial_lines(decision)) if decision.effect.refuses else [],
            "facts": facts_document(found.facts),
            "policy": {"revision": found.policy.revision, "select": found.policy.select},
        },
    )


async def diff(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `change`. Raises Invalid for a policy that is none, Unavailable for a broken ledger."""
    given = params_as(DiffParams, params)
    wall, records = _wall(works), records_of(works)
    new = _parsed(given.new)
    old = wall.policy if given.old is None else _parsed(given.old)
    await records.settle()
    owners = records.owners()
    versions = uses = changes = 0
    async for batch in records.consumers.in_use(since=given.since):
        for each in batch:
            versions += 1
            if not (old.touches(each.path) or new.touches(each.path)):
                continue
            users = await records.consumers.users(each.path, [each.version])
            for use in users:
                uses += 1
                ctx = Context(consumer=use.consumer, groups=owners.groups(use.consumer), background=True)
                facts = await wall.facts(ctx, each, old.needs | new.needs)
                change = compare(old, new, facts, waivers=wall.waivers, now=works.clock())
                if change is not None:
                    changes += 1
                    yield Item(kind="change", subject=f"{use.path}@{use.version}", facts=change)
            if versions % _EVERY == 0:
                yield Progress(done=versions, now=str(each))
    counts = {"versions": versions, "uses": uses, "changes": changes}
    yield Summary(ok=True, facts=counts | {"old": old.revision, "new": new.revision})


async def show(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """A summary alone: what is in force, since when, and what is wrong with the file."""
    params_as(ShowParams, params)
    wall = _wall(works)
    policy, now = wall.policy, works.clock()
    # Since when, and what is wrong with the file, only a running server can say.
    status = ((await works.status()).get("policy") or {}) if works.serving else {}
    rules = [{"id": rule.id, "effect": rule.effect.value, "mode": rule.mode.value} for rule in policy.rules]
    yield Summary(
        ok=not status.get("error"),
        facts={
            "configured": policy is not ALLOW_ALL,
            "revision": policy.revision,
            "select": policy.select,
            "default": policy.default.value,
            "contact": policy.contact,
            "rules": rules,
            "waivers": [
                {
                    "id": each.id,
                    "modules": each.pattern,
                    "owner": each.owner,
                    "expires": each.expires,
                    "expired": each.expires <= now,
                }
                for each in (*policy.waivers, *wall.waivers)
            ],
            "file": status.get("file", ""),
            "since": status.get("loaded_at", 0.0),
            "error": status.get("error", ""),
        },
    )


def _as_consumer(works: Works, given: ExplainParams) -> Context:
    """A request of the consumer, who is known by the name that is kept and belongs to its teams."""
    consumer, groups = given.consumer, frozenset(given.groups)
    if works.records is not None and consumer:
        consumer = works.records.name_of(consumer)
        groups |= works.records.owners().groups(consumer)
    return Context(consumer=consumer, groups=groups, background=True)


def _wall(works: Works) -> Firewall:
    if works.firewall is None:
        raise Absent(
            "no firewall stands here", next_step="`policy.file` in the configuration names a policy."
        )
    return works.firewall


def _parsed(document: _Document) -> Policy:
    return parse_policy(document.text, form=document.form, name=document.name)
