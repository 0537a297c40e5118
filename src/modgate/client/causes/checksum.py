"""go.sum and the checksum database, its transport included."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

GO_SUM_MISMATCH = Cause("MG-SUM-001", Phase.CHECKSUM, 21, Severity.ERROR, ("module",))
"""What was downloaded differs from what go.sum has."""
DATABASE_TIMEOUT = Cause("MG-SUM-002", Phase.CHECKSUM, 2, Severity.ERROR, ("host", "module"))
"""The checksum database does not answer; the proxy does not carry it."""
BAD_SIGNATURE = Cause("MG-SUM-003", Phase.CHECKSUM, 21, Severity.ERROR, ("host",))
"""The signature on the database's answer is not its key's."""
DATABASE_STATUS = Cause("MG-SUM-004", Phase.CHECKSUM, None, Severity.ERROR, ("host", "status", "text"))
"""The database answers with an error."""
NOT_IN_DATABASE = Cause("MG-SUM-005", Phase.CHECKSUM, 13, Severity.ERROR, ("module", "text"))
"""The database does not know it: private, or not published."""
NOT_PROXIED = Cause("MG-SUM-006", Phase.CHECKSUM, 2, Severity.ERROR, ("host",))
"""The proxy does not carry the checksum database."""
DATABASE_UNREACHABLE = Cause("MG-SUM-007", Phase.CHECKSUM, 2, Severity.ERROR, ("host", "text"))
"""The database cannot be reached (DNS, connection, TLS)."""
DATABASE_MISMATCH = Cause("MG-SUM-008", Phase.CHECKSUM, 21, Severity.ERROR, ("module",))
"""What was downloaded differs from what the database has: a retag or a stale mirror."""
MISSING_GO_SUM = Cause("MG-SUM-009", Phase.CHECKSUM, None, Severity.ERROR, ("module",))
"""go.sum lacks the line, and this command may not add it."""
TREE_FORK = Cause("MG-SUM-010", Phase.CHECKSUM, 21, Severity.ERROR, ("host",))
"""The database shows two histories."""
BAD_ANSWER = Cause("MG-SUM-011", Phase.CHECKSUM, None, Severity.ERROR, ("host", "text"))
"""The database's answer cannot be read (HTML, garbage)."""
