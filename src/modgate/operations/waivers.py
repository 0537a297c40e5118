"""`modgate waivers`: exemptions beside those of the policy file. Each has an owner, a reason and an end."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.model.decisions import Waiver
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as
from modgate.operations.records import records_of
from modgate.policy.waivers import check_waiver, in_force

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["grant", "list_", "revoke"]

_MAX_TEXT = 1000
_MAX_DAYS = 3 * 366 * 86400.0


class ListParams(msgspec.Struct, forbid_unknown_fields=True):
    """`ended`: also those that have ended or were revoked."""

    ended: bool = False


class GrantParams(msgspec.Struct, forbid_unknown_fields=True):
    """A waiver (`model.decisions.Waiver`); `expires` in Unix seconds."""

    pattern: str
    owner: str
    reason: str
    expires: float
    versions: str = ""
    advisory: str = ""
    rule: str = ""
    consumers: list[str] = []


class RevokeParams(msgspec.Struct, forbid_unknown_fields=True):
    """Which."""

    id: str


async def list_(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `waiver`, by expiry."""
    given = params_as(ListParams, params)
    now, told = works.clock(), 0
    for each in await records_of(works).waivers.waivers(at=None if given.ended else now):
        told += 1
        yield Item(kind="waiver", subject=each.id, facts=_facts(each, now))
    yield Summary(ok=True, facts={"waivers": told})


async def grant(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Item `waiver`. Raises Invalid for what is no waiver, or has no owner, reason or end ahead."""
    given = params_as(GrantParams, params)
    now = works.clock()
    for name in ("pattern", "owner", "reason"):
        value = getattr(given, name).strip()
        if not value or len(value) > _MAX_TEXT or not value.isprintable():
            raise Invalid(f"a waiver needs {name}: one line of text")
    if not now < given.expires <= now + _MAX_DAYS:
        raise Invalid("a waiver ends in the future, within three years", next_step="--expires 30d")
    waiver = Waiver(
        id=f"w-{secrets.token_hex(6)}",
        pattern=given.pattern.strip(),
        owner=given.owner.strip(),
        reason=given.reason.strip(),
        expires=given.expires,
        versions=given.versions.strip(),
        advisory=given.advisory.strip(),
        rule=given.rule.strip(),
        consumers=tuple(given.consumers),
        created=now,
    )
    check_waiver(waiver)
    records = records_of(works)
    await records.waivers.grant(waiver)
    await records.changed_waivers()
    yield Item(kind="waiver", subject=waiver.id, facts=_facts(waiver, now))
    yield Summary(ok=True, facts={"id": waiver.id})


async def revoke(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Item `revoked`; not ok where it was not there, or had ended."""
    given = params_as(RevokeParams, params)
    records = records_of(works)
    done = await records.waivers.revoke(given.id, at=works.clock())
    if done:
        await records.changed_waivers()
        yield Item(kind="revoked", subject=given.id)
    yield Summary(ok=done, facts={"revoked": int(done)})


def _facts(waiver: Waiver, now: float) -> dict[str, Any]:
    return {
        "id": waiver.id,
        "pattern": waiver.pattern,
        "versions": waiver.versions,
        "advisory": waiver.advisory,
        "rule": waiver.rule,
        "consumers": list(waiver.consumers),
        "owner": waiver.owner,
        "reason": waiver.reason,
        "created": waiver.created,
        "expires": waiver.expires,
        "revoked": waiver.revoked,
        "in_force": in_force(waiver, now),
    }
