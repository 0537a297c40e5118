"""How the facts of a server look: one screen of 80 columns, what is wrong in a colour and in words.

Every fact may be missing, because the server asked may be of another version: then its row is.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modgate.cli.durations import span_text
from modgate.cli.status_firewall import advisories_lines, webhooks_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rich.console import RenderableType

    from modgate.errors import ModgateError
    from modgate.messages import Catalogue

__all__ = ["Watched", "picture", "resting", "size_text", "span_text"]

Facts = dict[str, Any]

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
_SHOWN_ALERTS = 5
_LATE = 3600.0
_SEPARATOR = " · "


class Watched:
    """What was heard last, and since when nothing was."""

    def __init__(self, say: Catalogue) -> None:
        self._say = say
        self._facts: Facts | None = None
        self._error = ""
        self._since = 0.0
        self._back = 0.0
        self._now = 0.0

    def round(self, ask: Callable[[], Facts], error: type[ModgateError], clock: Callable[[], float]) -> None:
        """Ask once more."""
        try:
            facts = ask()
        except error as why:
            self._now = clock()
            self._since = self._since or self._now
            self._error = str(why)
            return
        self._now = clock()
        if self._since and self._facts is not None:
            self._back = self._now
        self._facts, self._since = facts, 0.0

    def picture(self) -> RenderableType:
        """The newest facts, dimmed while the server is away."""
        say = self._say
        if self._since:
            head = Text(f"✗ {say('status.watch.away', time=_clock(self._since))}: ", style="bold red")
            head.append(self._error, style="red")
            if self._facts is None:
                return head
            older = picture(self._facts, say, now=self._now)
            return Group(head, Text(say("status.watch.older"), style="dim"), Text(), _Dimmed(older))
        assert self._facts is not None
        shown = picture(self._facts, say, now=self._now)
        if not self._back:
            return shown
        return Group(shown, Text(f"{say('status.watch.back', time=_clock(self._back))}", style="yellow"))


class _Dimmed:
    """Something as it was, in grey."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        for segment in console.render(self._inner, options):
            style = console.get_style("dim")
            yield segment if segment.control else type(segment)(segment.text, style)


def picture(facts: Facts, say: Catalogue, *, now: float) -> RenderableType:
    """All of it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, lines in _rows(facts, say, now):
        for number, line in enumerate(lines):
            grid.add_row(say(f"status.head.{name}") if not number else "", line)
    return Group(_title(facts, say), grid)


def _title(facts: Facts, say: Catalogue) -> Text:
    title = Text("modgate ", style="bold")
    title.append(str(facts.get("version", "?")), style="bold")
    parts = [facts.get("listen", "")]
    if (seconds := facts.get("uptime_seconds")) is not None:
        parts.append(say("status.title.running", time=span_text(seconds, say)))
    if (pid := facts.get("pid")) is not None:
        parts.append(say("status.title.pid", pid=pid))
    for part in filter(None, parts):
        title.append(f"{_SEPARATOR}{part}", style="")
    return title


def _rows(facts: Facts, say: Catalogue, now: float) -> Iterator[tuple[str, list[RenderableType]]]:
    """Heading and lines of each part that the facts hold."""
    parts: tuple[tuple[str, str, Callable[[Any, Catalogue], Iterable[RenderableType]]], ...] = (
        ("requests", "requests", _requests),
        ("upstreams", "upstreams", _upstreams),
        ("store", "store", _store),
        ("memory", "memory_cache", _memory),
        ("ledger", "ledger", _ledger),
        ("log", "checksum_log", _log),
        ("index", "index", _index),
        ("policy", "policy", _policy),
        ("advisories", "advisories", partial(advisories_lines, now=now)),
        ("webhooks", "webhooks", webhooks_lines),
        ("process", "process", _process),
    )
    for heading, name, shown in parts:
        if name == "upstreams" and "fills" in facts:
            yield "work", [_work(facts, say)]
        if facts.get(name):
            yield heading, list(shown(facts[name], say))
    if facts.get("config"):
        yield "config", list(_config(facts["config"], say, now))
    if facts.get("problems") is not None:
        yield "problems", list(_problems(facts["problems"], say))
    if facts.get("alerts") is not None:
        yield "alerts", list(_alerts(facts["alerts"], say))


def _requests(requests: Facts, say: Catalogue) -> Iterable[RenderableType]:
    for span in ("since_start", "last_minute"):
        found = requests.get(span)
        if found is None:
            continue
        line = Text(say(f"status.requests.{span}", count=f"{found['answers']:,}"))
        if found["hit_rate"] is not None:
            line.append(_SEPARATOR)
            line.append(say("status.requests.hits", rate=_percent(found["hit_rate"])))
        line.append(f"{_SEPARATOR}{size_text(found['bytes'])}")
        if found["errors"]:
            line.append(_SEPARATOR)
            line.append(say("status.requests.errors", count=f"{found['errors']:,}"), style="red")
        yield line


def _percent(rate: float) -> str:
    """One digit after the point, and never 100 % of what is less."""
    return f"{rate if rate == 1 else min(rate, 0.9994):.1%}".replace("%", " %")


def _work(facts: Facts, say: Catalogue) -> Text:
    line = say("status.work.fills", count=facts["fills"]["under_way"])
    ahead = facts.get("prefetch")
    if ahead is None:
        return Text(line)
    return Text(
        f"{line}{_SEPARATOR}"
        + say("status.work.prefetch", count=ahead["under_way"], queued=ahead["queued"])
        + _SEPARATOR
        + say("status.work.unused", size=size_text(ahead["unused_bytes"]))
    )


def _upstreams(upstreams: list[Facts], say: Catalogue) -> Iterable[RenderableType]:
    for each in upstreams:
        yield from _upstream(each, say)


def _upstream(each: Facts, say: Catalogue) -> Iterable[RenderableType]:
    state = each.get("state", "closed")
    mark, style = {"closed": ("✓", "green"), "trial": ("!", "yellow")}.get(state, ("✗", "red"))
    head = Text(f"{mark} ", style=style).append(each["url"], style="" if state == "closed" else style)
    yield head
    if "state" not in each:
        return
    parts = []
    if each.get("p50_seconds") is not None:
        p50, p99 = _seconds(each["p50_seconds"]), _seconds(each["p99_seconds"])
        parts.append(say("status.upstream.latency", p50=p50, p99=p99))
    parts.append(say("status.upstream.connections", count=each["connections"]))
    if each.get("errors"):
        parts.append(say("status.upstream.errors", count=f"{each['errors']:,}"))
    yield _below(_SEPARATOR.join(parts), "dim" if state == "closed" else "")
    if state == "open":
        wait = span_text(each["retry_in_seconds"], say)
        text = say("status.upstream.open", time=wait, count=each["failures_in_a_row"])
        yield _below(text, style)
    elif state == "trial":
        yield _below(say("status.upstream.trial", count=each["failures_in_a_row"]), style)
    if each.get("last_error") and each.get("last_error_seconds_ago") is not None:
        ago = span_text(each["last_error_seconds_ago"], say)
        text = say("status.upstream.last", error=each["last_error"], time=ago)
        yield _below(text, "dim" if state == "closed" else style)


def _below(text: str, style: str) -> RenderableType:
    """A line that belongs to the one above it."""
    return Padding(Text(text, style=style), (0, 0, 0, 2))


def _store(store: Facts, say: Catalogue) -> Iterable[RenderableType]:
    yield Text(store.get("path") or say("status.store.memory"))
    size, objects, limit = store.get("size"), store.get("objects"), store.get("limit")
    parts = []
    if size is not None and limit:
        parts.append(say("status.store.of", size=size_text(size), limit=size_text(limit)))
    elif size is not None:
        parts.append(size_text(size))
    elif limit:
        parts.append(say("status.store.limit", limit=size_text(limit)))
    if objects is not None:
        parts.append(say("status.store.objects", count=f"{objects:,}"))
    if store.get("evictions"):
        parts.append(say("status.store.evictions", count=f"{store['evictions']:,}"))
    if store.get("disk_free") is not None:
        parts.append(say("status.store.free", size=size_text(store["disk_free"])))
    if parts:
        yield Text(_SEPARATOR.join(parts))


def _memory(memory: Facts, say: Catalogue) -> Iterable[RenderableType]:
    used, limit = size_text(memory["bytes"]), size_text(memory["limit"])
    yield Text(say("status.memory.line", count=f"{memory['answers']:,}", size=used, limit=limit))


def _ledger(ledger: Facts, say: Catalogue) -> Iterable[RenderableType]:
    if not ledger["ok"]:
        yield Text(f"✗ {ledger['error']}", style="red")
        return
    size, limit = ledger.get("size"), ledger.get("limit")
    parts = [say("status.ledger.ok")]
    if size is not None:
        key = "status.ledger.bounded" if limit else "status.ledger.size"
        parts.append(say(key, size=size_text(size), limit=size_text(limit or 0)))
    yield Text(_SEPARATOR.join(parts))
    if limit and size is not None and size > limit:
        yield Text(f"! {say('status.ledger.over')}", style="yellow")


def _log(log: Facts, say: Catalogue) -> Iterable[RenderableType]:
    yield Text(say("status.log.line", name=log["name"], count=f"{log['records']:,}"))


def _index(index: Facts, say: Catalogue) -> Iterable[RenderableType]:
    if not index.get("enabled", True):
        return
    if index.get("url"):
        yield Text(str(index["url"]))
    parts = []
    lag = index.get("lag_seconds")
    if lag is not None:
        parts.append(say("status.index.lag", time=span_text(lag, say)))
    if index.get("refreshes") is not None:
        parts.append(say("status.index.refreshes", count=f"{index['refreshes']:,}"))
    if index.get("waiting"):
        parts.append(say("status.index.waiting", count=f"{index['waiting']:,}"))
    if parts:
        yield Text(_SEPARATOR.join(parts), style="yellow" if lag is not None and lag > _LATE else "")
    if index.get("last_error") and not index.get("up"):
        yield Text(f"✗ {index['last_error']}", style="red")


def _process(process: Facts, say: Catalogue) -> Iterable[RenderableType]:
    parts = []
    if process.get("resident_bytes") is not None:
        parts.append(say("status.process.memory", size=size_text(process["resident_bytes"])))
    files, limit = process.get("open_files"), process.get("open_files_limit")
    if files is not None:
        parts.append(say("status.process.files", count=f"{files:,}", limit=f"{limit:,}" if limit else "?"))
    if parts:
        near = bool(files and limit and files > 0.8 * limit)
        yield Text(_SEPARATOR.join(parts), style="yellow" if near else "")


def _config(config: Mapping[str, Any], say: Catalogue, now: float) -> Iterable[RenderableType]:
    parts = [config.get("file") or say("status.config.none")]
    loaded = config.get("loaded_at")
    if loaded is not None:
        parts.append(say("status.config.read", time=span_text(now - loaded, say)))
    yield Text(_SEPARATOR.join(parts))
    if config.get("error"):
        yield Text(f"✗ {say('status.config.refused', error=str(config['error']))}", style="red")
    if config.get("needs_restart"):
        keys = ", ".join(map(str, config["needs_restart"]))
        yield Text(f"! {say('status.config.restart', keys=keys)}", style="yellow")


def _policy(policy: Facts, say: Catalogue) -> Iterable[RenderableType]:
    counts = say("status.policy.line", rules=f"{policy['rules']:,}", waivers=f"{policy['waivers']:,}")
    yield Text(_SEPARATOR.join([part for part in (policy.get("file"), counts) if part]))
    if policy.get("error"):
        yield Text(f"✗ {say('status.policy.refused', error=str(policy['error']))}", style="red")
    if policy.get("decisions_waiting"):
        count = f"{policy['decisions_waiting']:,}"
        yield Text(f"! {say('status.policy.waiting', count=count)}", style="yellow")


def _problems(problems: list[str], say: Catalogue) -> Iterable[RenderableType]:
    if not problems:
        yield Text(f"✓ {say('status.problems.none')}", style="green")
    for problem in problems:
        yield Text(f"✗ {problem}", style="red")


def _alerts(alerts: Facts, say: Catalogue) -> Iterable[RenderableType]:
    if not alerts["last_day"]:
        yield Text(say("status.alerts.none"))
        return
    yield Text(say("status.alerts.some", count=alerts["last_day"]), style="bold red")
    for alert in alerts["newest"][:_SHOWN_ALERTS]:
        yield Text(f"{_clock(alert['at'])} {alert['kind']}: {alert['subject']}", style="red")
        if alert["text"] and alert["subject"] not in alert["text"]:
            yield _below(alert["text"], "")


def resting(store: Facts, say: Catalogue) -> RenderableType:
    """The store of a server that does not run."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, line in enumerate(_store(store, say)):
        grid.add_row(say("status.head.store") if not number else "", line)
    if not store["complete"]:
        grid.add_row("", Text(say("status.store.partly"), style="dim"))
    return grid


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def size_text(size: float) -> str:
    """`1.2 GB`, in thousands as disks are sold."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1
    return f"{value:.{digits}f} {_SIZES[unit]}"
