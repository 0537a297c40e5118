"""Which cause an answer with an error status is, given what was asked and what the server said.

A public proxy tells in its text why it has nothing: that git wanted a password there means that the module is
private. Source: cmd/go/internal/web/api.go (HTTPError, `server response:`).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from modgate.client.causes import checksum, config, headers, proxy, status, toolchain, vcs
from modgate.client.golog.making import find, first_line
from modgate.client.golog.said import Doing

if TYPE_CHECKING:
    from modgate.client.findings import Finding
    from modgate.client.golog.said import Said

__all__ = ["by_status", "pattern_for"]

_PRIVATE = re.compile(
    r"could not read (?:Username|Password)|terminal prompts disabled|Authentication failed"
    r"|Permission denied \(publickey"
    r"|Host key verification failed|private repository|see https://golang\.org/doc/faq#git_https"
)
_NO_VERSION = re.compile(
    r"unknown revision|invalid version|no matching versions|malformed module path|not a valid module"
    r"|does not exist in"
    r"|repository .{0,200}not found",
    re.IGNORECASE,
)
_ABSENT = {404, 410}


def by_status(said: Said) -> Finding | None:
    """The finding for `reading URL: STATUS`; None where there is no status, or no error."""
    code = said.status
    if code is None or code == HTTPStatus.OK:
        return None
    text = (
        first_line(said.response) or f"{code} {first_line(said.core).removeprefix(str(code)).strip()}".strip()
    )
    number = str(code)
    if said.doing is Doing.DATABASE:
        if code in _ABSENT and said.module == "golang.org/toolchain":
            return find(toolchain.NOT_AVAILABLE, said, text=text)
        if code in _ABSENT and (said.url is None or said.url.endpoint in {"sumdb-lookup", "other"}):
            return find(checksum.NOT_IN_DATABASE, said, subject=said.name, text=text, status=number)
        if code in _ABSENT and said.url is not None and said.url.endpoint == "sumdb-supported":
            return find(checksum.NOT_PROXIED, said)
        return find(checksum.DATABASE_STATUS, said, text=text, status=number)
    if said.doing is Doing.TOOLCHAIN:
        cause = toolchain.NOT_AVAILABLE if code in _ABSENT else toolchain.UNREACHABLE
        return find(cause, said, text=text, status=number)
    if said.doing is Doing.GO_IMPORT:
        answer = text if text.startswith(str(code)) else f"{code}: {text}"
        return find(vcs.NO_GO_IMPORT, said, text=answer, subject=said.module)
    if code in _ABSENT:
        return _absent(said, code, text)
    if (
        "HTTP request to an HTTPS server" in said.response
        or "plain HTTP request was sent to HTTPS" in said.response
    ):
        return find(headers.TLS_PORT, said)
    known = {
        401: status.UNAUTHORIZED,
        403: status.FORBIDDEN,
        429: status.TOO_MANY,
        451: status.LEGAL,
    }
    if code == 407:
        return find(proxy.AUTH_REQUIRED, said, subject="HTTP_PROXY")
    # 511 asks for a sign-in to the network: it is no fault of the server's.
    broken = code >= 500 and code != 511
    cause = known.get(code) or (status.SERVER_ERROR if broken else status.OTHER)
    return find(cause, said, text=text, status=number)


def _absent(said: Said, code: int, text: str) -> Finding:
    if _PRIVATE.search(said.response):
        return find(
            config.PRIVATE_MISSING,
            said,
            confidence=0.9,
            subject=said.module,
            pattern=pattern_for(said.module),
        )
    if code == 404 and _NO_VERSION.search(said.response):
        return find(status.NO_SUCH_VERSION, said, confidence=0.9, subject=said.name, text=text)
    return find(status.GONE if code == 410 else status.NOT_FOUND, said, text=text)


def pattern_for(module: str) -> str:
    """A pattern for GOPRIVATE that covers the module and its neighbours, no more."""
    elements = module.split("/")
    return "/".join(elements[:2]) if len(elements) > 2 else module
