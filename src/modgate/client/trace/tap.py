"""A tap: a loopback GOPROXY between go and each proxy of its chain that times what `-x` does not.

go's own trace ends at the head of an answer; how long a zip took is nowhere. The tap stands in for every
proxy of GOPROXY under a path nobody can guess, asks the real one with that entry's credentials, follows its
redirects, and hands bodies on as they come. Separators, `direct` and `off` stay where they are, and so does
every status, so that go walks the chain as it would have.

What cannot be handed on is a failure to reach the proxy: go sees a 502 whose text is the failure in go's own
words. A 502 means to a chain what the failure means (`,` stops, `|` goes on), and the trace shows the failure
itself. A body that breaks off is broken off as well; one that stalls stalls.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from weakref import WeakSet

import aiohttp
from yarl import URL

from modgate.client.trace.words import in_words_of_go
from modgate.errors import Unavailable
from modgate.gomod.proxylist import EntryKind, format_proxy_list, redacted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["Tap", "Tapped"]

_MOST_HEAD = 1 << 16
_PIECE = 1 << 16
_HOPS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSED_ON = ("Content-Type", "ETag", "Last-Modified", "Retry-After", "WWW-Authenticate")
_GO_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=30)
_MARK = "modgate tap: "


@dataclasses.dataclass(slots=True)
class Tapped:
    """One request through the tap; times are the tap's clock.

    Attributes:
        url: At the real proxy, credentials taken out.
        entry: Index of the chain's entry from 0.
        start: When it came.
        head: When the head of the answer came, None before.
        end: When the body ended or everything failed, None before, and for ever where go went away first.
        moved: When something came last: the head or a piece of the body.
        status: Of the answer, 0 before.
        size: Bytes of body so far.
        error: The failure in go's words, empty where none.
    """

    url: str
    entry: int
    start: float
    head: float | None = None
    end: float | None = None
    moved: float | None = None
    status: int = 0
    size: int = 0
    error: str = ""


class Tap:
    """The tap over one chain.

    Args:
        entries: The chain as go would use it.
        clock: Seconds.
        context: How certificates are judged: as go would.
        authorization: The Authorization header that netrc has for a host, None for none.
        changed: Called whenever something of a request changes.
    """

    def __init__(
        self,
        entries: Sequence[ProxyEntry],
        *,
        clock: Callable[[], float],
        context: ssl.SSLContext,
        authorization: Callable[[str], str | None],
        changed: Callable[[Tapped], None] = lambda _: None,
    ) -> None:
        self._entries = tuple(entries)
        self._clock = clock
        self._context = context
        self._authorization = authorization
        self._changed = changed
        self._secret = secrets.token_urlsafe(18)
        self._origin = ""
        self._server: asyncio.Server | None = None
        self._session: aiohttp.ClientSession | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()
        self.seen: list[Tapped] = []

    @property
    def chain(self) -> str:
        """GOPROXY with the tap in place of each proxy; folders stay as they are."""
        return format_proxy_list(
            tuple(
                dataclasses.replace(entry, url=self._base(index)) if self._taps(entry) else entry
                for index, entry in enumerate(self._entries)
            )
        )

    def covers(self, url: str) -> bool:
        """Whether a request for this (real) URL goes through the tap."""
        return any(url.startswith(f"{redacted(entry.url)}/") for entry in self._entries if self._taps(entry))

    def untapped(self, line: str) -> str | None:
        """A line of go's with the real URLs, and with a failure as go would have told it; None for a line
        that only the tap caused.
        """
        if f"server response: {_MARK}" in line:
            return None
        for index, entry in enumerate(self._entries):
            if self._taps(entry):
                line = line.replace(self._base(index), redacted(entry.url))
        if "502 Bad Gateway" not in line:
            return line
        failed = next((one for one in reversed(self.seen) if one.error and one.url in line), None)
        if failed is None:
            return line
        told = f'Get "{failed.url}": {failed.error}'
        if line.startswith("# get "):
            return f"# get {failed.url}: {told}"
        return line.replace(f"reading {failed.url}: 502 Bad Gateway", told)

    def untapped_text(self, piece: bytes) -> bytes:
        """Whole lines of standard output with the real URLs, and failures as go would have told them."""
        for index, entry in enumerate(self._entries):
            if self._taps(entry):
                piece = piece.replace(self._base(index).encode(), redacted(entry.url).encode())
        for failed in self.seen:
            if failed.error and b"502 Bad Gateway" in piece:
                before = f"reading {failed.url}: 502 Bad Gateway\\n\\tserver response: {_MARK}{failed.error}"
                told = f'Get \\"{failed.url}\\": {failed.error}'
                piece = piece.replace(before.encode(), told.encode())
        return piece

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_MOST_HEAD)
        except OSError as error:
            raise Unavailable(f"no loopback port for the tap: {error.strerror}") from error
        self._origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._context),
            timeout=_GO_LIMITS,
            auto_decompress=False,
            trust_env=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._busy):
            task.cancel()
        if self._busy:
            await asyncio.gather(*self._busy, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)
        if self._session is not None:
            await self._session.close()

    def _taps(self, entry: ProxyEntry) -> bool:
        return entry.kind is EntryKind.PROXY and not entry.url.startswith("file:")

    def _base(self, index: int) -> str:
        return f"{self._origin}/{self._secret}/{index}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        with contextlib.suppress(*ended):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
                # go asks with GET alone; what else came might bring a body that looks like a request.
                if method != "GET" or not await self._one(rest.partition(" ")[0], writer):
                    break
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async def _one(self, target: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection can be used for another."""
        secret, _, rest = target.lstrip("/").partition("/")
        number, _, path = rest.partition("/")
        index = next((place for place in range(len(self._entries)) if str(place) == number), None)
        known = secrets.compare_digest(secret.encode(), self._secret.encode())
        if not known or index is None or not self._taps(self._entries[index]):
            return await _whole(writer, 404, b"")
        base = self._entries[index].url
        tapped = Tapped(redacted(f"{base}/{path}"), index, self._clock())
        self.seen.append(tapped)
        self._changed(tapped)
        try:
            again = await self._forward(f"{base}/{path}", tapped, writer)
        except ConnectionError:
            return False
        tapped.end = self._clock()
        self._changed(tapped)
        return again

    async def _forward(self, url: str, tapped: Tapped, writer: asyncio.StreamWriter) -> bool:
        try:
            answer = await self._ask(url)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            tapped.error = in_words_of_go(error, url)
            return await _whole(writer, 502, f"{_MARK}{tapped.error}\n".encode())
        async with answer:
            tapped.head = tapped.moved = self._clock()
            tapped.status = answer.status
            self._changed(tapped)
            return await self._body(answer, tapped, writer)

    async def _ask(self, url: str) -> aiohttp.ClientResponse:
        """The answer behind the redirects, which may lead from https to https only."""
        assert self._session is not None
        first = _parted(url)[0].host
        for _ in range(_HOPS):
            target, headers = _parted(url)
            if "Authorization" not in headers and target.host == first:
                known = self._authorization(target.host or "")
                headers |= {"Authorization": known} if known else {}
            answer = await self._session.get(target, headers=headers, allow_redirects=False)
            location = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            answer.close()
            following = urljoin(str(target), location)
            if target.scheme == "https" and not following.startswith("https:"):
                raise ValueError(f"redirected from secure URL {target} to insecure URL {following}")
            url = following
        raise ValueError(f"stopped after {_HOPS} redirects")

    async def _body(
        self, answer: aiohttp.ClientResponse, tapped: Tapped, writer: asyncio.StreamWriter
    ) -> bool:
        headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        length = answer.headers.get("Content-Length")
        if length is not None:
            headers["Content-Length"] = length
        else:
            headers["Connection"] = "close"
        await _head(writer, answer.status, answer.reason or "", headers)
        try:
            async for piece in answer.content.iter_chunked(_PIECE):
                tapped.size += len(piece)
                tapped.moved = self._clock()
                self._changed(tapped)
                writer.write(piece)
                await writer.drain()
        except (aiohttp.ClientError, TimeoutError) as error:
            tapped.error = in_words_of_go(error, tapped.url, in_body=True)
            writer.transport.abort()
            return False
        return length is not None


def _parted(url: str) -> tuple[URL, dict[str, str]]:
    """(the URL without user info and exactly as it is escaped, the headers that the user info stands for)."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "Go-http-client/1.1"}
    given = URL(url, encoded=True)
    if given.user is not None:
        headers["Authorization"] = aiohttp.BasicAuth(given.user, given.password or "").encode()
        given = given.with_user(None)
    return given, headers


async def _head(writer: asyncio.StreamWriter, status: int, reason: str, headers: Mapping[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
    await writer.drain()


async def _whole(writer: asyncio.StreamWriter, status: int, body: bytes) -> bool:
    reason = "Bad Gateway" if body else "Not Found"
    kind = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
    await _head(writer, status, reason, kind)
    writer.write(body)
    await writer.drain()
    return True
