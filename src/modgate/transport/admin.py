"""Asking a running server for operations, by its own socket or over the network with a token."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from aiohttp.client_exceptions import UnixClientConnectorError

from modgate.errors import Absent, Denied, Invalid, Unauthenticated, Unavailable
from modgate.model.operations import decode_event
from modgate.transport.verdict import FOREIGN, clean_text, transport_error

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping
    from pathlib import Path

    from modgate.model.operations import Event

__all__ = ["AdminClient"]

_TEXT = 4096
_LINE = 16 << 20


class AdminClient:
    """A server that runs. Either `socket` or `url` is given. Raises Invalid for a URL that is none.

    Args:
        socket: The server's own socket.
        url: Its address, with the prefix it serves under.
        token: A token of its `admin.token_file`, for `url`.
        tls: How its certificate is checked, None for the system's way.
    """

    def __init__(
        self,
        *,
        socket: Path | None = None,
        url: str = "",
        token: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if socket is None and not re.match(r"https?://[^/\s]", url):
            raise Invalid(
                "this is no address of a server",
                where=url[:200],
                next_step="Write it with its scheme: https://gate.example, or http://127.0.0.1:3000.",
            )
        self._socket = socket
        self._base = url.rstrip("/") if socket is None else "http://localhost"
        self._token = token
        self._tls = tls
        self.name = str(socket) if socket is not None else self._base

    async def run(self, name: str, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """The events of an operation. Closing the iterator ends the operation.

        Raises:
            Absent: No server listens here (any longer).
            Unauthenticated, Denied, Invalid: It refuses.
            Unavailable: It is broken, or broke off before the last event.
        """
        headers = {"content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        begun = last = False
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connector(),
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                    read_bufsize=1 << 18,
                ) as session,
                session.post(
                    f"{self._base}/admin/operations/{name}",
                    data=msgspec.json.encode(params),
                    headers=headers,
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status != 200:
                    await self._refuse(answer)
                begun = True
                async for line in _lines(answer.content):
                    event = decode_event(line)
                    last = last or type(event).__name__ in {"Summary", "Failure"}
                    yield event
        except (FileNotFoundError, UnixClientConnectorError) as error:
            raise Absent("no server listens on this socket", where=self.name) from error
        except ValueError as error:
            raise Unavailable(
                "the server's answer is not understood: is it another version of modgate?",
                where=self.name,
                kind="bad-answer",
            ) from error
        except FOREIGN as error:
            if begun:
                raise self._went_away() from error
            raise transport_error(error, self.name, "operation") from error
        if not last:
            raise self._went_away()

    def _went_away(self) -> Unavailable:
        return Unavailable(
            "the server went away before the operation ended", where=self.name, next_step="Run it again."
        )

    def _connector(self) -> aiohttp.BaseConnector:
        if self._socket is not None:
            return aiohttp.UnixConnector(os.path.realpath(self._socket))
        return aiohttp.TCPConnector(ssl=self._tls or True)

    async def _refuse(self, answer: aiohttp.ClientResponse) -> None:
        text = clean_text(await answer.content.read(_TEXT), answer.headers.get("content-type", ""))
        what = text or f"the server answered {answer.status}"
        match answer.status:
            case 401:
                raise Unauthenticated(what, where=self.name)
            case 403:
                raise Denied(what, where=self.name)
            case 404 | 405 if not text.startswith("no operation "):
                raise Invalid(
                    "this server takes no operations over the network",
                    where=self.name,
                    next_step="Set admin.token_file there, or run the command on its machine.",
                )
            case 400 | 404:
                raise Invalid(what, where=self.name)
            case _:
                raise Unavailable(what, where=self.name, kind="bad-answer")


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length up to a bound; aiohttp's own have a smaller one."""
    rest = bytearray()
    async for piece in content.iter_any():
        rest += piece
        *whole, tail = rest.split(b"\n")
        for line in whole:
            if line:
                yield bytes(line)
        rest = bytearray(tail)
        if len(rest) > _LINE:
            raise ValueError("a line without an end")
