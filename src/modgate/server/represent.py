"""From an answer to HTTP: validators, freshness, ranges, conditional requests (RFC 9110, 9111).

Rules: what can never change says so for a year and carries the SHA-256 of its bytes as a strong
ETag; what can change says for how long, never more than a minute ahead; only what is complete here
is cut into ranges, so that no range is ever answered from bytes whose tail may still be refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, cast

from modgate.server.respond import Headers, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from modgate.model.blob import Blob

__all__ = ["MUTABLE_MAX_AGE", "Representation", "respond"]

MUTABLE_MAX_AGE = 60.0
"""Seconds ahead for which a client may keep an answer that can change."""

_IMMUTABLE = b"max-age=31536000, immutable"
# Possessive: a header full of blanks would otherwise be tried in every split, for half a second each.
_ONE_RANGE = re.compile(rb"\s*+bytes\s*+=\s*+(\d{0,18}+)\s*+-\s*+(\d{0,18}+)\s*+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Representation:
    """A 200 answer before the request's conditions and ranges are looked at.

    Attributes:
        content_type: Media type.
        body: All of the bytes, a stored blob, or a stream with one reader.
        size: Bytes, None where a stream did not say.
        extra: Headers of ours (`Modgate-Verified` and the like).
        immutable: Whether the bytes can never change.
        sha256: Hex; empty where it is not known yet.
        modified: Unix seconds when the bytes were stored.
        age: Seconds since a source confirmed a mutable answer.
        rest: Seconds for which a mutable answer may still be reused; None: ask again each time.
        shared: Whether caches on the way may give it to other clients.
        about: What logs and spans say of it.
    """

    content_type: bytes
    body: bytes | Blob | AsyncIterator[bytes]
    size: int | None
    extra: Headers
    immutable: bool
    sha256: str = ""
    modified: float | None = None
    age: float = 0.0
    rest: float | None = None
    shared: bool = True
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all bytes are here: what ranges and conditions need."""
        return isinstance(self.body, bytes) or self.blob is not None

    @property
    def blob(self) -> Blob | None:
        """The stored blob, if the body is one."""
        return cast("Blob", self.body) if hasattr(self.body, "meta") else None

    @property
    def etag(self) -> bytes:
        """The strong validator, empty where there is none."""
        return f'"{self.sha256}"'.encode() if self.sha256 else b""

    def validators(self) -> Headers:
        """What a 304 repeats."""
        headers: Headers = []
        whose = b"public" if self.shared else b"private"
        if self.sha256:
            headers.append((b"etag", self.etag))
        if self.modified is not None and self.immutable:
            headers.append((b"last-modified", formatdate(self.modified, usegmt=True).encode()))
        if self.immutable:
            headers.append((b"cache-control", b"%s, %s" % (whose, _IMMUTABLE)))
        elif self.rest is None:
            headers.append((b"cache-control", b"no-cache" if self.shared else b"private, no-cache"))
        else:
            # max-age counts from the confirmation, as Age does, so their difference is what is left.
            ahead = max(0.0, min(MUTABLE_MAX_AGE, self.rest))
            headers.append((b"cache-control", b"%s, max-age=%d" % (whose, self.age + ahead)))
            headers.append((b"age", str(int(self.age)).encode()))
        return headers

    def headers(self) -> Headers:
        """All headers of a 200, except its Content-Length."""
        ranges = [(b"accept-ranges", b"bytes")] if self.immutable and self.complete else []
        return [
            (b"content-type", self.content_type),
            *self.validators(),
            *ranges,
            (b"x-content-type-options", b"nosniff"),
            *self.extra,
        ]


def respond(rep: Representation, headers: Mapping[bytes, bytes], *, head: bool) -> Response:
    """The response to GET or HEAD under the request's conditional and range headers.

    `headers` has lower-case names; repeated ones are joined with commas.
    """
    whole = Response(200, rep.headers(), _stream(rep, 0, None), rep.size)
    if not rep.immutable or not rep.complete or rep.size is None:
        return whole
    if _not_modified(rep, headers):
        return Response(304, [*rep.validators(), *rep.extra])
    wanted = headers.get(b"range")
    if wanted is None or head or not _if_range(rep, headers):
        return whole
    span = _one_range(wanted, rep.size)
    if span is None:
        return whole
    start, stop = span
    if start >= stop:
        return Response(
            416, [(b"content-range", f"bytes */{rep.size}".encode()), (b"cache-control", b"no-store")], b"", 0
        )
    where = (b"content-range", f"bytes {start}-{stop - 1}/{rep.size}".encode())
    return Response(206, [*rep.headers(), where], _stream(rep, start, stop), stop - start)


def _stream(rep: Representation, start: int, stop: int | None) -> bytes | AsyncIterator[bytes]:
    if isinstance(rep.body, bytes):
        return rep.body[start:stop]
    blob = rep.blob
    return cast("AsyncIterator[bytes]", rep.body) if blob is None else blob.chunks(start, stop)


def _not_modified(rep: Representation, headers: Mapping[bytes, bytes]) -> bool:
    tags = headers.get(b"if-none-match")
    if tags is not None:
        # If-None-Match compares weakly, and silences If-Modified-Since (RFC 9110, 13.1.2-3).
        asked = {tag.strip().removeprefix(b"W/") for tag in tags.split(b",")}
        return b"*" in asked or (bool(rep.etag) and rep.etag in asked)
    since = _seconds(headers.get(b"if-modified-since"))
    return since is not None and rep.modified is not None and int(rep.modified) <= since


def _if_range(rep: Representation, headers: Mapping[bytes, bytes]) -> bool:
    condition = headers.get(b"if-range")
    if condition is None:
        return True
    if condition.startswith((b'"', b"W/")):
        return bool(rep.etag) and condition == rep.etag
    return rep.modified is not None and _seconds(condition) == int(rep.modified)


def _seconds(value: bytes | None) -> int | None:
    if value is None:
        return None
    parsed = parsedate_tz(value.decode("latin-1"))
    if parsed is None:
        return None
    try:
        return int(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None


def _one_range(value: bytes, size: int) -> tuple[int, int] | None:
    """The span asked for; empty if it cannot be satisfied; None to answer with the whole (several
    ranges, other units, nonsense).
    """
    match = _ONE_RANGE.fullmatch(value)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start = int(match[1])
    stop = min(size, int(match[2]) + 1) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    return min(start, size), stop if start < size else min(start, size)
