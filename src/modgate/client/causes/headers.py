"""The request was sent, and no complete response head came."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

CLOSED = Cause("MG-HTTP-001", Phase.HEADERS, 19, Severity.ERROR, ("host",))
"""Closed without an answer."""
RESET = Cause("MG-HTTP-002", Phase.HEADERS, None, Severity.ERROR, ("host",))
"""Reset after the request."""
GARBAGE = Cause("MG-HTTP-003", Phase.HEADERS, None, Severity.ERROR, ("host", "text"))
"""The answer is not HTTP."""
STALL = Cause("MG-HTTP-004", Phase.HEADERS, 20, Severity.ERROR, ("host",))
"""No answer; go waits for ever."""
H2_ERROR = Cause("MG-HTTP-005", Phase.HEADERS, 19, Severity.ERROR, ("host", "text"))
"""An HTTP/2 error before the head."""
TLS_PORT = Cause("MG-HTTP-006", Phase.HEADERS, None, Severity.ERROR, ("host",))
"""http:// to a port that speaks TLS."""
H2_GOAWAY = Cause("MG-HTTP-007", Phase.HEADERS, 19, Severity.ERROR, ("host", "text"))
"""The server closed the HTTP/2 connection."""
HEADER_TIMEOUT = Cause("MG-HTTP-008", Phase.HEADERS, 20, Severity.ERROR, ("host",))
"""A time limit passed while waiting for the head."""
