"""What a rule may ask about a version, and the three answers a condition has: yes, no, and "nobody knows".

A fact that could not be had is `Unknown` with the reason, never a made-up value: what a rule does then is
its own
setting (`on_error`), and the reason is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Hit

__all__ = ["NEEDS", "Facts", "Unknown"]

NEEDS = frozenset({"hits", "age", "licences", "retracted", "deprecated", "scan", "fixes"})
"""The facts that cost something to get: a policy says which of them its rules need (`Policy.needs`), and no
other
is looked for.
"""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be had, and why, in one line."""

    why: str


_NOT_ASKED = Unknown("nobody asked")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known of one version for one consumer.

    Attributes:
        path: The module.
        version: The version.
        consumer: Its name; empty for nobody in particular.
        groups: The groups (teams) that the consumer belongs to.
        source: Where the routes say it comes from: `public`, or the source of the route (`direct`, a chain,
            `publish-only`).
        private: Whether the routes call it private.
        hits: The advisories that affect it.
        fixed: The first fixed version that may be used; empty for none or where nothing affects it.
        age: Seconds since it was first seen, by `aged_by`.
        aged_by: `log`, `index`, `list` or `commit`: what its age was read from.
        licences: SPDX ids found in it; empty for none found.
        retracted: The reason of its retraction (`retracted by its author` where none is given); empty for
        none.
        deprecated: The message of its module's deprecation; empty for none.
        scan: True where a scanner released these bytes, False where it refused them.
        fixes: Ids of advisories that affect a version which the consumer uses (which any consumer uses, where
            nothing is known of this one) and no longer affect this one.
    """

    path: ModulePath
    version: Version
    consumer: str = ""
    groups: frozenset[str] = frozenset()
    source: str = "public"
    private: bool = False
    hits: tuple[Hit, ...] | Unknown = _NOT_ASKED
    fixed: str = ""
    age: float | Unknown = _NOT_ASKED
    aged_by: str = ""
    licences: tuple[str, ...] | Unknown = _NOT_ASKED
    retracted: str | Unknown = _NOT_ASKED
    deprecated: str | Unknown = _NOT_ASKED
    scan: bool | Unknown = _NOT_ASKED
    fixes: tuple[str, ...] | Unknown = _NOT_ASKED
