"""Which advisories were dealt with, small enough to be written with the last message about them.

For each advisory it keeps what would make it news again: the versions it names, and how bad it is. Times
(`modified`) do not count, since databases rewrite all their entries now and then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from modgate.model.advisory import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modgate.model.advisory import Advisory

__all__ = ["Told"]

_NAME, _BLOCKS = 6, 5
_RECORD = _NAME + _BLOCKS + 1


@dataclass(frozen=True, slots=True)
class Told:
    """Advisories that were dealt with.

    Attributes:
        digest: Of the index that they were of; empty before the first one.
        at: When that was, in Unix seconds.
        known: What is kept of each, by a hash of its id.
    """

    digest: str = ""
    at: float = 0.0
    known: Mapping[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, advisories: Iterable[Advisory], *, digest: str, at: float) -> Told:
        """All of these."""
        return cls(digest, at, {_name(each): _kept(each) for each in advisories})

    @classmethod
    def read(cls, text: str) -> Told:
        """What `write` wrote; empty for what it did not write."""
        digest, _, rest = text.partition(" ")
        at, _, coded = rest.partition(" ")
        try:
            data = base64.b64decode(coded, validate=True)
            moment = float(at)
        except (binascii.Error, ValueError):
            return cls()
        if len(data) % _RECORD:
            return cls()
        records = (data[start : start + _RECORD] for start in range(0, len(data), _RECORD))
        return cls(digest, moment, {each[:_NAME]: each[_NAME:] for each in records})

    def write(self) -> str:
        """As text: about 16 characters for each advisory."""
        data = b"".join(name + kept for name, kept in sorted(self.known.items()))
        return f"{self.digest} {self.at!r} {base64.b64encode(data).decode('ascii')}"

    def is_news(self, advisory: Advisory, *, since: float) -> bool:
        """Whether it is to be told of: it names other versions than before or is worse than before; or was
        never met, and is from `since` or later. That somebody now says how bad an old one is makes no news.
        """
        recent = (advisory.published or advisory.modified) >= since
        kept = self.known.get(_name(advisory))
        if kept is None:
            return recent
        if kept[:_BLOCKS] != _kept(advisory)[:_BLOCKS]:
            return True
        before = kept[_BLOCKS] - 1
        return advisory.severity.rank > before and (recent or before > Severity.UNKNOWN.rank)


def _name(advisory: Advisory) -> bytes:
    return hashlib.blake2b(advisory.id.encode(), digest_size=_NAME).digest()


def _kept(advisory: Advisory) -> bytes:
    blocks = msgspec.json.encode([advisory.blocks, advisory.withdrawn > 0])
    digest = hashlib.blake2b(blocks, digest_size=_BLOCKS).digest()
    return digest + bytes([advisory.severity.rank + 1])
