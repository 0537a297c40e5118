"""The handshake, and who the other side says it is."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

TIMEOUT = Cause("MG-TLS-001", Phase.TLS, 5, Severity.ERROR, ("host", "address"))
"""No answer to ClientHello."""
RESET = Cause("MG-TLS-002", Phase.TLS, 5, Severity.ERROR, ("host", "address"))
"""Reset after ClientHello: how a block by name looks."""
CLOSED = Cause("MG-TLS-003", Phase.TLS, 5, Severity.ERROR, ("host", "address"))
"""Closed in the handshake."""
UNKNOWN_AUTHORITY = Cause("MG-TLS-004", Phase.TLS, 6, Severity.ERROR, ("host", "issuer"))
"""Signed by an authority that this machine does not trust: interception, or a company's CA."""
WRONG_NAME = Cause("MG-TLS-005", Phase.TLS, 7, Severity.ERROR, ("host", "names"))
"""The certificate is for other names."""
NOT_YET_VALID = Cause("MG-TLS-006", Phase.TLS, 8, Severity.ERROR, ("host", "text"))
"""Not yet valid: the clock of this machine is slow."""
EXPIRED = Cause("MG-TLS-007", Phase.TLS, 8, Severity.ERROR, ("host", "text"))
"""Expired: the server's certificate, or a clock that is fast."""
NOT_TLS = Cause("MG-TLS-008", Phase.TLS, None, Severity.ERROR, ("host",))
"""The port does not speak TLS: https:// to a plain HTTP port."""
SNI_BLOCKED = Cause("MG-TLS-009", Phase.TLS, 5, Severity.ERROR, ("host", "address"))
"""The same address answers under another name: the name is blocked."""
INTERCEPTED = Cause("MG-TLS-010", Phase.TLS, 6, Severity.WARNING, ("host", "issuer"))
"""Certificates of several hosts come from one private authority: traffic is being inspected."""
ALERT = Cause("MG-TLS-011", Phase.TLS, None, Severity.ERROR, ("host", "text"))
"""The server refuses the handshake."""
OTHER_CERTIFICATE = Cause("MG-TLS-012", Phase.TLS, 6, Severity.ERROR, ("host", "text"))
"""The certificate is refused for another reason (legacy name, weak signature)."""
