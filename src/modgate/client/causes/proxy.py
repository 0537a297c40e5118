"""HTTP_PROXY, HTTPS_PROXY, NO_PROXY and what stands behind them."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

AUTH_REQUIRED = Cause("MG-PRX-001", Phase.PROXY, 9, Severity.ERROR, ("proxy",))
"""CONNECT is answered with 407: credentials are missing or of a kind go does not speak (NTLM)."""
UNREACHABLE = Cause("MG-PRX-002", Phase.PROXY, 10, Severity.ERROR, ("proxy", "text"))
"""The proxy cannot be reached."""
CONNECT_REFUSED = Cause("MG-PRX-003", Phase.PROXY, None, Severity.ERROR, ("proxy", "status", "host"))
"""The proxy answers CONNECT with an error."""
HANGS = Cause("MG-PRX-004", Phase.PROXY, 20, Severity.ERROR, ("proxy",))
"""The proxy accepts and never answers CONNECT."""
MALFORMED = Cause("MG-PRX-005", Phase.PROXY, 10, Severity.ERROR, ("variable", "value", "source"))
"""The variable is no URL."""
UNKNOWN_SCHEME = Cause("MG-PRX-006", Phase.PROXY, 10, Severity.ERROR, ("variable", "value", "source"))
"""A scheme that go does not speak."""
NOT_FOR_LOOPBACK = Cause("MG-PRX-007", Phase.PROXY, None, Severity.NOTE, ("variable", "host"))
"""go never sends loopback through a proxy."""
BROKEN_ANSWER = Cause("MG-PRX-008", Phase.PROXY, 10, Severity.ERROR, ("proxy", "text"))
"""What listens there is no HTTP proxy."""
DIRECT_WORKS = Cause("MG-PRX-009", Phase.PROXY, None, Severity.NOTE, ("proxy", "host"))
"""Without the proxy the host answers."""
CASE_DIFFERS = Cause("MG-PRX-010", Phase.PROXY, None, Severity.WARNING, ("upper", "lower"))
"""The upper-case and lower-case variables differ; go takes the upper-case one, curl the other."""
SOCKS_FAILED = Cause("MG-PRX-011", Phase.PROXY, 10, Severity.ERROR, ("proxy", "text"))
"""The SOCKS proxy refuses or cannot be reached."""
NO_PROXY_PATTERN = Cause("MG-PRX-012", Phase.PROXY, None, Severity.WARNING, ("value", "why", "source"))
"""An entry of NO_PROXY that cannot match."""
ALL_PROXY_IGNORED = Cause("MG-PRX-013", Phase.PROXY, None, Severity.WARNING, ("value",))
"""Only ALL_PROXY is set: go does not read it."""
HTTP_ALONE = Cause("MG-PRX-014", Phase.PROXY, None, Severity.WARNING, ("variable", "proxy"))
"""HTTP_PROXY is set without HTTPS_PROXY: go uses it for http:// alone."""
NOT_TLS = Cause("MG-PRX-015", Phase.PROXY, 10, Severity.ERROR, ("variable", "proxy", "plain", "text"))
"""The variable says https://, and the proxy does not speak TLS."""
