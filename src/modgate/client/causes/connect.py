"""Addresses that cannot be reached."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

TIMEOUT = Cause("MG-NET-001", Phase.CONNECT, 1, Severity.ERROR, ("host", "address"))
"""No answer to the connection attempt."""
REFUSED = Cause("MG-NET-002", Phase.CONNECT, None, Severity.ERROR, ("host", "address"))
"""Nothing listens there."""
NO_ROUTE = Cause("MG-NET-003", Phase.CONNECT, None, Severity.ERROR, ("host", "address", "text"))
"""No route, or the network is unreachable."""
IPV6_BROKEN = Cause("MG-NET-004", Phase.CONNECT, None, Severity.WARNING, ("host", "address"))
"""IPv6 fails where IPv4 works."""
RESET = Cause("MG-NET-005", Phase.CONNECT, None, Severity.ERROR, ("host", "address"))
"""The connection is reset while it is being made."""
OFFLINE = Cause("MG-NET-006", Phase.CONNECT, 1, Severity.ERROR)
"""Nothing outside can be reached: there is no network."""
THROTTLED = Cause(
    "MG-NET-007", Phase.CONNECT, None, Severity.WARNING, ("host", "rate", "other", "other_rate")
)
"""The body arrives far slower than from a second host."""
PERMISSION = Cause("MG-NET-008", Phase.CONNECT, None, Severity.ERROR, ("host", "text"))
"""The system forbids the connection (a firewall, a sandbox)."""
