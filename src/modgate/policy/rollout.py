"""Who a rule in canary mode is in force for: a stable share of the consumers, and whole groups by name.

Each consumer has a place from 0 to 9999 for each rule, by a hash of both names: the same in every process, on
every gate and after every restart, and another one for another rule, so that not always the same few are the
first. A share takes the places below it: whoever is in at 10 % stays in at 20 %.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["PLACES", "Canary", "place"]

PLACES = 10_000
"""How finely a percentage is told apart: hundredths of a percent."""


def place(rule: str, consumer: str) -> int:
    """The place of a consumer for a rule, from 0 to `PLACES` - 1, evenly spread."""
    digest = hashlib.blake2b(
        f"{rule}\0{consumer}".encode("utf-8", "surrogatepass"), digest_size=8, person=b"modgate-canary"
    ).digest()
    return int.from_bytes(digest) * PLACES >> 64


@dataclass(frozen=True, slots=True)
class Canary:
    """For whom a rule is in force.

    Attributes:
        places: The share, in hundredths of a percent.
        groups: Groups for which it is in force in any case.
    """

    places: int = 0
    groups: frozenset[str] = frozenset()

    def takes_in(self, rule: str, consumer: str, groups: frozenset[str]) -> bool:
        """Whether the rule is in force for the consumer, who belongs to `groups`. Nobody in particular (an
        empty name) is in no share but the whole.
        """
        if self.places >= PLACES or not self.groups.isdisjoint(groups):
            return True
        return bool(consumer) and place(rule, consumer) < self.places
