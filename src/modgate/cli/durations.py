"""Spans of time for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.messages import Catalogue

__all__ = ["span_text"]


def span_text(seconds: float, say: Catalogue) -> str:
    """`3 h 12 min`: the two largest units."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return say("status.span.days", days=days, hours=hours)
    if hours:
        return say("status.span.hours", hours=hours, minutes=minutes)
    if minutes:
        return say("status.span.minutes", minutes=minutes, seconds=whole % 60)
    return say("status.span.seconds", seconds=whole)
