"""Sends a module zip to a gate: one PUT, and what its answer means.

The token goes to the address that was named and nowhere else: redirects are not followed, and plain http is
for this machine only, unless the person insists. The body is held back until the gate has looked at the head
(`Expect: 100-continue`), so that a wrong token costs no upload.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from modgate.cli.publish_way import unsent
from modgate.errors import Invalid, ModgateError
from modgate.gomod import module
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import BinaryIO

    from modgate.cli.publish_way import Way
    from modgate.gomod.types import ModuleVersion
    from modgate.model.credentials import Secret

__all__ = ["Refused", "Sent", "check_address", "read_token", "send"]

_PIECE = 256 * 1024
_MOST_TEXT = 4096
_CONNECT_SECONDS = 15.0
_CONTINUE_SECONDS = 20.0
# The gate checks and stores before it answers, which takes a while for half a GiB.
_ANSWER_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What the gate said of success: `created` is false where the same content stood before."""

    h1: str
    created: bool


class Refused(ModgateError):
    """The gate did not take it. `message` says why and what to do, `said` are the gate's own words."""

    def __init__(self, message: Message, said: str = "", status: int = 0) -> None:
        super().__init__(said or message.key)
        self.message = message
        self.said = said
        self.status = status


def check_address(url: str, *, insecure: bool) -> str:
    """The address without its last slash. Raises Invalid where a token must not be sent to it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise Invalid("--to takes the address of a gate: https://host or https://host/prefix")
    if parts.username is not None or parts.password is not None:
        raise Invalid(
            "--to takes no password",
            next_step="The token comes from MODGATE_PUBLISH_TOKEN or --token-file.",
        )
    if parts.scheme == "http" and not _is_loopback(url) and not insecure:
        raise Invalid(
            f"{parts.hostname}: a token is not sent over plain http",
            next_step="Use https://, or --insecure where the way there is trusted.",
        )
    return url.rstrip("/")


def read_token(text: str, where: str) -> str:
    """The one token of a file or variable: its first line that is no comment, the name before it left out."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            if not words[-1].isascii() or not words[-1].isprintable():
                raise Invalid("the token holds characters that no header may hold", where=where)
            return words[-1]
    raise Invalid("there is no token", where=where)


async def send(
    way: Way,
    version: ModuleVersion,
    zipped: BinaryIO,
    *,
    size: int,
    token: Secret,
    sent: Callable[[int], None],
) -> Sent:
    """PUT the zip of `size` bytes, telling `sent` how many are on their way. Raises Refused."""
    url = f"{way.base}/{module.escape_path(version.path)}/@v/{module.escape_version(version.version)}"
    headers = {
        "Authorization": f"Bearer {token.reveal()}",
        "Content-Type": "application/zip",
        "Content-Length": str(size),
    }
    begun = asyncio.Event()
    try:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=way.context),
            trust_env=not _is_loopback(way.base),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_SECONDS, sock_read=_ANSWER_SECONDS
            ),
            headers=headers,
            skip_auto_headers=("User-Agent",),
        ) as session:
            status, said, location = await _put(session, url, zipped, sent, begun)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Refused(unsent(error, way, begun=begun.is_set())) from error
    prefix = urlsplit(way.base).path.strip("/")
    if status in {400, 403} and prefix and f"{prefix.rpartition('/')[2]}/{version.path}" in said:
        # The gate names a module whose path begins with what --to ends in.
        taken = Message("publish.refused.prefix", {"prefix": prefix, "status": status})
        raise Refused(taken, said.strip(), status)
    return _told(status, said, location)


async def _put(
    session: aiohttp.ClientSession,
    url: str,
    zipped: BinaryIO,
    sent: Callable[[int], None],
    begun: asyncio.Event,
) -> tuple[int, str, str]:
    """PUT with an Expect; without it where nobody answers that in time (RFC 9110, section 10.1.1).

    Status, text and Location of the answer. `begun` is set once the body is on its way.
    """

    async def pieces() -> AsyncIterator[bytes]:
        begun.set()
        zipped.seek(0)
        count = 0
        while piece := zipped.read(_PIECE):
            yield piece
            count += len(piece)
            sent(count)

    async def once(*, expect: bool) -> tuple[int, str, str]:
        async with session.put(url, data=pieces(), expect100=expect, allow_redirects=False) as answer:
            said = (await answer.content.read(_MOST_TEXT)).decode("utf-8", "replace")
            return answer.status, said, answer.headers.get("Location", "")

    asking = asyncio.create_task(once(expect=True))
    looking = asyncio.create_task(begun.wait())
    try:
        await asyncio.wait({asking, looking}, timeout=_CONTINUE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if begun.is_set() or asking.done():
            return await asking
    finally:
        looking.cancel()
        if not asking.done():
            asking.cancel()
            await asyncio.wait({asking})
    return await once(expect=False)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _told(status: int, said: str, location: str) -> Sent:
    if status in {200, 201}:
        try:
            document: Any = json.loads(said)
            return Sent(str(document["h1"]), status == 201)
        except (ValueError, KeyError, TypeError):
            raise Refused(Message("publish.refused.no-gate"), status=status) from None
    if 300 <= status < 400:
        raise Refused(Message("publish.refused.redirect", {"location": location or "?"}), status=status)
    known = {400, 401, 403, 404, 405, 408, 409, 413, 429, 503, 507}
    key = f"publish.refused.{status}" if status in known else "publish.refused.other"
    raise Refused(Message(key, {"status": status} if status not in known else {}), said.strip(), status)
