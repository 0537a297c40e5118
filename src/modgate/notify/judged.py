"""What a receiver's answer means: taken, or not and why.

What it said is kept for people, without anything that acts and without its own address: an error page likes
to repeat the path that was asked for, and in a chat's address that is the secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modgate.gomod.harmless import harmless
from modgate.notify.templates import refusal

if TYPE_CHECKING:
    from modgate.notify.target import Reply, Target

__all__ = ["Attempt", "judged"]

_AT_FAULT = frozenset({400, 413, 422})
_ERROR = 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt. `error` is empty where the message was taken."""

    error: str = ""
    at_fault: bool = False
    asked: float | None = None


def judged(target: Target, reply: Reply, url: str) -> Attempt:
    """What an answer means; `url` is where it came from, and a secret."""
    if 200 <= reply.status < 300:
        why = refusal(target.format, reply.body)
        return Attempt(error=_shown(why, url))
    if 300 <= reply.status < 400:
        return Attempt(error=f"answered {reply.status}: a redirect, which is not followed")
    said = reply.body.decode("utf-8", "replace")
    error = f"answered {reply.status}: {said}" if said.strip() else f"answered {reply.status}"
    return Attempt(_shown(error, url), at_fault=reply.status in _AT_FAULT, asked=reply.retry_after)


def _shown(text: str, url: str) -> str:
    """What a receiver said, without anything that acts, and without its own address, which is a secret."""
    line = "".join(each if each.isprintable() else " " for each in text)
    tail = url.partition("://")[2].partition("/")[2]
    parts: list[Any] = [url, tail, *tail.split("?"), *tail.replace("?", "/").replace("=", "/").split("/")]
    for part in sorted({each for each in parts if len(each) >= 8}, key=len, reverse=True):
        line = line.replace(part, "***")
    return " ".join(harmless(line).split())[:_ERROR]
