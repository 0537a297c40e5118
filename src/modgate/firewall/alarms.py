"""Messages about what happens: denials, alerts, waivers that end, a broken policy, a scanner's refusal.

Each has a key that says when it is the same thing again: a decision by its id, a waiver by its end, an alert
and a broken policy by what they say and the day, so that what lasts is told once a day and not for ever
once.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from modgate.firewall.subscriptions import NOBODY, subscribers
from modgate.model.decision import Effect, Mode
from modgate.model.outbox import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modgate.firewall.notices import Settings
    from modgate.firewall.subscriptions import Owners, Subscription
    from modgate.gomod.types import ModuleVersion
    from modgate.model.decision import Decision
    from modgate.model.decisions import Waiver
    from modgate.model.sightings import ScanVerdict

__all__ = ["Alarms"]

_DAY = 86400.0
_EXPIRED_FOR = 7 * _DAY


class Alarms:
    """Makes messages; nothing here waits or keeps anything.

    Args:
        clock: Unix seconds.
        settings: Who hears of what; asked each time.
        owners: What is known of consumers; likewise.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        settings: Callable[[], Settings],
        owners: Callable[[], Owners] = lambda: NOBODY,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._owners = owners

    def of_decision(self, decision: Decision) -> tuple[Message, ...]:
        """What is told of a decision that is new: a refusal, a warning, and what a canary will refuse to
        those who are not in it yet. A rule that is only tried (dry-run) disturbs nobody.
        """
        effect = decision.effect
        other_arm = decision.mode is Mode.CANARY and effect is Effect.ALLOW and decision.would.refuses
        if not decision.id or not (
            effect is Effect.WARN or effect.refuses or (other_arm and not decision.waiver)
        ):
            return ()
        version = {"module": decision.path, "version": decision.version, "fixed": decision.fixed}
        body: dict[str, Any] = {
            "effect": str(effect),
            "versions": [version],
            "reason": decision.reason,
            "rule": decision.rule,
            "decision": decision.id,
            "policy": decision.revision,
            "advisories": list(decision.advisories),
            "ask": decision.contact or self._settings().ask,
        }
        if decision.advisories:
            body["severity"] = str(decision.severity)
        if other_arm:
            body["would"] = str(decision.would)
        return self._about("denied", f"denied:{decision.id}", decision.consumer, body)

    def of_alert(self, kind: str, subject: str, text: str) -> tuple[Message, ...]:
        """Something that a person must hear of: the kinds are those of the ledger's alerts."""
        body = {"alert": {"kind": kind, "subject": subject, "text": text}}
        return self._about("tampered", f"tampered:{self._today(kind, subject, text)}", "", body)

    def of_broken_policy(self, error: str, where: str) -> tuple[Message, ...]:
        """The policy's file cannot be read."""
        key = f"policy-broken:{self._today(error, where)}"
        return self._about("policy-broken", key, "", {"reason": error, "where": where})

    def of_scan(self, version: ModuleVersion, verdict: ScanVerdict) -> tuple[Message, ...]:
        """A scanner refused a version; nothing for one that it released."""
        if verdict.clean:
            return ()
        body = {
            "versions": [{"module": version.path, "version": version.version}],
            "reason": verdict.summary,
            "scan": {"scanner": verdict.scanner, "h1": verdict.h1},
        }
        return self._about("scan", f"scan:{verdict.h1}:{verdict.scanner}", "", body)

    def of_waivers(self, waivers: Iterable[Waiver], *, before: float) -> list[Message]:
        """Those that end within `before` seconds, or have ended lately: each once.

        One that was granted for a short time is told of when half of it is over, not at once.
        """
        now = self._clock()
        messages: list[Message] = []
        for waiver in waivers:
            if waiver.revoked:
                continue
            begins = max(waiver.expires - before, (waiver.created + waiver.expires) / 2)
            if waiver.expires <= now < waiver.expires + _EXPIRED_FOR:
                messages += self._of_waiver("waiver-expired", waiver)
            elif begins <= now < waiver.expires:
                messages += self._of_waiver("waiver-expiring", waiver)
        return messages

    def _of_waiver(self, event: str, waiver: Waiver) -> tuple[Message, ...]:
        covers = f"{waiver.pattern} {waiver.versions}".strip()
        facts = {
            "id": waiver.id,
            "covers": " ".join(each for each in (covers, waiver.advisory, waiver.rule) if each),
            "consumers": list(waiver.consumers),
            "owner": waiver.owner,
            "reason": waiver.reason,
            "expires": int(waiver.expires),
        }
        key = f"{event}:{waiver.id}:{int(waiver.expires)}"
        owners, settings = self._owners(), self._settings()
        targets = [each.name for each in settings.subscriptions if _concerned(each, event, waiver, owners)]
        now = self._clock()
        return tuple(Message(target, key, event, now, "", {"waiver": facts}) for target in targets)

    def _about(self, event: str, key: str, consumer: str, body: Mapping[str, Any]) -> tuple[Message, ...]:
        owners, settings = self._owners(), self._settings()
        targets = subscribers(settings.subscriptions, event, consumer, owners)
        told = {name: value for name, value in body.items() if value not in ("", [])}
        if consumer and (contact := owners.contact_of(consumer)):
            told["contact"] = contact
        now = self._clock()
        return tuple(Message(target, key, event, now, consumer, told) for target in targets)

    def _today(self, *texts: str) -> str:
        digest = hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=10).hexdigest()
        return f"{digest}:{int(self._clock() // _DAY)}"


def _concerned(subscription: Subscription, event: str, waiver: Waiver, owners: Owners) -> bool:
    """The operators hear of every waiver; who hears of a consumer hears of those that name it."""
    if subscription.wants(event):
        return True
    return subscription.hears(event) and any(
        each in subscription.consumers or subscription.wants(event, each, owners.groups_of(each))
        for each in waiver.consumers
    )
