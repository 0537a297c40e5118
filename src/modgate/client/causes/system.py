"""The machine: clock, containers, WSL, macOS and Windows particulars."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

CLOCK_WRONG = Cause("MG-SYS-001", Phase.TLS, 8, Severity.ERROR, ("seconds", "server"))
"""The clock differs from the servers' by more than certificates bear."""
SYSTEM_PROXY_UNUSED = Cause("MG-SYS-002", Phase.PROXY, None, Severity.WARNING, ("proxy", "system"))
"""A proxy is set in the system's settings, but HTTPS_PROXY is not: go reads only variables."""
PAC_UNUSED = Cause("MG-SYS-003", Phase.PROXY, None, Severity.WARNING, ("url", "system"))
"""A proxy configuration script is set: go cannot run one."""
SYSTEM_PROXY_DIFFERS = Cause(
    "MG-SYS-004", Phase.PROXY, None, Severity.WARNING, ("proxy", "system_proxy", "system")
)
"""The system's proxy and HTTPS_PROXY differ."""
VPN_RESOLVER = Cause("MG-SYS-005", Phase.DNS, None, Severity.NOTE, ("resolver", "interface"))
"""A VPN or a DNS extension answers names."""
NETWORK_EXTENSION = Cause("MG-SYS-006", Phase.CONNECT, None, Severity.NOTE, ("name", "bundle"))
"""A network extension filters connections."""
DOH_PROFILE = Cause("MG-SYS-007", Phase.DNS, None, Severity.NOTE, ("server",))
"""A DNS-over-HTTPS profile is installed."""
PRIVATE_RELAY = Cause("MG-SYS-008", Phase.DNS, None, Severity.NOTE)
"""iCloud Private Relay is on: it covers Safari and DNS, not go's https."""
SIP_PATH = Cause("MG-SYS-009", Phase.CONFIG, None, Severity.WARNING, ("path",))
"""A file is protected by System Integrity Protection: it cannot be changed, and need not be."""
LAUNCHD_DIFFERS = Cause("MG-SYS-010", Phase.CONFIG, 25, Severity.WARNING, ("variable", "launchd", "terminal"))
"""launchd's environment, which GUI programs get, differs from the shell's."""
CONTAINER_RESOLVER = Cause("MG-SYS-011", Phase.DNS, 4, Severity.WARNING, ("nameserver",))
"""A container's resolver points to itself or to nothing."""
CONTAINER_LOOPBACK = Cause("MG-SYS-012", Phase.CONNECT, None, Severity.ERROR, ("variable", "value"))
"""127.0.0.1 inside of a container or WSL is not the host."""
WSL_RESETS = Cause("MG-SYS-013", Phase.CONNECT, None, Severity.NOTE)
"""WSL2 networking is known for resets and clock drift."""
NO_CA_STORE = Cause("MG-SYS-014", Phase.TLS, 6, Severity.ERROR)
"""No CA certificates are installed (a slim container)."""
CERT_FILE_MISSING = Cause("MG-SYS-015", Phase.TLS, 6, Severity.ERROR, ("variable", "path"))
"""SSL_CERT_FILE or SSL_CERT_DIR names what is not there."""
CERT_FILE_IGNORED = Cause("MG-SYS-016", Phase.TLS, 6, Severity.NOTE, ("variable",))
"""SSL_CERT_FILE has no effect on macOS and Windows."""
LOCAL_TOOLCHAIN_IMAGE = Cause("MG-SYS-017", Phase.TOOLCHAIN, None, Severity.NOTE)
"""An official container sets GOTOOLCHAIN=local in go.env."""
HOSTS_FILE = Cause("MG-SYS-018", Phase.DNS, 3, Severity.WARNING, ("host", "address", "file", "line"))
"""The hosts file gives the name an address of its own."""
CERT_FILE_EMPTY = Cause("MG-SYS-019", Phase.TLS, 6, Severity.WARNING, ("variable", "path"))
"""SSL_CERT_FILE or SSL_CERT_DIR gives no certificate; those of the system are used all the same."""
