"""The one small protocol that a module proxy is made of; features are wrappers around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.model.answer import Answer
    from modgate.model.context import Context

__all__ = ["ModuleSource"]


class ModuleSource(Protocol):
    """Answers requests about module versions.

    Promises of every source:

    1. `Absent` only where it is proved (an upstream said 404 or 410; a complete store lacks it and
       no fetch was allowed). Everything broken is `Unavailable`.
    2. A refusal of an upstream (403, 451) is `Denied` with its text; `Tampered` where bytes
       disagree with a proof; `Unverified` where the database proves that it lacks the version.
    3. An answer's body is what the request names: JSON with the asked version for `.info`, a go.mod
       for `.mod`, versions one a line for `list`.
    4. HEAD and metadata never need a body to be consumed: an unread stream may be closed
       (`aclose`) at any time without harm.
    """

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Answer, or raise one of the family in `modgate.errors`."""

    async def close(self) -> None:
        """Stop background work and release what the source holds."""
