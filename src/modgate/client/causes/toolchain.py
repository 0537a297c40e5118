"""Choosing or downloading a Go toolchain."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

NOT_AVAILABLE = Cause("MG-TC-001", Phase.TOOLCHAIN, 23, Severity.ERROR, ("version", "text"))
"""No source has this toolchain (the mirror does not carry golang.org/toolchain)."""
UNVERIFIABLE = Cause("MG-TC-002", Phase.TOOLCHAIN, 23, Severity.ERROR, ("version",))
"""GOSUMDB=off: a toolchain may not be used unverified."""
UNREACHABLE = Cause("MG-TC-003", Phase.TOOLCHAIN, 23, Severity.ERROR, ("version", "host", "text"))
"""The proxy cannot be reached for the toolchain."""
TOO_OLD = Cause("MG-TC-004", Phase.TOOLCHAIN, None, Severity.ERROR, ("needed", "actual"))
"""go.mod wants a newer go, and GOTOOLCHAIN=local forbids a download."""
NOT_CARRIED = Cause("MG-TC-005", Phase.TOOLCHAIN, 23, Severity.WARNING, ("host",))
"""A proxy of the chain does not carry toolchains."""
UNKNOWN = Cause("MG-TC-006", Phase.TOOLCHAIN, 23, Severity.ERROR, ("version",))
"""There is no such version of Go."""
