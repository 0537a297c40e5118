"""Names that do not resolve, or resolve to what is not theirs."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

NO_SUCH_HOST = Cause("MG-DNS-001", Phase.DNS, 4, Severity.ERROR, ("host", "server"))
"""The resolver says that the name does not exist."""
RESOLVER_REFUSED = Cause("MG-DNS-002", Phase.DNS, 4, Severity.ERROR, ("host", "server"))
"""Nothing listens at the resolver's address."""
POISONED = Cause("MG-DNS-003", Phase.DNS, 3, Severity.ERROR, ("host", "address", "right", "resolver"))
"""An answer leads to an address that cannot prove the name; another resolver's can."""
RESOLVER_TIMEOUT = Cause("MG-DNS-004", Phase.DNS, 4, Severity.ERROR, ("host", "server"))
"""The resolver does not answer."""
SERVER_FAILURE = Cause("MG-DNS-005", Phase.DNS, 4, Severity.ERROR, ("host", "server", "text"))
"""The resolver answers with a failure (SERVFAIL, REFUSED)."""
NO_ADDRESS = Cause("MG-DNS-006", Phase.DNS, 4, Severity.ERROR, ("host",))
"""The name exists and has no usable address."""
ANSWERS_DIFFER = Cause("MG-DNS-007", Phase.DNS, None, Severity.NOTE, ("host",))
"""Resolvers answer differently, and each address proves the name: a CDN, no poisoning."""
BOGON = Cause("MG-DNS-008", Phase.DNS, 3, Severity.ERROR, ("host", "address", "resolver"))
"""The answer is an address that no public server has (0.0.0.0, 127.0.0.1, private)."""
