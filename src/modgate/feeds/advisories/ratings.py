"""One entry of a database becomes an advisory, with the word of those who rated it.

An entry made of a Trivy database (`trivy`) says whose word its severity is, because there several speak of
one vulnerability; in any other entry it is that of the database which the id belongs to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from modgate.errors import Invalid
from modgate.policy import osv
from modgate.policy.severity import word

if TYPE_CHECKING:
    from modgate.model.advisory import Advisory

__all__ = ["MARK", "Said", "parse"]

MARK: Final = "modgate_rating"
"""The field of `database_specific` that holds a `Said`."""


class Said(msgspec.Struct):
    """A rating: the level in a word, who said it, the CVSS base score (0: none)."""

    level: str
    source: str
    score: float = 0.0


class _Specific(msgspec.Struct):
    modgate_rating: Said | None = None


class _Entry(msgspec.Struct):
    database_specific: _Specific | None = None


_DECODER = msgspec.json.Decoder(_Entry)


def parse(data: bytes, *, source: str, name: str = "") -> Advisory:
    """As `policy.osv.parse`. Raises Invalid."""
    advisory = osv.parse(data, source=source, name=name)
    if MARK.encode() not in data:
        return advisory
    try:
        specific = _DECODER.decode(data).database_specific
    except (msgspec.MsgspecError, ValueError) as error:
        raise Invalid(f"{advisory.id}: {error}") from None
    said = None if specific is None else specific.modgate_rating
    if said is None:
        return advisory
    return replace(advisory, severity=word(said.level), severity_from=said.source, score=said.score)
