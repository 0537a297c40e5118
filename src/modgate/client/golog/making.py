"""How a cause gets its values from a message: one way for all of them, and never a missing one.

What a log does not say is not made up: it is said as such, in the person's language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.findings import Finding, Impact
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.findings import Cause
    from modgate.client.golog.said import Said

__all__ = ["find", "first_line", "plain"]

_LIMIT = 240
_UNKNOWN = frozenset(
    {
        "host",
        "server",
        "issuer",
        "names",
        "module",
        "proxy",
        "url",
        "version",
        "needed",
        "actual",
        "reason",
        "path",
    }
)


def plain(text: str, limit: int = _LIMIT) -> str:
    """One line that a terminal may be shown: no control characters, no credentials, of bounded length."""
    line = " ".join(redacted(text[: 4 * limit]).split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def find(
    cause: Cause,
    said: Said | None = None,
    *,
    source: str = "",
    impact: Impact = Impact.BLOCKS,
    confidence: float = 1.0,
    subject: str = "",
    **values: str,
) -> Finding:
    """A finding whose values come from `values`, else from the message, else say that they are unknown.

    Without a `subject`, findings of one host belong together, else those of one module.
    """
    known = _from_message(said) | {"source": source} | values
    filled: dict[str, str | Message] = {}
    for name in cause.values:
        value = plain(known.get(name, ""))
        filled[name] = value or Message(f"log.unknown.{name if name in _UNKNOWN else 'value'}")
    about = subject or known.get("host") or known.get("module") or ""
    return Finding(cause, filled, impact, confidence, subject=plain(about))


def _from_message(said: Said | None) -> dict[str, str]:
    if said is None:
        return {}
    url = said.url
    return {
        "host": url.host if url else "",
        "url": url.url if url else "",
        "module": said.name,
        "version": said.version,
        "text": first_line(said.response) or first_line(said.core) or first_line(said.text),
        "status": str(said.status or ""),
        "path": "",
    }


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.split("\n") if line.strip()), "")
