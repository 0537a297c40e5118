"""How a value from a variable or file may be shown: without credentials, control characters or end.

A malformed URL is exactly where the usual taking out of `user:password@` fails, so this is the greedy kind:
whatever stands before the last `@` of an entry is gone, its scheme aside, and so is every value of a query,
and what stands where a port should be and is no number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.machine.settings import Layer
from modgate.gomod.harmless import harmless
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.machine.settings import Value

__all__ = ["hidden_value", "safe", "source_of"]

_LIMIT = 200
_END = r"[,|;\s，；、]"
# What a person meant as the scheme, also with a slash or the colon forgotten, a quote or `NAME=` before it.
_SCHEME = (
    r"(?:[\"'“”‘’]|[A-Za-z_][\w.]{0,40}=){0,3}"
    r"(?:[A-Za-z][A-Za-z0-9+.-]{0,20}:/{1,3}|(?:https?|socks5h?)/{1,2})?"
)
# One `***@` alone is what the usual way has left; a second @ after it belongs to the same secret.
_BEFORE_AT = re.compile(
    rf"(\A|{_END})(?!{_SCHEME}\*\*\*@[^@,|;\s，；、]*(?:{_END}|\Z))({_SCHEME})[^,|;\s，；、]*(?:(?<!/)@|@(?!v/|latest(?:\W|\Z)))"
)
_NO_PORT = re.compile(
    r"(:/{1,3}[^/:@\[\],|;\s，；、]{1,255}:)(?![0-9]{1,5}(?:[^\w.-]|\Z)|/|\*\*\*|[\"'“”‘’,|;\s，；、]|\Z)[^/@,|;\s，；、]+"
)
_QUERY = re.compile(r"([?&][^=&,|\s]{1,40}=)[^&,|\s]+")
_SECRET_NAME = re.compile(
    r"(?i)token|secret|passw|passphrase|credential|authorization|api_?key|access_?key|private_?key|(?:\A|_)(?:pat|pwd|auth)\Z"
)


def safe(text: str) -> str:
    """The text as it may reach a finding: credentials as `***`, control characters as `?`, 200 characters."""
    without = _BEFORE_AT.sub(r"\1\2***@", redacted(text))
    without = harmless(_QUERY.sub(r"\1***", _NO_PORT.sub(r"\1***", without)))
    cut = without if len(without) <= _LIMIT else without[: _LIMIT - 1] + "…"
    return "".join(char if char.isprintable() or char in "　 " else "?" for char in cut)


def hidden_value(name: str, text: str) -> str:
    """The value of a variable as `safe` shows it, and nothing of it where its name says that it is secret."""
    return "***" if text and _SECRET_NAME.search(name) else safe(text)


def source_of(name: str, value: Value) -> Message:
    """Where a value stands, in a person's words."""
    if value.file:
        return Message("settings.source.file", {"file": value.file, "line": value.line})
    if value.layer is Layer.OS:
        return Message("settings.source.variable", {"name": name})
    return Message("settings.source.built-in")
