"""Who hears of what: a webhook subscribes to kinds of events, and to consumers.

A webhook that names consumers hears of those alone; what concerns no consumer (a tampered file, a broken
policy) goes to webhooks that name none, which are the operators'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modgate.policy.selectors import consumer_matches

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NOBODY", "Owners", "Subscription", "subscribers"]

_KINDS = {"waiver-expiring": "waiver", "waiver-expired": "waiver", "policy-broken": "policy"}


class Owners(Protocol):
    """What is known of consumers beside their names."""

    def contact_of(self, consumer: str) -> str:
        """Where to reach it; empty where nobody said."""

    def groups_of(self, consumer: str) -> frozenset[str]:
        """The teams and groups that it belongs to."""


class _Nobody:
    def contact_of(self, consumer: str) -> str:  # noqa: ARG002  as the protocol has it
        return ""

    def groups_of(self, consumer: str) -> frozenset[str]:  # noqa: ARG002  likewise
        return frozenset()


NOBODY: Owners = _Nobody()
"""No consumer is known."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a webhook wants to hear.

    Attributes:
        name: The webhook.
        events: `advisory`, `denied`, `tampered`, `waiver`, `policy`, `scan`; none: all of them.
        consumers: Names, globs, networks, teams; none: everybody and the operators.
    """

    name: str
    events: frozenset[str] = frozenset()
    consumers: tuple[str, ...] = ()

    def hears(self, event: str) -> bool:
        """Whether it hears of such events at all."""
        return not self.events or _KINDS.get(event, event) in self.events

    def wants(self, event: str, consumer: str = "", groups: frozenset[str] = frozenset()) -> bool:
        """Whether it hears of a message about a consumer (empty: about none)."""
        if not self.hears(event):
            return False
        if not self.consumers:
            return True
        return bool(consumer) and any(
            each in groups or consumer_matches(each, consumer) for each in self.consumers
        )


def subscribers(
    subscriptions: Iterable[Subscription], event: str, consumer: str, owners: Owners
) -> list[str]:
    """The webhooks that hear of a message."""
    groups = owners.groups_of(consumer) if consumer else frozenset()
    return [each.name for each in subscriptions if each.wants(event, consumer, groups)]
