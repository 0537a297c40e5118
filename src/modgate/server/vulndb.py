"""`/vulndb/…`: what is known of vulnerabilities, for `GOVULNDB=http://…/vulndb`.

govulncheck asks HEAD `index/modules.json.gz` and then reads `.json.gz` files, which it inflates itself: they
are bytes of their own kind, never a `Content-Encoding`. What cannot be answered yet is 503 and never an empty
database, which would say that nothing is affected.
"""

from __future__ import annotations

import asyncio
import re
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, Protocol

from modgate.errors import Absent
from modgate.server.respond import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.server.respond import Headers

__all__ = ["PREFIX", "Database", "File", "VulnDB"]

PREFIX = "/vulndb/"

_NAME = re.compile(r"(?:index/(?:db|modules|vulns)|ID/[A-Za-z0-9][A-Za-z0-9._-]{0,127})\.json(?:\.gz)?")
_MAX_AGE = 60


class File(Protocol):
    """A file of the database: its bytes, what names them, when they changed (Unix seconds)."""

    @property
    def body(self) -> bytes: ...  # noqa: D102  see the class

    @property
    def etag(self) -> str: ...  # noqa: D102  likewise

    @property
    def modified(self) -> float: ...  # noqa: D102  likewise


class Database(Protocol):
    """The database of one moment."""

    def document(self, name: str) -> File | None:
        """The file of that name; None where there is none. Blocks. Raises Unavailable."""


class VulnDB:
    """Answers `/vulndb/` URLs.

    `database` is the one in force, None where none is served. It raises Unavailable while there is none yet.
    """

    def __init__(self, database: Callable[[], Database | None]) -> None:
        self._database = database

    async def answer(self, path: str, headers: Mapping[bytes, bytes], extra: Headers) -> Response:
        """The answer to a path that begins with `/vulndb/`, with the headers `extra`; `headers` are the
        request's, their names lower-case.

        Raises Absent, Unavailable.
        """
        name = path.removeprefix(PREFIX)
        database = self._database()
        if database is None:
            raise Absent(
                "no vulnerability database is served here",
                next_step="Its operator names one in advisories.sources.",
            )
        found = await asyncio.to_thread(database.document, name) if _NAME.fullmatch(name) else None
        if found is None:
            raise Absent("the vulnerability database has no such file")
        etag = f'"{found.etag}"'.encode()
        validators: Headers = [
            (b"etag", etag),
            (b"last-modified", formatdate(found.modified, usegmt=True).encode()),
            (b"cache-control", b"public, max-age=%d" % _MAX_AGE),
            *extra,
        ]
        if _unchanged(headers, etag, found.modified):
            return Response(304, validators)
        kind = b"application/gzip" if name.endswith(".gz") else b"application/json"
        return Response(
            200,
            [(b"content-type", kind), (b"x-content-type-options", b"nosniff"), *validators],
            found.body,
            len(found.body),
        )


def _unchanged(headers: Mapping[bytes, bytes], etag: bytes, modified: float) -> bool:
    tags = headers.get(b"if-none-match")
    if tags is not None:
        # It compares weakly, and silences If-Modified-Since (RFC 9110, 13.1.2-3).
        asked = {tag.strip().removeprefix(b"W/") for tag in tags.split(b",")}
        return b"*" in asked or etag in asked
    since = parsedate_tz(headers.get(b"if-modified-since", b"").decode("latin-1"))
    try:
        return since is not None and int(modified) <= mktime_tz(since)
    except (ValueError, OverflowError):
        return False
