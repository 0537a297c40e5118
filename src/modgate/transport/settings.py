"""How patient and how careful the gate is with its upstreams."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TransportSettings"]


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Limits of one upstream; times in seconds, sizes in bytes.

    Attributes:
        connect: DNS, TCP, proxy CONNECT and TLS together.
        head: From the request sent to the head of the answer.
        stall: A body must bring at least `stall_bytes` in every such span.
        stall_bytes: See `stall`; the floor that tells a slow line from a stuck one.
        total: The whole transfer of one object.
        retries: Further tries after a broken answer, before any byte was passed on.
        backoff: The first pause between tries; doubles, with full jitter.
        connections: At most so many at a time to one upstream.
        redirects: At most so many hops.
        breaker_failures: Failures in a row that open the breaker.
        breaker_pause: Pause until a trial.
        redirect_hosts: Hosts (`host` or `host:port`) a redirect may name although they are internal.
    """

    connect: float = 10.0
    head: float = 30.0
    stall: float = 20.0
    stall_bytes: int = 4096
    total: float = 1800.0
    retries: int = 2
    backoff: float = 0.2
    connections: int = 96
    redirects: int = 10
    breaker_failures: int = 8
    breaker_pause: float = 5.0
    redirect_hosts: tuple[str, ...] = ()
