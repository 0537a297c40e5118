"""The server name in a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3): what a censor reads."""

from __future__ import annotations

__all__ = ["server_name"]


def server_name(record: bytes) -> str:
    """The name, in lower case; empty where there is none or it is no ClientHello."""
    if record[:1] != b"\x16" or record[5:6] != b"\x01":
        return ""
    at = 5 + 4 + 2 + 32
    at += 1 + record[at]
    at += 2 + int.from_bytes(record[at : at + 2])
    at += 1 + record[at]
    end = at + 2 + int.from_bytes(record[at : at + 2])
    at += 2
    while at + 4 <= min(end, len(record)):
        kind, size = int.from_bytes(record[at : at + 2]), int.from_bytes(record[at + 2 : at + 4])
        if kind == 0:
            length = int.from_bytes(record[at + 7 : at + 9])
            return record[at + 9 : at + 9 + length].decode("ascii", "replace").lower()
        at += 4 + size
    return ""
