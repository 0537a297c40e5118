"""The faults that can be staged, by name, and how one is asked for.

A fault is a word of a person's (`404`, `timeout`, `html`), not of the code's: the same word stands in the
path of the drill server (`http://127.0.0.1:PORT/404/…`), after `--fault` and in the texts. `:` narrows it to
endpoints: `404:zip` fails zips only, `reset:info+mod` two of them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENDPOINTS", "FAULTS", "OK", "Fault", "FaultSpec", "Means", "endpoint_of", "parse_fault"]

ENDPOINTS = ("list", "latest", "info", "mod", "zip", "sumdb")
"""What a fault can be narrowed to."""


class Means(StrEnum):
    """By what a fault is staged: a path of the one server, a port of its own, or a name alone."""

    PATH = "path"
    PORT = "port"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    Attributes:
        name: The word for it.
        means: By what it is staged.
        status: The HTTP status that it answers, 0 where it is none or a plain 200.
        tls: Whether its URL begins with https://.
    """

    name: str
    means: Means = Means.PATH
    status: int = 0
    tls: bool = False


_STATUSES = (401, 403, 404, 410, 429, 451, 500, 502, 503, 504)
_PATHS = (
    *("500-then-ok", "timeout", "reset", "eof", "garbage", "html", "badzip", "truncated", "stall"),
    *("slow", "redirect-loop", "moved", "wrong-version"),
)
_TLS = ("tls-untrusted", "tls-name", "tls-expired", "tls-reset", "tls-timeout", "tls-plain")

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            Fault("ok"),
            *(Fault(str(status), status=status) for status in _STATUSES),
            *(Fault(name) for name in _PATHS),
            Fault("refused", Means.PORT),
            Fault("dns", Means.NAME),
            *(Fault(name, Means.PORT, tls=True) for name in _TLS),
        )
    }
)
"""Every fault by name, in the order in which they are listed; `ok` is none."""
OK = FAULTS["ok"]


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault and the endpoints that it is narrowed to; none stands for all of them."""

    fault: Fault = OK
    only: frozenset[str] = frozenset()

    def hits(self, endpoint: str) -> bool:
        """Whether a request for this endpoint fails."""
        return self.fault is not OK and (not self.only or endpoint in self.only)

    def __str__(self) -> str:
        names = "+".join(name for name in ENDPOINTS if name in self.only)
        return f"{self.fault.name}:{names}" if names else self.fault.name


def parse_fault(text: str) -> FaultSpec:
    """The fault of `NAME` or `NAME:ENDPOINT[+ENDPOINT]`.

    Raises Invalid for an unknown fault or endpoint, and where a fault that comes before any request (a
    refused connection, TLS, DNS) is narrowed to endpoints.
    """
    name, at, narrowed = text.strip().lower().partition(":")
    fault = FAULTS.get(name)
    if fault is None:
        near = difflib.get_close_matches(name, FAULTS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`modgate faults --list` names them."
        raise Invalid(f"there is no fault {shown(name)}", next_step=hint)
    only = frozenset(narrowed.split("+")) if at else frozenset()
    if unknown := sorted(only - set(ENDPOINTS)):
        raise Invalid(
            f"there is no endpoint {shown(unknown[0])}", next_step=f"Known: {', '.join(ENDPOINTS)}."
        )
    if only and fault.means is not Means.PATH:
        raise Invalid(
            f"{name} happens before any request, so it cannot be narrowed to endpoints",
            next_step=f"Write {name} alone.",
        )
    return FaultSpec(fault, only)


def endpoint_of(path: str) -> str:
    """Which endpoint the path of a request asks for; `other` where it is none of Go's.

    The checksum database is one endpoint here: `sumdb`.
    """
    if "/sumdb/" in path or path.startswith("sumdb/"):
        return "sumdb"
    if path.endswith("/@latest"):
        return "latest"
    if path.endswith("/@v/list"):
        return "list"
    _, marker, file = path.rpartition("/@v/")
    ending = file.rpartition(".")[2]
    return ending if marker and ending in {"info", "mod", "zip"} else "other"
