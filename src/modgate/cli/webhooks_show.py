"""How webhooks and their messages look: a table of each for people, one document for programs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["listing", "message", "show_listing", "show_message"]


def listing(items: Sequence[Item], summary: Summary, _say: Catalogue) -> None:
    """The list for a program."""
    webhooks = [{"name": each.subject, **each.facts} for each in items if each.kind == "webhook"]
    messages = [{"number": int(each.subject), **each.facts} for each in items if each.kind == "message"]
    print_json({"schema": 1, **summary.facts, "rows": webhooks, "messages": messages})


def show_listing(items: Sequence[Item], _summary: Summary, say: Catalogue) -> None:
    """The webhooks with what waits for each, then messages."""
    out = console()
    webhooks = [each for each in items if each.kind == "webhook"]
    if not webhooks:
        out.print(say("webhooks.text.none"))
        return
    table = _table(say, ("name", "format", "waiting", "delivered", "dead"), numbers=3)
    for each in webhooks:
        facts = each.facts
        form = facts.get("format") or say("webhooks.text.gone")
        numbers = [str(facts[state]) for state in ("waiting", "delivered", "dead")]
        table.add_row(*map(Text, (each.subject, form, *numbers)))
    out.print(table)
    for each in webhooks:
        if each.facts.get("error"):
            out.print(Text(f"{each.subject}: {each.facts['error']}", style="red"))
    messages = [each for each in items if each.kind == "message"]
    if not messages:
        return
    out.print()
    table = _table(say, ("number", "at", "webhook", "event", "consumer", "state"))
    for each in messages:
        facts = each.facts
        cells = (facts["webhook"], facts["event"], facts["consumer"] or "–", _state(facts, say))
        table.add_row(*map(Text, (each.subject, _moment(facts["at"]), *cells)))
    out.print(table)


def message(item: Item, _say: Catalogue) -> None:
    """One message for a program."""
    print_json({"schema": 1, "number": int(item.subject), **item.facts})


def show_message(item: Item, say: Catalogue) -> None:
    """One message for people: where it stands, then what it says."""
    facts, out = item.facts, console()
    rows = [
        ("number", item.subject),
        ("id", facts["id"]),
        ("webhook", facts["webhook"]),
        ("event", facts["event"]),
        ("consumer", facts["consumer"]),
        ("at", f"{_moment(facts['at'])} UTC"),
        ("state", _state(facts, say)),
        ("error", facts["error"]),
    ]
    if facts["state"] == "waiting" and facts["next_at"]:
        rows.append(("next", f"{_moment(facts['next_at'])} UTC"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in rows:
        if value:
            table.add_row(Text(say(f"webhooks.head.{name}")), Text(value, overflow="fold"))
    out.print(table)
    out.print()
    body = json.dumps(facts["body"], indent=2, ensure_ascii=False)
    out.print(Text(body, overflow="fold"))


def _table(say: Catalogue, names: Sequence[str], *, numbers: int = 0) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, name in enumerate(names):
        right = place >= len(names) - numbers
        table.add_column(say(f"webhooks.head.{name}"), justify="right" if right else "left", overflow="fold")
    return table


def _state(facts: dict[str, Any], say: Catalogue) -> str:
    state = say(f"webhooks.state.{facts['state']}")
    return say("webhooks.text.tried", state=state, count=facts["attempts"]) if facts["attempts"] else state


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
