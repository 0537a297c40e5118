"""The body is cut or stalls."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

CUT = Cause("MG-BODY-001", Phase.BODY, 19, Severity.ERROR, ("host", "url"))
"""Fewer bytes than announced."""
STALL = Cause("MG-BODY-002", Phase.BODY, 20, Severity.ERROR, ("host", "url"))
"""The body stops arriving; go waits for ever."""
H2_STREAM = Cause("MG-BODY-003", Phase.BODY, 19, Severity.ERROR, ("host", "text"))
"""The HTTP/2 stream is reset inside the body."""
RESET = Cause("MG-BODY-004", Phase.BODY, 19, Severity.ERROR, ("host", "url"))
"""The connection is reset inside the body."""
TIMEOUT = Cause("MG-BODY-005", Phase.BODY, 20, Severity.ERROR, ("host", "url"))
"""A time limit passed inside the body."""
