"""A module proxy over a `cache/download` folder with a set delay and bandwidth per connection.

    python -m bench.slow_upstream ROOT --port 0 --delay 0.04 --rate 8e6

Prints the address it listens on, answers `/_count` with the requests and bytes so far as JSON, and
stops at SIGTERM. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from urllib.parse import unquote

import uvloop

PIECE = 65536


class Upstream:
    """Serves one folder; counts."""

    def __init__(self, root: Path, delay: float, rate: float) -> None:
        self.root = root.resolve()
        self.delay = delay
        self.rate = rate
        self.requests: dict[str, int] = {}
        self.bytes = 0

    def find(self, path: str) -> Path | None:
        """The file that answers a URL path."""
        file = (self.root / unquote(path).lstrip("/")).resolve()
        if not file.is_relative_to(self.root):
            return None
        if file.name == "@latest":
            infos = sorted(file.parent.glob("@v/*.info"))
            return infos[-1] if infos else None
        return file if file.is_file() else None

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection in turn."""
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                method, target, _ = request.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
                await self.answer(method, target.partition("?")[0], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, method: str, path: str, writer: asyncio.StreamWriter) -> None:
        """One answer, after the delay, at the rate."""
        if path == "/_count":
            body = json.dumps({"requests": self.requests, "bytes": self.bytes}).encode()
            writer.write(head(200, len(body)) + body)
            return
        await asyncio.sleep(self.delay)
        self.requests[path] = self.requests.get(path, 0) + 1
        file = self.find(path)
        if file is None:
            body = b"not found: unknown module or version"
            writer.write(head(404, len(body)) + body)
            return
        size = file.stat().st_size
        writer.write(head(200, size))
        if method == "HEAD":
            return
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        with file.open("rb") as data:
            while piece := data.read(PIECE):
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                self.bytes += len(piece)
                ahead = sent / self.rate - (loop.time() - began) if self.rate else 0.0
                if ahead > 0:
                    await asyncio.sleep(ahead)


def head(status: int, size: int) -> bytes:
    """A response head."""
    text = (
        f"HTTP/1.1 {status} OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {size}\r\n\r\n"
    )
    return text.encode()


async def serve(upstream: Upstream, port: int) -> None:
    """Listen on loopback for ever."""
    server = await asyncio.start_server(upstream.connection, "127.0.0.1", port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.04)
    parser.add_argument("--rate", type=float, default=8e6, help="bytes a second and connection; 0: no limit")
    options = parser.parse_args()
    uvloop.run(serve(Upstream(options.root, options.delay, options.rate), options.port))


if __name__ == "__main__":
    main()
