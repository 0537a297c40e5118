"""Who gets a lease: the rule, apart from where leases are kept.

A token is granted once. Renewing keeps it; every other grant of the name, also to the same holder
after a pause, counts up, so that what a late holder still writes can be told from the present one.

A lease that ends later than one granted now would is from before the clock was set back. Nobody waits for
it, since that could be years; whoever holds it renews it long before.
"""

from __future__ import annotations

from modgate.model import Lease

__all__ = ["grant", "holds"]


def grant(present: Lease | None, name: str, holder: str, *, now: float, ttl: float) -> Lease | None:
    """The lease to record, or None while another holds it. `present` is the last grant of the name,
    whose holders all ask for the same `ttl`.
    """
    if present is None:
        return Lease(name=name, holder=holder, token=1, expires_at=now + ttl)
    if present.expires_at > now:
        if present.holder == holder:
            return Lease(name=name, holder=holder, token=present.token, expires_at=now + ttl)
        if present.expires_at <= now + ttl:
            return None
    return Lease(name=name, holder=holder, token=present.token + 1, expires_at=now + ttl)


def holds(present: Lease | None, lease: Lease, *, now: float) -> bool:
    """Whether the lease is still this holder's, under this token."""
    return (
        present is not None
        and present.expires_at > now
        and (present.holder, present.token) == (lease.holder, lease.token)
    )
