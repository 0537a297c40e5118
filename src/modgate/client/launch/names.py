"""The resolver of an isolated command: it knows the allowed hosts, and says of every other name that there
is none.

An allowed host gets a loopback address of its own, where its ports are offered, so that a program that
knows nothing of HTTP proxies reaches it as well. Source: RFC 1035 section 4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Question", "answer", "question"]

_A, _IN = 1, 1
_NXDOMAIN = 3
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Question:
    """The name (lower case, no dot at the end), its type, and the bytes it came in."""

    name: str
    kind: int
    raw: bytes


def question(query: bytes) -> Question:
    """The first question of a query. Raises ValueError where there is none."""
    if len(query) < 12 or int.from_bytes(query[4:6]) < 1 or query[2] & 0x80:
        raise ValueError
    labels: list[str] = []
    at = 12
    while at < len(query) and query[at]:
        length = query[at]
        if length > 63 or at + 1 + length > len(query):
            raise ValueError
        labels.append(query[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    if at + 5 > len(query):
        raise ValueError
    return Question(".".join(labels).lower(), int.from_bytes(query[at + 1 : at + 3]), query[12 : at + 5])


def answer(query: bytes, known: Mapping[str, str]) -> tuple[Question, bytes]:
    """The question and what to answer; `known` has the IPv4 address of each allowed host.

    Raises ValueError for what is no query.
    """
    asked = question(query)
    address = known.get(asked.name)
    wanted = address is not None and asked.kind == _A
    flags = 0x8180 | (_NXDOMAIN if address is None else 0)
    head = query[:2] + struct.pack("!HHHHH", flags, 1, int(wanted), 0, 0)
    record = b""
    if address is not None and wanted:
        packed = bytes(int(part) for part in address.split("."))
        record = struct.pack("!HHHIH", 0xC00C, _A, _IN, _SECONDS, 4) + packed
    return asked, head + asked.raw + record
