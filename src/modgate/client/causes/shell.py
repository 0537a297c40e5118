"""Shell profiles: a variable set where this shell does not read it, without export, or twice."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

NOT_EXPORTED = Cause("MG-SHELL-001", Phase.CONFIG, None, Severity.WARNING, ("variable", "file"))
"""A new variable is set without export: programs do not see it."""
PATH_TWICE = Cause("MG-SHELL-002", Phase.CONFIG, None, Severity.NOTE, ("folder", "file"))
"""The same folder is appended to PATH twice."""
LATER_OVERRIDE = Cause(
    "MG-SHELL-003", Phase.CONFIG, None, Severity.WARNING, ("variable", "first", "second", "value")
)
"""A later line overrides the value."""
NOT_READ = Cause("MG-SHELL-004", Phase.CONFIG, None, Severity.WARNING, ("variable", "file", "shell"))
"""The file is not read by this kind of shell."""
NEW_SHELL_NEEDED = Cause(
    "MG-SHELL-005", Phase.CONFIG, None, Severity.NOTE, ("variable", "file", "value", "actual")
)
"""The profile says one thing, the running shell has another: it was started before."""
