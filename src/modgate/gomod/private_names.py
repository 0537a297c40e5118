"""Names that look private: hosts that no public zone holds, so that only a company can mean them.

Sent to a public proxy or checksum database such a name finds nothing and tells strangers what a
company calls its servers. Sources: RFC 6761, RFC 6762 (local), RFC 8375 (home.arpa), ICANN's reservation
of `internal` (2024), its refusal to delegate corp and home (2018), and the URL standard for hosts that
end in a number, which are addresses in one of their many spellings.
"""

from __future__ import annotations

import re

__all__ = ["looks_private"]

_INSIDE = re.compile(
    r"(?:[^/]*\.)?(?:internal|intranet|corp|local|localdomain|localhost|lan|home|private)(?::\d+)?\Z"
    r"|(?:[^/]*\.)?home\.arpa(?::\d+)?\Z"
    r"|[^./]+\Z|(?:[^/]*\.)?(?:\d+|0x[0-9a-f]*)(?::\d+)?\Z"
)


def looks_private(path: str) -> bool:
    """Whether the first element of a module path is a host only the inside of a network can have."""
    return _INSIDE.match(path.partition("/")[0].lower().rstrip(".")) is not None
