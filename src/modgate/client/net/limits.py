"""How long anything may take: a doctor that hangs with the network would be of no use.

go itself waits 30 s for a connection, 10 s for a handshake, 60 s for CONNECT and for ever after that; who
asks for a diagnosis does not want to.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for each phase, and for a whole probe.

    Attributes:
        dns: One resolver's answer.
        connect: TCP to one host, all its addresses together.
        proxy: CONNECT or the SOCKS handshake.
        tls: The handshake.
        head: From the request to the end of the head.
        silence: Without a byte inside of the body.
        total: The whole probe, redirects included; the body counts up to here as well.
    """

    dns: float = 3.0
    connect: float = 3.5
    proxy: float = 4.0
    tls: float = 4.0
    head: float = 4.0
    silence: float = 4.0
    total: float = 9.0
