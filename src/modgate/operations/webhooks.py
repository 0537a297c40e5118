"""`modgate webhooks`: what waits for each webhook, one message, sending again what was given up, a test.

Items `webhook` (a row for each that is configured, or gone and has messages) and `message`. Nothing here
tells an address or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from modgate.errors import Absent, Invalid, Unavailable
from modgate.model.operations import Item, Summary
from modgate.notify.sign import message_id
from modgate.operations.params import params_as

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping

    from modgate.model.operations import Event
    from modgate.model.outbox import Delivery, Outbox
    from modgate.notify.judged import Attempt
    from modgate.operations.works import Works

__all__ = ["Webhooks", "list_", "replay", "show", "test"]

_STATES = ("waiting", "delivered", "dead")
_NUMBERS = 1 << 63
"""Numbers of messages are smaller: what databases call an integer."""


class Webhooks(Protocol):
    """The webhooks of a gate."""

    outbox: Outbox

    def configured(self) -> Mapping[str, Mapping[str, Any]]:
        """What may be told of each, by name."""

    def wake(self) -> None:
        """Messages wait again."""

    async def test(self, name: str) -> Attempt:
        """Send a test message once. Raises KeyError for a name that is none, ModgateError."""


class ListParams(msgspec.Struct, forbid_unknown_fields=True):
    """Which messages are listed beside the webhooks: of a state, of a webhook, the newest so many."""

    state: Literal["", "waiting", "delivered", "dead", "all"] = ""
    target: str = ""
    limit: int = 20


class ShowParams(msgspec.Struct, forbid_unknown_fields=True):
    """The number of a message."""

    number: int


class ReplayParams(msgspec.Struct, forbid_unknown_fields=True):
    """Which dead messages: one, those of a webhook, or all; exactly one of these."""

    number: int | None = None
    target: str = ""
    all: bool = False


class TestParams(msgspec.Struct, forbid_unknown_fields=True):
    """The name of a webhook."""

    name: str


async def list_(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """The webhooks, and the newest messages that were not delivered (or of the state asked for). Raises
    Absent for a webhook that is none.
    """
    asked, webhooks = params_as(ListParams, params), _webhooks(works)
    if not 0 <= asked.limit <= 10_000:
        raise Invalid("a limit is between 0 and 10000")
    counts, configured = await webhooks.outbox.counts(), webhooks.configured()
    names = dict.fromkeys([*configured, *sorted({target for target, _ in counts})])
    _check_known(asked.target, names, configured)
    for name in names:
        if asked.target in {"", name}:
            numbers = {state: counts.get((name, state), 0) for state in _STATES}
            facts = {"configured": name in configured, **numbers, **configured.get(name, {})}
            yield Item(kind="webhook", subject=name, facts=facts)
    states = {"": ("waiting", "dead"), "all": _STATES}.get(asked.state, (asked.state,))
    found = [
        delivery
        for state in states
        for delivery in await webhooks.outbox.deliveries(state=state, target=asked.target, limit=asked.limit)
    ]
    for delivery in sorted(found, key=lambda each: -each.number)[: asked.limit]:
        yield Item(kind="message", subject=str(delivery.number), facts=_facts(delivery))
    totals = {state: sum(count for (_, its), count in counts.items() if its == state) for state in _STATES}
    yield Summary(ok=True, facts={"webhooks": len(configured), **totals})


async def show(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """One message with its body. Raises Absent."""
    asked, webhooks = params_as(ShowParams, params), _webhooks(works)
    delivery = await webhooks.outbox.delivery(asked.number) if 0 < asked.number < _NUMBERS else None
    if delivery is None:
        raise Absent(f"there is no message {asked.number}", next_step="modgate webhooks list --state all")
    facts = _facts(delivery) | {"key": delivery.message.key, "body": dict(delivery.message.body)}
    yield Item(kind="message", subject=str(delivery.number), facts=facts)
    yield Summary(ok=True)


async def replay(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Messages that were given up wait again; not ok where a number names none. Raises Invalid, and
    Absent for a webhook that is none.
    """
    asked, webhooks = params_as(ReplayParams, params), _webhooks(works)
    if (asked.number is not None) + bool(asked.target) + asked.all != 1:
        raise Invalid("name a message, a webhook, or all of them")
    configured = webhooks.configured()
    if asked.target not in configured:
        _check_known(asked.target, {target for target, _ in await webhooks.outbox.counts()}, configured)
    count = 0
    if asked.number is None or 0 < asked.number < _NUMBERS:
        count = await webhooks.outbox.replay(target=asked.target, number=asked.number, at=works.clock())
    webhooks.wake()
    yield Summary(ok=bool(count) or asked.number is None, facts={"replayed": count})


async def test(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """A test message is sent once, at once; not ok where it was not taken. Raises Absent."""
    asked, webhooks = params_as(TestParams, params), _webhooks(works)
    try:
        attempt = await webhooks.test(asked.name)
    except KeyError:
        raise _no_webhook(asked.name, webhooks.configured()) from None
    yield Summary(ok=not attempt.error, facts={"webhook": asked.name, "error": attempt.error})


def _check_known(name: str, known: Collection[str], configured: Collection[str]) -> None:
    """Raises Absent for a webhook that is neither configured nor has messages; an empty name means all."""
    if name and name not in known:
        raise _no_webhook(name, configured)


def _no_webhook(name: str, configured: Collection[str]) -> Absent:
    told = ", ".join(configured) or "none"
    return Absent(f"no webhook {name[:64]!r}", next_step=f"Configured are: {told}.")


def _webhooks(works: Works) -> Webhooks:
    if works.webhooks is None:
        raise Unavailable("this gate has no webhooks")
    return works.webhooks


def _facts(delivery: Delivery) -> dict[str, Any]:
    message = delivery.message
    return {
        "id": message_id(message),
        "webhook": message.target,
        "event": message.event,
        "consumer": message.consumer,
        "at": message.at,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "error": delivery.error,
    }
