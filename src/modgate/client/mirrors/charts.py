"""Charts of the report as inline SVG: drawn to be read, each mark with its number as a tooltip.

Every text from outside is escaped where it is put into the picture; colours are classes of the page, so that
they follow the reader's light or dark setting.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from modgate.client.mirrors.words import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.client.mirrors.document import Document
    from modgate.messages import Catalogue

__all__ = ["STEPS", "latency_chart", "legend", "rate_chart", "rounds_chart", "steps_chart"]

STEPS = {"dns": "s1", "connect": "s2", "proxy": "s3", "tls": "s4", "request": "s5", "first-byte": "s6"}
"""The steps of a cold request and the class that colours each."""

_WIDTH = 940
_LEFT = 190
_RIGHT = 70
_PLOT = _WIDTH - _LEFT - _RIGHT
_LABEL = 26


def legend(items: Sequence[tuple[str, str]]) -> str:
    """Class and words of each colour."""
    spans = "".join(
        f'<span><svg viewBox="0 0 11 11" aria-hidden="true"><rect width="11" height="11" rx="2" '
        f'class="{name}"/></svg>{escape(words)}</span>'
        for name, words in items
    )
    return f'<div class="legend">{spans}</div>'


def latency_chart(mirrors: Sequence[Document], say: Catalogue) -> str:
    """P50 as a bar, a line up to P95, a mark at P99; cold above warm."""
    highest = max((_p(m, kind, "p99") for m in mirrors for kind in ("cold", "warm")), default=0.0)
    axis = _Axis(highest * 1000, lambda value: f"{value:g}", say("mirrors.word.ms"))
    rows = []
    for index, mirror in enumerate(mirrors):
        top = axis.top + index * 46
        rows.append(_name(mirror, top + 22))
        for at, kind in ((top + 4, "cold"), (top + 21, "warm")):
            found = mirror["latency"][kind]
            if not found:
                rows.append(_text(_LEFT + 4, at + 11, "–", "axis"))
                continue
            p50, p95, p99 = (axis.x(found[name] * 1000) for name in ("p50", "p95", "p99"))
            told = " · ".join(f"{name.upper()} {found[name] * 1000:.1f}" for name in ("p50", "p95", "p99"))
            tip = f"{mirror['name']} {say(f'mirrors.word.{kind}')}: {told} {say('mirrors.word.ms')}"
            middle = at + 7
            rows.append(
                f"<g><title>{escape(tip)}</title>"
                f"{_bar(_LEFT, at, p50 - _LEFT, 14, kind)}"
                f'<line x1="{p50:.1f}" x2="{p95:.1f}" y1="{middle}" y2="{middle}" class="whisker"/>'
                f'<line x1="{p99:.1f}" x2="{p99:.1f}" y1="{at + 2}" y2="{at + 12}" class="whisker"/>'
                f"{_text(max(p95, p99, p50) + 6, at + 11, milliseconds(found['p50']), 'axis')}</g>"
            )
    return _svg(
        axis.top + len(mirrors) * 46,
        axis.draw(len(mirrors) * 46) + "".join(rows),
        say("mirrors.head.latency"),
    )


def steps_chart(mirrors: Sequence[Document], say: Catalogue) -> str:
    """The medians of a cold request's steps, end to end."""
    totals = [sum(value or 0 for value in m["latency"]["steps"].values()) for m in mirrors]
    axis = _Axis(max(totals, default=0.0) * 1000, lambda value: f"{value:g}", say("mirrors.word.ms"))
    rows = []
    for index, mirror in enumerate(mirrors):
        top = axis.top + index * 28
        rows.append(_name(mirror, top + 16))
        at = float(_LEFT)
        for step, name in STEPS.items():
            seconds = mirror["latency"]["steps"].get(step) or 0
            width = axis.x(seconds * 1000) - _LEFT
            if width <= 0:
                continue
            tip = f"{say(f'mirrors.step.{step}')}: {seconds * 1000:.1f} {say('mirrors.word.ms')}"
            rows.append(f"<g><title>{escape(tip)}</title>{_bar(at, top + 3, width - 0.8, 18, name)}</g>")
            at += width
    height = len(mirrors) * 28
    return _svg(axis.top + height, axis.draw(height) + "".join(rows), say("mirrors.head.steps"))


def rate_chart(mirrors: Sequence[Document], say: Catalogue) -> str:
    """Megabytes a second."""
    rates = [(m["throughput"]["bytes_per_second"] or 0) / 1e6 for m in mirrors]
    axis = _Axis(max(rates, default=0.0), lambda value: f"{value:g}", "MB/s")
    rows = []
    for index, (mirror, rate) in enumerate(zip(mirrors, rates, strict=True)):
        top = axis.top + index * 28
        rows.append(_name(mirror, top + 16))
        end = axis.x(rate)
        rows.append(
            f"{_bar(_LEFT, top + 3, end - _LEFT, 18, 'rate')}"
            f"{_text(end + 6, top + 16, f'{rate:.2f}' if rate else '–', 'axis')}"
        )
    height = len(mirrors) * 28
    return _svg(axis.top + height, axis.draw(height) + "".join(rows), say("mirrors.head.throughput"))


def rounds_chart(mirrors: Sequence[Document], rounds: int, say: Catalogue) -> str:
    """Every request of every round: a dot at its latency (the scale of each strip is its own), or a cross."""
    strip, gap = 54, 22
    rows = []
    for index, mirror in enumerate(mirrors):
        top = 8 + index * (strip + gap)
        good = [s["seconds"] for s in mirror["samples"] if not s["failure"]]
        highest = max(good, default=0.0) or 1.0
        rows.append(_name(mirror, top + strip / 2 + 4))
        for share in (0, 1):
            y = top + strip * (1 - share)
            rows.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" class="grid"/>')
        if good:
            rows.append(_text(_WIDTH - _RIGHT + 6, top + 5, f"{highest * 1000:.0f}", "axis"))
        for sample in mirror["samples"]:
            side = 0 if sample["failure"] else -4 if sample["cold"] else 4
            x = _LEFT + 8 + side + (_PLOT - 16) * (sample["round"] + 0.5) / max(rounds, 1)
            if sample["failure"]:
                y = top + strip - 8
                rows.append(
                    f'<path d="M{x - 4:.1f} {y - 4}l8 8m0 -8l-8 8" class="cross">'
                    f"<title>{escape(sample['failure'])}</title></path>"
                )
                continue
            y = top + strip * (1 - sample["seconds"] / highest)
            kind = "cold" if sample["cold"] else "warm"
            rows.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{kind}">'
                f"<title>{sample['seconds'] * 1000:.1f} {escape(say('mirrors.word.ms'))}</title></circle>"
            )
    return _svg(8 + len(mirrors) * (strip + gap), "".join(rows), say("mirrors.head.rounds"))


class _Axis:
    """A linear scale from 0 with round marks."""

    def __init__(self, highest: float, words: Callable[[float], str], unit: str) -> None:
        step = 1.0
        if highest > 0:
            rough = highest / 5
            power = 10 ** math.floor(math.log10(rough))
            step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
        self._step = step
        self._end = max(step * math.ceil(highest / step * 0.999), step)
        self._words = words
        self._unit = unit
        self.top = _LABEL

    def x(self, value: float) -> float:
        return _LEFT + _PLOT * min(value / self._end, 1.0)

    def draw(self, height: float) -> str:
        marks = [self._step * index for index in range(round(self._end / self._step) + 1)]
        lines = "".join(
            f'<line x1="{self.x(mark):.1f}" x2="{self.x(mark):.1f}" y1="{_LABEL - 4}" y2="{_LABEL + height}" '
            f'class="grid"/>{_text(self.x(mark), _LABEL - 10, self._words(round(mark, 9)), "axis", "middle")}'
            for mark in marks
        )
        return lines + _text(_WIDTH - 4, _LABEL - 10, self._unit, "axis", "end")


def _p(mirror: Document, kind: str, name: str) -> float:
    found = mirror["latency"][kind]
    return float(found[name]) if found else 0.0


def _name(mirror: Document, y: float) -> str:
    name = f"{mirror['place']}  {mirror['name']}"
    short = name if len(name) <= 26 else f"{name[:25]}…"
    return f"<g><title>{escape(mirror['url'])}</title>{_text(0, y, short)}</g>"


def _bar(x: float, y: float, width: float, height: float, name: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.4):.1f}" height="{height}"'
    return f'<rect {place} rx="2" class="{name}"/>'


def _text(x: float, y: float, words: str, name: str = "", anchor: str = "start") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(words)}</text>'


def _svg(height: float, content: str, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height + 6:.0f}" role="img" aria-label="{escape(title, quote=True)}">'
        f"{content}</svg>"
    )
