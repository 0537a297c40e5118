"""How many files and connections this process may have open at once.

Shells and service managers start processes with a soft limit of 1,024, a leftover of select(2), below the
limit on connections; idle clients alone could then keep the store from being read. So the soft limit is
raised to the hard one, and where that is low, connections leave room for files.
"""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

__all__ = ["connections_within", "raise_limit"]

_ENOUGH = 1 << 16
_OWN = 512
"""For the store, the ledger, open hot files and upstreams."""
_EACH = 2
"""A connection that was sent a file holds a second descriptor (`server.wire`)."""


def raise_limit() -> int | None:
    """Raise the soft limit as far as it goes and is of use; the limit that holds, None for none."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY:
        return None
    if soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted


def connections_within(limit: int | None, wanted: int) -> int:
    """At most `wanted` connections that leave files enough of `limit` descriptors, and at least one."""
    if limit is None:
        return wanted
    room = limit - min(_OWN, limit // 2)
    return max(1, min(wanted, room // _EACH))
