"""A module index that pages as the public one does, and breaks in the ways that feeds break.

`IndexFeed` is what it says; `FeedServer` says it over HTTP on loopback.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import insort
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["FAULTS", "FeedServer", "IndexFeed", "rfc3339"]

FAULTS = ("500", "503", "404", "html", "cut", "short", "empty", "garbage", "drop", "huge", "repeat", "back")
"""Every way in which `IndexFeed.fault` can break it (`hang` as well, which takes a time-out to notice)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HTML = b"<!doctype html>\n<html><body>\n<h1>Welcome to the hotel</h1>\n</body></html>\n"


def rfc3339(at: float) -> str:
    """Unix seconds as the index writes them, in microseconds."""
    return (_EPOCH + timedelta(microseconds=round(at * 1e6))).isoformat().replace("+00:00", "Z")


def _nanoseconds(text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(f"{whole}+00:00")
    return (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int(fraction.ljust(9, "0"))


class IndexFeed:
    """Announcements in their order; `fault` breaks the answers until it is empty again."""

    def __init__(self, *, limit: int = 2000) -> None:
        self.entries: list[tuple[float, str, str]] = []
        self.limit = limit
        self.fault = ""
        self.asked = 0
        self.sent: Counter[str] = Counter()

    def announce(self, path: str, version: str, at: float) -> None:
        """A version was seen at `at` (Unix seconds)."""
        insort(self.entries, (at, path, version))

    def page(self, since: int, limit: int) -> bytes:
        """What an honest feed answers; `since` in nanoseconds."""
        found = [each for each in self.entries if round(each[0] * 1e6) * 1000 >= since]
        return self.lines(found[: min(limit, self.limit)])

    @staticmethod
    def lines(entries: list[tuple[float, str, str]]) -> bytes:
        """Entries as the feed writes them."""
        return b"".join(
            json.dumps({"Path": path, "Version": version, "Timestamp": rfc3339(at)}).encode() + b"\n"
            for at, path, version in entries
        )

    def answer(self, target: str) -> tuple[int, bytes]:
        """Status and body for a request's path and query, with the present fault."""
        self.asked += 1
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        whole = self.page(_nanoseconds(query["since"]), int(query["limit"]))
        fault = self.fault
        self.sent[fault] += 1
        if fault in {"500", "503", "404"}:
            return int(fault), b"the feed is broken\n"
        if fault == "back":
            return 200, self.lines(self.entries[: len(self.entries) // 2])
        if fault == "repeat":
            limit = int(query["limit"])
            return 200, self.lines((self.entries[:4] * limit)[:limit])
        bodies = {
            "html": _HTML,
            "cut": whole[: -len(whole.splitlines()[-1]) // 2] if whole else b'{"Path":"exa',
            "empty": b"",
            "garbage": b"\x00\xff\x1b[31m" * 100,
            "huge": b" " * (8 << 20),
        }
        return 200, bodies.get(fault, whole)


class FeedServer:
    """`with FeedServer(feed) as server:` answers at `server.url`."""

    def __init__(self, feed: IndexFeed) -> None:
        self.feed = feed
        released = self._released = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if feed.fault == "hang":
                    released.wait(60)
                if feed.fault == "drop":
                    self.close_connection = True
                    return
                status, body = feed.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body) + 100 * (feed.fault == "short")))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = feed.fault == "short"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that went away is none."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/index"

    def publish(self, path: str, version: str) -> float:
        """Announce it now; the time that it was announced at."""
        now = time.time()
        self.feed.announce(path, version, now)
        return now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
