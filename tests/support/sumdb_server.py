"""A real, signed checksum database for tests and benchmarks, in process and over HTTP on loopback.

`TestDatabase` holds a log (all complete subtree hashes, level by level, so that a tile is one slice) and
answers any path as sum.golang.org would. `serve` puts it on a socket; `python -m
tests.support.sumdb_server --modcache DIR` serves what a module cache holds. Attacks are functions over
answers (`tests.support.sumdb_attacks`) put into `hooks`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import signal
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from modgate.errors import Invalid
from modgate.gomod.module import escape_path, escape_version, unescape_path, unescape_version
from modgate.sumdb.note import Note, generate_key, new_signer, sign_note
from modgate.sumdb.records import Tree, format_record, format_tree
from modgate.sumdb.tiles import Tile, parse_tile_path
from modgate.sumdb.tlog import EMPTY_HASH, Hash

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

__all__ = ["Reply", "Served", "TestDatabase", "go_mod_h1", "serve"]

NAME = "test.sum.modgate.local"


@dataclass(slots=True)
class Reply:
    """An answer: hooks may change any part of it; `hang` never answers."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    hang: bool = False


if TYPE_CHECKING:
    Hook = Callable[["TestDatabase", str, Reply], Reply]


@dataclass
class TestDatabase:
    """A log and its key. Everything is deterministic: one name has one key unless `seed` says else."""

    __test__ = False

    name: str = NAME
    seed: bytes = b""
    hooks: list[Hook] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.signer_key, self.verifier_key = generate_key(
            self.name, self.seed or hashlib.sha256(self.name.encode()).digest()
        )
        self._texts: list[bytes] = []
        self._ids: dict[str, int] = {}
        self._levels: list[bytearray] = [bytearray()]
        self._signed: dict[tuple[int, str], bytes] = {}

    @property
    def size(self) -> int:
        """How many records the log has."""
        return len(self._texts)

    def add(self, path: str, version: str, zip_h1: str, mod_h1: str) -> int:
        """Append the record of a version (an empty hash leaves its line out); its id."""
        lines = [f"{path} {version} {zip_h1}"] if zip_h1 else []
        lines += [f"{path} {version}/go.mod {mod_h1}"] if mod_h1 else []
        return self.add_text(path, version, "".join(line + "\n" for line in lines))

    def add_text(self, path: str, version: str, text: str) -> int:
        """Append a record with this very text under a version's name; its id."""
        self._ids[f"{escape_path(path)}@{escape_version(version)}"] = self.size
        self._append(text.encode())
        return self.size - 1

    def add_filler(self, count: int) -> None:
        """Append records that nobody looks up."""
        start = self.size
        for i in range(start, start + count):
            self._append(b"filler.example/m%d v1.0.0 h1:%d=\n" % (i, i))

    def add_go_sum(self, lines: Iterable[str]) -> None:
        """Append a record for each version that go.sum lines speak of."""
        versions: dict[tuple[str, str], list[str]] = {}
        for line in lines:
            fields = line.split()
            if len(fields) == 3:
                key = (fields[0], fields[1].removesuffix("/go.mod"))
                versions.setdefault(key, []).append(" ".join(fields))
        for (path, version), found in versions.items():
            self.add_text(path, version, "".join(line + "\n" for line in found))

    def add_module_cache(self, modcache: Path) -> None:
        """Append a record for each version in `modcache/cache/download` (`.ziphash`, hashed `.mod`)."""
        root = modcache / "cache" / "download"
        for mod in sorted(root.glob("**/@v/*.mod")):
            path = unescape_path(str(mod.parent.parent.relative_to(root)))
            version = unescape_version(mod.name.removesuffix(".mod"))
            ziphash = mod.with_suffix(".ziphash")
            zip_h1 = ziphash.read_text().strip() if ziphash.exists() else ""
            self.add(path, version, zip_h1, go_mod_h1(mod.read_bytes()))

    def tree(self, size: int | None = None) -> Tree:
        """The tree head at a size (now)."""
        size = self.size if size is None else size
        root: bytes | None = None
        level, at = 0, size
        while at:
            if at & 1:
                left = self._hash(level, at - 1)
                root = left if root is None else hashlib.sha256(b"\x01" + left + root).digest()
            level, at = level + 1, at >> 1
        return Tree(size, Hash(root or EMPTY_HASH))

    def head(self, size: int | None = None, *, signer_key: str = "", extra: str = "") -> bytes:
        """The signed note of the tree head at a size (now), with extra text lines if given."""
        tree = self.tree(size)
        cached = self._signed.get((tree.n, signer_key + extra))
        if cached is None:
            text = format_tree(tree).decode() + extra
            cached = sign_note(Note(text), new_signer(signer_key or self.signer_key))
            self._signed[tree.n, signer_key + extra] = cached
        return cached

    def record(self, record_id: int) -> bytes:
        """A record as a lookup begins."""
        return format_record(record_id, self._texts[record_id])

    def tile(self, tile: Tile) -> bytes | None:
        """The data of a tile, of records too; None where the log does not reach so far."""
        if tile.level < 0:
            records = self._texts[tile.n << tile.h :][: tile.w]
            return b"\n".join(records) if len(records) == tile.w else None
        level = tile.level * tile.h
        if level >= len(self._levels):
            return None
        start = (tile.n << tile.h) * 32
        data = bytes(self._levels[level][start : start + tile.size])
        return data if len(data) == tile.size else None

    def fork(self, at: int, *, seed: bytes = b"") -> TestDatabase:
        """A database of the same name and key whose log is this one's first `at` records."""
        other = TestDatabase(self.name, seed or self.seed)
        for text in self._texts[:at]:
            other._append(text)
        other._ids = {key: i for key, i in self._ids.items() if i < at}
        return other

    def answer(self, path: str) -> Reply:
        """The answer to a path relative to the database, hooks applied; counted in `requests`."""
        self.requests[path] += 1
        reply = self._plain(path)
        for hook in self.hooks:
            reply = hook(self, path, replace(reply))
        return reply

    def _plain(self, path: str) -> Reply:
        if path == "supported":
            return Reply(b"")
        if path == "latest":
            return Reply(self.head())
        if path.startswith("lookup/"):
            record_id = self._ids.get(path.removeprefix("lookup/"))
            if record_id is None:
                return Reply(b"not found: unknown to the test database\n", 404)
            return Reply(self.record(record_id) + self.head())
        try:
            data = self.tile(parse_tile_path(path))
        except Invalid:
            return Reply(b"not found\n", 404)
        if data is None:
            return Reply(b"no such tile\n", 404)
        return Reply(data, content_type="application/octet-stream")

    def _append(self, text: bytes) -> None:
        node = hashlib.sha256(b"\x00" + text).digest()
        n, level = len(self._texts), 0
        self._texts.append(text)
        while True:
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += node
            if not n & 1:
                return
            node = hashlib.sha256(b"\x01" + self._hash(level, n - 1) + node).digest()
            n, level = n >> 1, level + 1

    def _hash(self, level: int, n: int) -> bytes:
        return bytes(self._levels[level][n * 32 : n * 32 + 32])


def go_mod_h1(data: bytes) -> str:
    """The `h1:` of a go.mod as the database records it."""
    line = f"{hashlib.sha256(data).hexdigest()}  go.mod\n".encode()
    return "h1:" + base64.b64encode(hashlib.sha256(line).digest()).decode()


@dataclass(frozen=True, slots=True)
class Served:
    """A database on a socket: `url` for direct use, `proxy_url` to use it as a module proxy's /sumdb/."""

    url: str
    proxy_url: str
    gosumdb: str


@contextmanager
def serve(
    db: TestDatabase, delay: float = 0.0, *, port: int = 0, modules: Path | None = None
) -> Iterator[Served]:
    """Serve the database on 127.0.0.1, each answer after `delay` seconds, from a thread of its own.

    `<url>/lookup/…` is the database, `<proxy_url>/sumdb/<name>/…` the same through a module proxy, which
    also serves the files of the folder `modules` where one is given.
    """
    loop = asyncio.new_event_loop()
    ready: threading.Event = threading.Event()
    bound: list[int] = []
    failed: list[Exception] = []
    stop = asyncio.Event()

    async def run() -> None:
        runner = web.AppRunner(_application(db, delay, modules, stop), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        bound.append(runner.addresses[0][1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        except Exception as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    if failed:
        raise RuntimeError("the test database did not start") from failed[0]
    base = f"http://127.0.0.1:{bound[0]}"
    url = f"{base}/db"
    try:
        yield Served(url, f"{base}/proxy", f"{db.verifier_key} {url}")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def _application(
    db: TestDatabase, delay: float, modules: Path | None, stop: asyncio.Event
) -> web.Application:
    async def respond(path: str) -> web.Response:
        if delay:
            await asyncio.sleep(delay)
        reply = db.answer(path)
        if reply.hang:
            await stop.wait()
        return web.Response(
            body=reply.body, status=reply.status, headers={"Content-Type": reply.content_type}
        )

    def handler(prefix: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await respond(request.path.removeprefix(prefix))

        return handle

    async def file(request: web.Request) -> web.StreamResponse:
        found = modules / request.path.removeprefix("/proxy/") if modules else None
        if found is None or ".." in request.path or not found.is_file():
            return web.Response(status=404, text="not found\n")
        return web.Response(body=found.read_bytes())

    app = web.Application()
    app.router.add_get("/db/{rest:.*}", handler("/db/"))
    app.router.add_get(f"/proxy/sumdb/{db.name}/{{rest:.*}}", handler(f"/proxy/sumdb/{db.name}/"))
    app.router.add_get("/proxy/{rest:.*}", file)
    return app


def main() -> int:
    """Serve the versions of a module cache until SIGTERM; the GOSUMDB value is the first line printed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--modcache", type=Path, help="load all versions of this module cache")
    parser.add_argument("--go-sum", type=Path, help="load the lines of this go.sum")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--name", default=NAME)
    parser.add_argument("--filler", type=int, default=0, help="records to put before the real ones")
    options = parser.parse_args()
    db = TestDatabase(options.name)
    db.add_filler(options.filler)
    if options.modcache:
        db.add_module_cache(options.modcache)
    if options.go_sum:
        db.add_go_sum(options.go_sum.read_text().splitlines())
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with serve(db, options.delay, port=options.port) as served:
        print(served.gosumdb, flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
