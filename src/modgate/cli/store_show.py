"""How a store looks: rows of 80 columns for people, one document for programs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console, print_json
from modgate.cli.status_show import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = [
    "listing",
    "pins",
    "removal",
    "show_listing",
    "show_pins",
    "show_removal",
    "show_usage",
    "usage",
]

_SHOWN = 200
_DAY = 86400.0


def listing(items: Sequence[Item], summary: Summary) -> None:
    """The list for a program."""
    rows = [{"subject": each.subject, **each.facts} for each in items]
    print_json({"schema": 1, **summary.facts, "rows": rows})


def show_listing(items: Sequence[Item], summary: Summary, say: Catalogue) -> None:
    """The list for people: the name, then what is known of it on one line."""
    out = console()
    if not items:
        out.print(say("store.text.nothing"))
        return
    of_versions = items[0].kind == "version"
    table = _table()
    table.add_column(say(f"store.head.{items[0].kind}"), overflow="fold")
    if not of_versions:
        table.add_column(say("store.head.versions"), justify="right")
    table.add_column(say("store.head.size"), justify="right", no_wrap=True)
    table.add_column(say("store.head.used"), justify="right", no_wrap=True)
    table.add_column(say("store.head.verified"), no_wrap=True)
    table.add_column("", no_wrap=True)
    now = time.time()
    for each in items:
        facts = each.facts
        name = each.subject if not facts.get("scope") else f"{each.subject} ({say('store.text.scope')})"
        count = [] if of_versions else [str(facts["versions"])]
        proved = ", ".join(facts["verified"]) or "–"
        cells = [name, *count, size_text(facts["bytes"]), _ago(now - facts["used_at"], say), proved]
        table.add_row(*map(Text, cells), Text(_held(facts, say)))
    out.print(table)
    shown, matched = summary.facts["shown"], summary.facts["matched"]
    size = size_text(summary.facts["bytes"])
    out.print()
    out.print(say("store.text.total", count=matched, objects=summary.facts["objects"], size=size))
    if shown < matched:
        out.print(say("store.text.more", count=matched - shown))


def usage(items: Sequence[Item], summary: Summary) -> None:
    """The measure for a program."""
    rows = [{"prefix": each.subject, **each.facts} for each in items]
    print_json({"schema": 1, **summary.facts, "rows": rows})


def show_usage(items: Sequence[Item], summary: Summary, say: Catalogue) -> None:
    """The measure for people."""
    out = console()
    facts = summary.facts
    if items:
        table = _table()
        table.add_column(say("store.head.prefix"), overflow="fold")
        table.add_column(say("store.head.objects"), justify="right")
        table.add_column(say("store.head.size"), justify="right", no_wrap=True)
        for each in items:
            row = (each.subject, str(each.facts["objects"]), size_text(each.facts["bytes"]))
            table.add_row(*map(Text, row))
        out.print(table)
        if len(items) < facts["prefixes"]:
            out.print(say("store.text.more", count=facts["prefixes"] - len(items)))
        out.print()
    kinds = _table()
    kinds.add_column(say("store.head.kind"))
    kinds.add_column(say("store.head.objects"), justify="right")
    kinds.add_column(say("store.head.size"), justify="right", no_wrap=True)
    for kind, of_kind in sorted(facts["kinds"].items(), key=lambda each: -each[1]["bytes"]):
        kinds.add_row(say(f"store.kind.{kind}"), str(of_kind["objects"]), size_text(of_kind["bytes"]))
    kinds.add_row(say("store.kind.all"), str(facts["objects"]), size_text(facts["bytes"]), style="bold")
    out.print(kinds)
    out.print()
    out.print(_limit(facts, say))


def _limit(facts: dict[str, Any], say: Catalogue) -> str:
    if not facts["limit"]:
        return say("store.text.unlimited")
    limit = size_text(facts["limit"])
    if facts["used"] is None:
        return say("store.text.counting", limit=limit)
    used, free = size_text(facts["used"]), size_text(facts["free"])
    lines = [say("store.text.limit", limit=limit, used=used, free=free)]
    if facts["evictions"]:
        size = size_text(facts["evicted_bytes"])
        lines.append(say("store.text.evicted", count=facts["evictions"], size=size))
    return "\n".join(lines)


def removal(items: Sequence[Item], summary: Summary) -> None:
    """What was removed, for a program."""
    rows = [{"kind": each.kind, "subject": each.subject, **each.facts} for each in items]
    print_json({"schema": 1, **summary.facts, "rows": rows})


def show_removal(items: Sequence[Item], summary: Summary, say: Catalogue) -> None:
    """What was or would be removed, for people."""
    out = console()
    now = time.time()
    if items:
        table = _table()
        table.add_column("", no_wrap=True)
        table.add_column(say("store.head.version"), overflow="fold")
        table.add_column(say("store.head.size"), justify="right", no_wrap=True)
        table.add_column(say("store.head.used"), justify="right", no_wrap=True)
        for each in items[:_SHOWN]:
            what = say(f"store.why.{each.facts.get('why') or each.kind}")
            style = "yellow" if each.kind == "refused" else ""
            size, used = size_text(each.facts["bytes"]), _ago(now - each.facts["used_at"], say)
            table.add_row(Text(what), Text(each.subject), size, used, style=style)
        out.print(table)
        if len(items) > _SHOWN:
            out.print(say("store.text.more", count=len(items) - _SHOWN))
        out.print()
    facts = summary.facts
    if not facts["versions"]:
        out.print(say("store.text.removed_nothing"))
    else:
        key = "store.text.would" if facts["dry_run"] else "store.text.removed"
        out.print(say(key, count=facts["versions"], objects=facts["objects"], size=size_text(facts["bytes"])))
    for why in sorted(facts["refused"]):
        out.print(say(f"store.text.refused_{why}", count=facts["refused"][why]))


def pins(items: Sequence[Item], summary: Summary) -> None:
    """Pins, for a program."""
    rows = [{"kind": each.kind, "subject": each.subject, **each.facts} for each in items]
    print_json({"schema": 1, "ok": summary.ok, **summary.facts, "rows": rows})


def show_pins(items: Sequence[Item], say: Catalogue) -> None:
    """Pins, or what became of them, for people."""
    out = console()
    if not items:
        out.print(say("store.text.no_pins"))
    if items and items[0].kind == "pin":
        table = _table()
        table.add_column(say("store.head.pinned"), overflow="fold")
        table.add_column(say("store.head.since"), no_wrap=True)
        table.add_column(say("store.head.note"), overflow="fold")
        for each in items:
            since = time.strftime("%Y-%m-%d", time.localtime(each.facts["pinned_at"]))
            table.add_row(Text(each.subject), since, Text(each.facts["note"]))
        out.print(table)
        return
    for each in items:
        key = each.kind if each.kind != "pinned" or each.facts["new"] else "known"
        out.print(say(f"store.text.pin_{key}", subject=each.subject))


def _held(facts: dict[str, Any], say: Catalogue) -> str:
    words = [say("store.text.pinned")] if facts["pinned"] else []
    return ", ".join([*words, say("store.text.kept")] if facts["kept"] else words)


def _ago(seconds: float, say: Catalogue) -> str:
    """How long ago, to the largest unit: nothing finer is known of a use."""
    if seconds < 3600:
        return say("store.ago.now")
    if seconds < _DAY:
        return say("store.ago.hours", count=int(seconds // 3600))
    return say("store.ago.days", count=int(seconds // _DAY))


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
