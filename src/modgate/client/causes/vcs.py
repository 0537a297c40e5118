"""Fetching from version control."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

NO_CREDENTIALS = Cause("MG-VCS-001", Phase.VCS, 14, Severity.ERROR, ("host",))
"""git wants a user name, and may not ask."""
NO_SECURE_PROTOCOL = Cause("MG-VCS-002", Phase.VCS, 15, Severity.ERROR, ("module",))
"""`no secure protocol found`: hides a 401, a 404 or TLS."""
NO_GO_IMPORT = Cause("MG-VCS-003", Phase.VCS, 16, Severity.ERROR, ("module", "text"))
"""The page has no go-import tag: a wrong path or a login page."""
REPOSITORY_MISSING = Cause("MG-VCS-004", Phase.VCS, None, Severity.ERROR, ("repository", "text"))
"""The repository does not exist, or this user may not see it."""
PROGRAM_MISSING = Cause("MG-VCS-005", Phase.VCS, None, Severity.ERROR, ("program",))
"""git (or hg, svn) is not installed."""
SSH_DENIED = Cause("MG-VCS-006", Phase.VCS, 14, Severity.ERROR, ("host", "text"))
"""ssh refuses: no key, or an unknown host."""
UNKNOWN_REVISION = Cause("MG-VCS-007", Phase.VCS, None, Severity.ERROR, ("module", "text"))
"""The repository has no such revision."""
FETCH_FAILED = Cause("MG-VCS-008", Phase.VCS, None, Severity.ERROR, ("host", "text"))
"""git could not fetch for a reason of the network."""
NETRC_MISSING = Cause("MG-VCS-009", Phase.VCS, 14, Severity.WARNING, ("host", "path"))
"""Nothing offers credentials for a private host."""
NETRC_BROKEN = Cause("MG-VCS-010", Phase.VCS, 14, Severity.WARNING, ("path", "why"))
"""netrc cannot be read, or others may read it."""
HOST_UNRESOLVED = Cause("MG-VCS-011", Phase.VCS, 4, Severity.ERROR, ("host", "text"))
"""`direct` leads to a host whose name does not resolve."""
INSECURE_REPOSITORY = Cause("MG-VCS-012", Phase.VCS, None, Severity.ERROR, ("module", "text"))
"""The repository is only reachable over http."""
FORBIDDEN = Cause("MG-VCS-013", Phase.CONFIG, None, Severity.ERROR, ("program", "text"))
"""GOVCS does not allow this version control program for this path."""
