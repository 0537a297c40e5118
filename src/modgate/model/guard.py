"""What stands between the cache and a client: the promises of a guard.

A guard decides; `source.guarded` carries its decisions out. What a guard cannot find out never stops what is
cached: each rule says itself what happens then (`on_error`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.types import ModulePath, ModuleVersion, Version
    from modgate.model.context import Context
    from modgate.model.decision import Decision

__all__ = ["Guard", "Visible"]


@dataclass(frozen=True, slots=True)
class Visible:
    """Which versions of a module a consumer is shown.

    Attributes:
        versions: Those of the list that may be seen, in its order.
        personal: Whether another consumer may see others.
        changed: Whether anything was left out.
    """

    versions: tuple[Version, ...]
    personal: bool
    changed: bool


class Guard(Protocol):
    """Decides what consumers may have. Never raises for facts that are missing."""

    @property
    def generation(self) -> int:
        """Grows whenever anything decided before may be decided otherwise now: another policy, another state
        of the advisories or waivers, a time at which one ends.
        """

    def touches(self, path: ModulePath) -> bool:
        """False where nothing can ever be decided against any version of the module: the quick way out."""

    async def banned(self, ctx: Context, path: ModulePath) -> Decision | None:
        """What bans the whole module, whichever versions it has; None where nothing does."""

    async def decide(self, ctx: Context, version: ModuleVersion) -> Decision:
        """What applies to a version."""

    async def about(self, ctx: Context, version: ModuleVersion) -> Decision:
        """What applies to a version whose `.info` or `.mod` is asked for, which nobody is refused: as
        `decide`, with a plain allow where it would take the zip to find out.
        """

    async def settled(self, ctx: Context, decision: Decision) -> Decision:
        """The decision once what runs about it (a scan of what is quarantined) has ended, or has taken too
        long to be waited for.
        """

    async def visible(self, ctx: Context, path: ModulePath, listed: Sequence[Version]) -> Visible:
        """The versions of a list that the consumer is shown."""

    async def written(self) -> None:
        """Wait, for a moment at most, until what was noted can be looked up: a refusal names its decision."""

    def note(self, ctx: Context, decision: Decision) -> None:
        """The decision was carried out on a request: written down beside, never waited for."""
