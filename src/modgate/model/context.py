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
        consumer: Whom limits and audit count: the name that the request carries, else its address; a
        pseudonym
            where names are not kept.
        groups: The groups (teams) that the consumer belongs to.
        credential_scope: Joint fills and hits are shared within one scope only; empty is public.
        fetch: False for `Disable-Module-Fetch: true` and `/cached-only/`: answer from the store.
        request_id: Appears in logs and error texts.
        background: True for prefetch and refresh: yields to people, never raises alarms of its own.
        head: Only the head of the answer is wanted (HTTP HEAD): a miss asks the upstream's head and
            fills nothing.
        whole: The body must be complete before the answer is given: for clients that could not
            tell a cut body from a complete one (HTTP/1.0 without a length).
        via: Instance ids of the gates the request came through, nearest last (loop detection).
    """

    principal: str = ANONYMOUS
    consumer: str = ""
    credential_scope: str = ""
    fetch: bool = True
    request_id: str = ""
    background: bool = False
    head: bool = False
    whole: bool = False
    via: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()

    def detached(self) -> Context:
        """The same circumstances for work that the server owns and no client can cancel."""
        return replace(self, background=True, head=False, whole=False)
