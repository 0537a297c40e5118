"""Longer texts of macOS that people send: `networkQuality`, and `log show` of network extensions.

Both are read from recordings only: the first uses the person's data, the second can take minutes. In the
unified log, each entry begins with its time; what follows without one belongs to the entry before.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "ExtensionEvent",
    "LogEntry",
    "NetworkQuality",
    "extension_events",
    "parse_log",
    "parse_network_quality",
]

_MEGABIT = {"bps": 1e-6, "kbps": 1e-3, "mbps": 1.0, "gbps": 1e3}
_RATE = re.compile(r"([\d.]+)\s*([KMG]?bps)", re.IGNORECASE)
_RPM = re.compile(r"([\d.]+)\s*RPM")
_MILLISECONDS = re.compile(r"([\d.]+)\s*milliseconds")
_SUMMARY = re.compile(r"\s*([A-Z][A-Za-z ]+): (.+)")
_ENTRY = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?:[+-]\d{4})?)\s+"
    r"(?:0x[0-9a-f]+\s+(?P<type>\w+)\s+0x[0-9a-f]+\s+(?P<pid>\d+)\s+(?:\d+\s+)?"
    r"|(?P<short>\w{1,2})\s+)"
    r"(?P<process>[^:\[\(]+?)(?:\[(?P<short_pid>\d+)(?::[0-9a-f]+)?\]\s*|:\s*)"
    r"(?:\((?P<library>[^)]*)\)\s*)?(?:\[(?P<subsystem>[\w.-]+):(?P<category>[^\]]*)\]\s*)?(?P<text>.*)"
)
_NETWORK_EXTENSION = "com.apple.networkextension"
_VERDICT = re.compile(r"New flow verdict for (\S+?):")
_STATUS = re.compile(r"status changed to (\w+)")
_REMOTE = re.compile(r"remote(?:Endpoint| endpoint)?[:=] ?(\S+?)(?:[,;\s]|\Z)")
_REFUSED = re.compile(r"\b(?:provider rejected new flow|drop(?:ping|ped)? (?:the )?(?:new )?flow|drop = YES)")


@dataclass(frozen=True, slots=True)
class NetworkQuality:
    """A measurement: megabits a second, round trips a minute, milliseconds; None where it does not say."""

    down: float | None = None
    up: float | None = None
    responsiveness: float | None = None
    latency: float | None = None
    proxied: bool | None = None
    error: int | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the unified log, its further lines joined with line ends."""

    time: str
    process: str
    pid: int
    library: str
    subsystem: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class ExtensionEvent:
    """What a network extension did. `kind`: `refused` (it did not let a connection through, or did not take
    it), `tunnel` (a VPN's state, in `detail`).
    """

    kind: str
    process: str
    time: str
    detail: str = ""


def parse_network_quality(text: str) -> NetworkQuality:
    """The JSON of `networkQuality -c`, or the summary that people read."""
    if text.lstrip().startswith("{"):
        try:
            read = json.loads(text)
        except ValueError:
            return NetworkQuality()
        return _measured(read) if isinstance(read, dict) else NetworkQuality()
    rows = {match[1].strip().lower(): match[2] for match in map(_SUMMARY.match, text.splitlines()) if match}
    return NetworkQuality(
        down=_rate(rows, "downlink capacity", "download capacity"),
        up=_rate(rows, "uplink capacity", "upload capacity"),
        responsiveness=_first(_RPM, rows, "responsiveness", "downlink responsiveness"),
        latency=_first(_MILLISECONDS, rows, "idle latency"),
    )


def _measured(read: Mapping[str, object]) -> NetworkQuality:
    def number(*names: str) -> float | None:
        values = (read.get(name) for name in names)
        return next((float(value) for value in values if isinstance(value, int | float)), None)

    down, up, error = number("dl_throughput"), number("ul_throughput"), number("error_code")
    state = read.get("proxy_state")
    return NetworkQuality(
        down=None if down is None else down / 1e6,
        up=None if up is None else up / 1e6,
        responsiveness=number("responsiveness", "dl_responsiveness"),
        latency=number("base_rtt"),
        proxied=None if not isinstance(state, str) else state != "Non-Proxied",
        error=None if error is None else int(error),
    )


def _rate(rows: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        match = _RATE.search(rows.get(name, ""))
        if match:
            return float(match[1]) * _MEGABIT[match[2].lower()]
    return None


def _first(pattern: re.Pattern[str], rows: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        match = pattern.search(rows.get(name, ""))
        if match:
            return float(match[1])
    return None


def parse_log(text: str) -> tuple[LogEntry, ...]:
    """The entries of `log show`, in its usual and its compact style; lines before the first are left out."""
    found: list[LogEntry] = []
    for line in text.splitlines():
        match = _ENTRY.match(line)
        if match:
            pid = int(match["pid"] or match["short_pid"] or 0)
            parts = (match["library"], match["subsystem"], match["category"], match["text"])
            found.append(
                LogEntry(match["time"], match["process"].strip(), pid, *(part or "" for part in parts))
            )
        elif found:
            last = found[-1]
            found[-1] = LogEntry(
                last.time,
                last.process,
                last.pid,
                last.library,
                last.subsystem,
                last.category,
                f"{last.text}\n{line}",
            )
    return tuple(found)


def extension_events(entries: tuple[LogEntry, ...]) -> tuple[ExtensionEvent, ...]:
    """What network extensions did to connections, in the order of the log."""
    return tuple(_events(entries))


def _events(entries: tuple[LogEntry, ...]) -> Iterator[ExtensionEvent]:
    for entry in entries:
        if not entry.subsystem.startswith(_NETWORK_EXTENSION):
            continue
        status = _STATUS.search(entry.text)
        if status:
            yield ExtensionEvent("tunnel", entry.process, entry.time, status[1])
        elif _REFUSED.search(entry.text):
            remote = _REMOTE.search(entry.text)
            verdict = _VERDICT.search(entry.text)
            detail = remote[1] if remote else verdict[1] if verdict else ""
            yield ExtensionEvent("refused", entry.process, entry.time, detail)
