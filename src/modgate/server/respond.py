"""The one table from errors to HTTP, and what an answer looks like before it is sent.

The go command shows an error text to the person only if it is text/plain, has no control
character, and then at most eight lines and about 640 bytes up to the first blank line
(cmd/go/internal/web/api.go). So every text is brought into that form here, whatever an upstream,
a module or a URL put into it. 404 and 410 mean "absent" and nothing else: after them the go command
asks the next proxy of its chain, and a failure would silently change where code comes from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import (
    Absent,
    Conflict,
    Denied,
    Invalid,
    ModgateError,
    Tampered,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnavailableKind,
    Unverified,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

__all__ = ["TEXT", "Headers", "Response", "error_response", "error_text", "status_of", "text_response"]

Headers = list[tuple[bytes, bytes]]

TEXT = b"text/plain; charset=utf-8"

_MAX_LINES = 8
_MAX_BYTES = 640
_MAX_LINE = 300
_UNAVAILABLE: dict[UnavailableKind, int] = {
    "bad-answer": 502,
    "unreachable": 502,
    "overloaded": 503,
    "stopping": 503,
    "timeout": 504,
    "loop": 508,
    "storage-full": 507,
}


@dataclass(slots=True)
class Response:
    """Status, headers and body, not yet bound to a protocol.

    `size` is the Content-Length; None (a stream of unknown length) means chunked. `body` is sent as it is,
    except for HEAD and 304.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""
    size: int | None = None


def status_of(error: ModgateError) -> int:
    """The status that says what a client may conclude from the error."""
    match error:
        case TooLarge():
            return 413
        case Conflict():
            return 409
        case Invalid(malformed=malformed):
            return 400 if malformed else 404
        case Absent(gone=gone):
            return 410 if gone else 404
        case Unauthenticated():
            return 401
        case Denied() | Unverified():
            return 403
        case Unavailable(kind=kind):
            return _UNAVAILABLE[kind]
        case Tampered():
            return 502
        case _:
            return 500


def _visible(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in line
    )


def _cut(text: str, size: int) -> str:
    data = text.encode()
    if len(data) <= size:
        return text
    return data[: size - 3].decode("utf-8", "ignore") + "…"


def error_text(lines: Iterable[str], *, last: str = "") -> bytes:
    """The lines as the go command shows them: at most 8, at most 640 bytes, no control characters.

    `last` (the request id) survives whatever the other lines do. A line break within a line counts
    as one; blank lines are dropped, because the go command stops at them.
    """
    room = _MAX_BYTES - (len(last.encode()) + 1 if last else 0)
    kept: list[str] = []
    for piece in (piece for line in lines for piece in line.splitlines()):
        visible = _cut(_visible(piece).strip(), min(_MAX_LINE, room - 1))
        if not visible:
            continue
        kept.append(visible)
        room -= len(visible.encode()) + 1
        if room < 8 or len(kept) == _MAX_LINES - bool(last):
            break
    return "".join(f"{line}\n" for line in [*kept, *([last] if last else [])]).encode()


def text_response(status: int, lines: Iterable[str], headers: Headers | None = None) -> Response:
    """A short text for people that nobody may cache."""
    body = error_text(lines)
    return Response(
        status,
        [
            (b"content-type", TEXT),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *(headers or []),
        ],
        body,
        len(body),
    )


def error_response(error: BaseException, request_id: str = "") -> Response:
    """What a client is told about an error.

    Anything outside `modgate.errors` becomes 500 and the request id alone: its text may hold what
    clients must not see and belongs into the log.
    """
    last = f"request {request_id}" if request_id else ""
    headers: Headers = []
    if isinstance(error, ModgateError):
        status, lines = status_of(error), error.lines()
        if isinstance(error, Absent) and error.verbatim:
            lines, last = [error.what], ""
    else:
        status, lines = 500, ["internal error; the log of the server has more under this request id"]
    if isinstance(error, Unavailable) and error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    if isinstance(error, Unauthenticated):
        scheme = error.scheme if error.scheme.isalnum() and error.scheme.isascii() else "Basic"
        headers.append((b"www-authenticate", f'{scheme} realm="modgate"'.encode()))
    if isinstance(error, Denied) and error.decision:
        # The decision's id names the case; a line more would push the way out of the text.
        last = ""
        headers.append((b"modgate-decision", error.decision.encode("ascii")))
    body = error_text(lines, last=last)
    return Response(
        status,
        [
            (b"content-type", TEXT),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *headers,
        ],
        body,
        len(body),
    )
