"""`mirrors ls --json`: what is known of mirrors as one document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.client.mirrors.known import bogus_mirrors, data_date, known_mirrors

if TYPE_CHECKING:
    from modgate.messages import Catalogue

__all__ = ["listing"]


def listing(say: Catalogue) -> dict[str, Any]:
    """Statements are marked `stated` where they have a source, else `unverified`."""
    return {
        "schema": 1,
        "kind": "modgate-mirrors-known",
        "date": data_date(),
        "mirrors": [
            {
                "name": mirror.name,
                "url": mirror.url,
                "operator": mirror.operator,
                "facts": [
                    {
                        "field": fact.field,
                        "value": fact.value,
                        "mark": "stated" if fact.verified else "unverified",
                        "date": fact.date,
                        "source": fact.source,
                    }
                    for fact in mirror.facts
                ],
                "notes": [say(f"mirrors.note.{note}") for note in mirror.notes],
            }
            for mirror in known_mirrors()
        ],
        "bogus": [
            {
                "url": entry.url,
                "reason": say.say(entry.reason),
                "instead": entry.instead,
                "date": entry.date,
                "source": entry.source,
            }
            for entry in bogus_mirrors()
        ],
    }
