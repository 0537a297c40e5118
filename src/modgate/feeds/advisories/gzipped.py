"""Documents of a Go vulnerability database as they travel: gzip, or inflated on the way."""

from __future__ import annotations

import zlib

from modgate.errors import Invalid

__all__ = ["inflated"]


def inflated(data: bytes, limit: int, where: str) -> bytes:
    """What a document of at most `limit` bytes says. Raises Invalid."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    inflate = zlib.decompressobj(wbits=31)
    try:
        found = inflate.decompress(data, limit + 1)
    except zlib.error as error:
        raise Invalid(f"it is broken: {error}", where=where) from None
    if len(found) > limit:
        raise Invalid(f"it inflates to more than {limit} bytes", where=where)
    if not inflate.eof:
        raise Invalid("it ends too early", where=where)
    return found
