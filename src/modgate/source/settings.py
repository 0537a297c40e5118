"""How long answers live, and how much is done ahead and at once."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CacheSettings", "Memory", "PrefetchSettings"]


@dataclass(frozen=True, slots=True)
class Memory:
    """Seconds for which outcomes are remembered.

    Attributes:
        absent: Absence that an upstream proved.
        broken: A fill that failed after it began: the retry gets the text, not another transfer.
        tampered: A hash, signature or zip that disagrees with its proof.
        entries: At most so many outcomes are remembered.
    """

    absent: float = 20.0
    broken: float = 3.0
    tampered: float = 60.0
    entries: int = 10_000


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Times in seconds.

    Attributes:
        mutable_ttl: `list`, `@latest` and queries are fresh for so long.
        stale_while_refresh: Up to this age the old answer is given at once while one refresh runs.
        refresh_wait: An older answer waits so long for the refresh before the old one is given.
        remembered: See `Memory`.
    """

    mutable_ttl: float = 60.0
    stale_while_refresh: float = 600.0
    refresh_wait: float = 10.0
    remembered: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class PrefetchSettings:
    """What is fetched before it is asked for.

    Attributes:
        concurrency: Prefetches at a time.
        queue: At most so many wait; more are dropped.
        unused_bytes: Nothing more is prefetched while so many prefetched bytes were not asked for.
        unused_for: Seconds after which prefetched bytes that nobody asked for no longer count.
        recent: Seconds for which a client's earlier questions count as the same command.
    """

    concurrency: int = 24
    queue: int = 4096
    unused_bytes: int = 1 << 30
    unused_for: float = 3600.0
    recent: float = 60.0
