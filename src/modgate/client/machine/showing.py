"""How a value from a variable or file may be shown: without credentials, control characters or end.

A malformed URL is exactly where the usual taking out of `user:password@` fails, so this is the greedy kind:
whatever stands before the last `@` of an entry is gone, and so is every value of a query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.machine.settings import Layer
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.machine.settings import Value

__all__ = ["safe", "source_of"]

_LIMIT = 200
# `/@v/` and `/@latest` are parts of a module proxy's paths, not the end of user info.
_END = r"[,|;\s，；、]"
# One `***@` alone is what the usual way has left; a second @ after it belongs to the same secret.
_BEFORE_AT = re.compile(rf"(//|\A|{_END})(?!\*\*\*@[^@,|;\s，；、]*(?:{_END}|\Z))[^,|;\s，；、]*@")
_QUERY = re.compile(r"([?&][^=&,|\s]{1,40}=)[^&,|\s]+")


def safe(text: str) -> str:
    """The text as it may reach a finding: credentials as `***`, control characters as `?`, 200 characters."""
    harmless = _QUERY.sub(r"\1***", _BEFORE_AT.sub(r"\1***@", redacted(text)))
    cut = harmless if len(harmless) <= _LIMIT else harmless[: _LIMIT - 1] + "…"
    return "".join(char if char.isprintable() or char in "　 " else "?" for char in cut)


def source_of(name: str, value: Value) -> Message:
    """Where a value stands, in a person's words."""
    if value.file:
        return Message("settings.source.file", {"file": value.file, "line": value.line})
    if value.layer is Layer.OS:
        return Message("settings.source.variable", {"name": name})
    return Message("settings.source.built-in")
