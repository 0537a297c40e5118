"""VS Code: the editor's tools get another environment than the terminal."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

TOOLS_ENV_VARS = Cause(
    "MG-VSC-001", Phase.CONFIG, 25, Severity.WARNING, ("variable", "value", "other", "file")
)
"""go.toolsEnvVars sets another value than the terminal has."""
HTTP_PROXY_SETTING = Cause("MG-VSC-002", Phase.CONFIG, 25, Severity.WARNING, ("value", "file"))
"""http.proxy overwrites HTTP(S)_PROXY for the Go tools."""
GOROOT_SETTING = Cause("MG-VSC-003", Phase.CONFIG, 25, Severity.WARNING, ("key", "value", "file"))
"""go.goroot or go.gopath differs from what go says, or is not there."""
UNTRUSTED_WORKSPACE = Cause("MG-VSC-004", Phase.CONFIG, 25, Severity.WARNING, ("folder",))
"""The workspace is not trusted: its settings are ignored."""
GUI_ENVIRONMENT = Cause("MG-VSC-005", Phase.CONFIG, 25, Severity.WARNING, ("variable", "gui", "terminal"))
"""Programs started from the desktop get another value than the terminal."""
RELOAD_NEEDED = Cause("MG-VSC-006", Phase.CONFIG, 25, Severity.WARNING, ("variable", "old", "new"))
"""The window must be reloaded: the extension read the value once."""
SETTINGS_BROKEN = Cause("MG-VSC-007", Phase.CONFIG, 25, Severity.WARNING, ("file", "why"))
"""settings.json cannot be read."""
TERMINAL_ENV_ONLY = Cause("MG-VSC-008", Phase.CONFIG, 25, Severity.NOTE, ("variable", "file"))
"""terminal.integrated.env.* reaches terminals only, not gopls."""
PROXY_IN_TOOLS_ENV = Cause("MG-VSC-009", Phase.CONFIG, 25, Severity.ERROR, ("value", "why", "file"))
"""GOPROXY in go.toolsEnvVars is itself wrong."""
IMPORT_HIDDEN = Cause("MG-VSC-010", Phase.CONFIG, 25, Severity.ERROR, ("package",))
"""gopls cannot import a package, and what the download said does not show in its log."""
