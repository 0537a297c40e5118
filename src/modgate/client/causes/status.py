"""A complete head with an error status, or a redirect that go does not follow."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

UNAUTHORIZED = Cause("MG-STAT-001", Phase.STATUS, None, Severity.ERROR, ("host", "text"))
"""401: the proxy wants credentials."""
FORBIDDEN = Cause("MG-STAT-002", Phase.STATUS, 11, Severity.ERROR, ("host", "text"))
"""403: policy; `,` stops there."""
NOT_FOUND = Cause("MG-STAT-003", Phase.STATUS, 12, Severity.ERROR, ("host", "module", "text"))
"""404 or 410 from every entry: no such version, a private module, or mirror lag."""
GONE = Cause("MG-STAT-004", Phase.STATUS, 12, Severity.ERROR, ("host", "module", "text"))
"""410."""
TOO_MANY = Cause("MG-STAT-005", Phase.STATUS, None, Severity.ERROR, ("host", "text"))
"""429: the proxy limits this client."""
LEGAL = Cause("MG-STAT-006", Phase.STATUS, None, Severity.ERROR, ("host", "text"))
"""451."""
SERVER_ERROR = Cause("MG-STAT-007", Phase.STATUS, None, Severity.ERROR, ("host", "status", "text"))
"""5xx: the proxy is broken or busy."""
OTHER = Cause("MG-STAT-008", Phase.STATUS, None, Severity.ERROR, ("host", "status", "text"))
"""Another status that is no success."""
REDIRECT_INSECURE = Cause("MG-STAT-009", Phase.STATUS, None, Severity.ERROR, ("host", "target"))
"""https redirects to http: go refuses."""
REDIRECT_LOOP = Cause("MG-STAT-010", Phase.STATUS, None, Severity.ERROR, ("host",))
"""Ten redirects."""
MIRROR_LAG = Cause("MG-STAT-011", Phase.STATUS, 12, Severity.ERROR, ("host", "module", "other"))
"""One proxy has no such version, another has."""
NO_SUCH_VERSION = Cause("MG-STAT-012", Phase.STATUS, 12, Severity.ERROR, ("module", "text"))
"""Every source proves that the version does not exist."""
