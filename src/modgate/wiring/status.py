"""How a running server is: the facts of `modgate status`, gathered from the parts where they are kept.

Looking changes nothing and asks nobody outside. A part that cannot say how it is gets a word for that in
its place; the rest is told all the same, because this is what an operator reads when something is broken.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from modgate import __version__
from modgate.errors import ModgateError
from modgate.transport.http import HTTPUpstream
from modgate.wiring.counted import Counted, Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from modgate.model import Ledger, Upstream
    from modgate.server.app import App
    from modgate.wiring.gate import Gate

__all__ = ["recent_answers", "status_facts"]

_DAY = 86400.0
_ALERTS = 1000
_SHOWN_ALERTS = 20


def recent_answers(gate: Gate, *, monotonic: Callable[[], float] = time.monotonic) -> Recent:
    """What keeps the answers of the last minute; to be `running` beside the server."""
    metrics = gate.ground.metrics
    return Recent(lambda: Counted(metrics).answered(), monotonic=monotonic)


async def status_facts(
    gate: Gate,
    app: App,
    *,
    url: str,
    started: float,
    problems: Sequence[str],
    recent: Recent | None = None,
    config: Mapping[str, Any] | None = None,
    index: Mapping[str, Any] | None = None,
    advisories: Mapping[str, Any] | None = None,
    webhooks: Sequence[Mapping[str, Any]] = (),
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """The facts by name; sizes in bytes, times in Unix seconds, durations in seconds. Raises nothing of ours.

    Args:
        gate: The parts.
        app: What answers requests.
        url: Where the server listens.
        started: When it began to.
        problems: The lines of `/readyz`.
        recent: Answers of the last minute, None where nobody kept them.
        config: When the configuration was read and from where, None where nobody keeps it.
        index: How the follower of the module index is, None without one.
        advisories: How fresh the databases of advisories are, None without them.
        webhooks: What waits for each webhook.
        clock: Unix seconds.
    """
    counted = Counted(gate.ground.metrics)
    now = clock()
    return {
        "version": __version__,
        "pid": os.getpid(),
        "listen": url,
        "instance": app.settings.instance,
        "started_at": started,
        "uptime_seconds": max(0.0, now - started),
        "requests": {
            "since_start": counted.answered().facts(),
            "last_minute": None if recent is None else recent.facts(),
        },
        "fills": {"under_way": gate.stack.cached.filling},
        "prefetch": _prefetch(gate),
        "upstreams": [_upstream(each, counted) for each in gate.ground.upstreams.made()],
        "store": _store(gate),
        "memory_cache": {
            "answers": len(app.memo),
            "bytes": app.memo.held,
            "limit": gate.ground.config.cache.memory,
        },
        "ledger": await _ledger(gate),
        "checksum_log": None if gate.log is None else {"name": gate.log.name, "records": gate.log.size},
        "index": None if index is None else dict(index),
        "advisories": None if advisories is None else dict(advisories),
        "webhooks": [dict(each) for each in webhooks],
        "process": {
            "resident_bytes": counted.number("process_resident_memory_bytes"),
            "open_files": counted.number("process_open_fds"),
            "open_files_limit": counted.number("process_max_fds"),
        },
        "config": None if config is None else dict(config),
        "policy": gate.wall.facts(),
        "problems": list(problems),
        "alerts": await _alerts(gate.ground.ledger, now),
    }


def _prefetch(gate: Gate) -> dict[str, int] | None:
    source = gate.stack.prefetch
    if source is None:
        return None
    return {
        "queued": source.queued,
        "under_way": source.under_way,
        "unused_bytes": source.unused_bytes,
        "unused_limit": gate.ground.config.prefetch.max_bytes,
    }


def _upstream(upstream: Upstream, counted: Counted) -> dict[str, Any]:
    facts: dict[str, Any] = {"url": upstream.name}
    if isinstance(upstream, HTTPUpstream):
        breaker = upstream.breaker
        facts |= {
            "state": breaker.state,
            "failures_in_a_row": breaker.failures,
            "retry_in_seconds": breaker.retry_in,
            "last_error": breaker.last_error,
            "last_error_seconds_ago": breaker.failed_ago,
            "connections": upstream.connections,
            **counted.upstream(upstream.name),
        }
    return facts


def _store(gate: Gate) -> dict[str, Any]:
    """The folder, its size as far as the store keeps it, and the room that is left."""
    path = gate.ground.config.store.path
    usage = gate.ground.store.usage()
    facts: dict[str, Any] = {
        "path": None if path is None else str(path.absolute()),
        "limit": usage.limit,
        "size": usage.used,
        "objects": usage.objects,
        "in_flight": usage.in_flight,
        "evictions": usage.evictions,
        "evicted_bytes": usage.evicted,
    }
    return facts | ({} if path is None else _room(path))


def _room(path: Path) -> dict[str, Any]:
    try:
        room = shutil.disk_usage(path)
    except OSError:
        return {"disk_free": None, "disk_size": None}
    return {"disk_free": room.free, "disk_size": room.total}


async def _ledger(gate: Gate) -> dict[str, Any]:
    """Whether it can be written, its size and how large it may be (0: no limit)."""
    limit = gate.ground.config.ledger.max_size
    facts: dict[str, Any] = {"ok": True, "error": "", "size": None, "limit": limit}
    try:
        await gate.ground.ledger.ready()
        facts["size"] = await gate.standing.books.room.held(above=limit or 1 << 62)
    except ModgateError as error:
        facts |= {"ok": False, "error": str(error)}
    return facts


async def _alerts(ledger: Ledger, now: float) -> dict[str, Any] | None:
    """Those of the last day; None where the ledger cannot be read."""
    try:
        alerts = await ledger.alerts(limit=_ALERTS)
    except ModgateError:
        return None
    fresh = [alert for alert in alerts if now - alert.at < _DAY]
    return {
        "last_day": len(fresh),
        "newest": [
            {"kind": each.kind, "subject": each.subject, "text": each.text, "at": each.at}
            for each in fresh[:_SHOWN_ALERTS]
        ],
    }
