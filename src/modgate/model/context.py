"""Who asks, for which consumer, until when, and whether a fetch is allowed.

Every method of every protocol takes one from the first day, so that identity can be switched on
without a rewrite.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["ANONYMOUS", "Context"]

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of one request.

    Attributes:
        principal: The authenticated identity, `anonymous` without one.
        consumer: Whom limits and audit count: the client's address until identity names more.
        credential_scope: Joint fills and hits are shared within one scope only; empty is public.
        fetch: False for `Disable-Module-Fetch: true` and `/cached-only/`: answer from the store.
        request_id: Appears in logs and error texts.
        background: True for prefetch and refresh: yields to people, never raises alarms of its own.
    """

    principal: str = ANONYMOUS
    consumer: str = ""
    credential_scope: str = ""
    fetch: bool = True
    request_id: str = ""
    background: bool = False

    def detached(self) -> Context:
        """The same circumstances for work that the server owns and no client can cancel."""
        return replace(self, background=True)
