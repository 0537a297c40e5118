"""What `modgate status` says of advisories and webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from modgate.cli.durations import span_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modgate.messages import Catalogue

__all__ = ["advisories_lines", "webhooks_lines"]


def advisories_lines(advisories: Mapping[str, Any], say: Catalogue, *, now: float) -> Iterator[Text]:
    """How many are known, and how each database is."""
    if not advisories.get("databases"):
        return
    if not advisories.get("loaded"):
        yield Text(say("status.advisories.reading"))
    elif not advisories.get("digest"):
        yield Text(f"! {say('status.advisories.none')}", style="yellow")
    else:
        yield Text(say("status.advisories.known", count=f"{advisories['advisories']:,}"))
    if advisories.get("without_severity"):
        yield Text(f"! {say('status.advisories.without_severity')}", style="yellow")
    for database in advisories["databases"]:
        checked = database.get("checked_at")
        words = [str(database["source"])]
        if checked:
            words.append(say("status.advisories.checked", time=span_text(max(0.0, now - checked), say)))
        yield Text(" · ".join(words))
        if database.get("error"):
            yield Text(f"  ! {database['error']}", style="yellow")


def webhooks_lines(webhooks: Sequence[Mapping[str, Any]], say: Catalogue) -> Iterator[Text]:
    """What waits and what was given up, by webhook."""
    for each in webhooks:
        counts = {name: f"{each[name]:,}" for name in ("waiting", "delivered", "dead")}
        yield Text(f"{each['name']} · {say('status.webhooks.line', **counts)}")
        if not each["configured"]:
            yield Text(f"  ! {say('status.webhooks.gone')}", style="yellow")
        if each.get("error"):
            yield Text(f"  ! {each['error']}", style="yellow")
        if each["dead"]:
            yield Text(f"  ! {say('status.webhooks.dead')}", style="yellow")
