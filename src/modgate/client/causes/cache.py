"""The folders that go writes into."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

NOT_WRITABLE = Cause("MG-CACHE-001", Phase.CONFIG, None, Severity.ERROR, ("variable", "path", "why"))
"""GOMODCACHE (or GOCACHE, GOPATH) cannot be written."""
DISK_FULL = Cause("MG-CACHE-002", Phase.CONFIG, None, Severity.ERROR, ("path", "free"))
"""No room is left for modules."""
CASE_FOLDING = Cause("MG-CACHE-003", Phase.CONFIG, None, Severity.NOTE, ("path",))
"""The file system folds case."""
RELATIVE = Cause("MG-CACHE-004", Phase.CONFIG, None, Severity.ERROR, ("variable", "value"))
"""The folder is not an absolute path."""
READ_ONLY_MOUNT = Cause("MG-CACHE-005", Phase.CONFIG, None, Severity.ERROR, ("path",))
"""The file system is mounted read-only."""
TOO_MANY_FILES = Cause("MG-CACHE-006", Phase.CONFIG, None, Severity.ERROR)
"""The limit of open files is too low for go, or another program has used them up."""
