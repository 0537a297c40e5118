"""A Go vulnerability database on loopback that counts, answers conditions, and breaks on command."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Site", "entry"]


def entry(number: int, *, fixed: str = "1.2.3", modified: int = 0, **more: Any) -> dict[str, Any]:
    """An entry `GO-2024-<number>` of `example.com/m<number>`."""
    return {
        "schema_version": "1.3.1",
        "id": f"GO-2024-{number:04d}",
        "modified": f"2024-01-01T00:00:{modified:02d}Z",
        "published": "2024-01-01T00:00:00Z",
        "aliases": [f"CVE-2024-{number:04d}"],
        "summary": f"number {number}",
        "affected": [
            {
                "package": {"name": f"example.com/m{number}", "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }
        ],
        **more,
    }


class Site:
    """`with Site() as site:` serves `site.entries` under `site.url`, and all of them as `all.zip`.

    `broken` maps a path to the status it is answered with; `bodies` replaces what it says.
    """

    def __init__(self, *, validators: bool = True, plain: bool = False) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.modified = 0
        self.asked: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.broken: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}
        self.validators = validators
        self.plain = plain
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                site.asked[path] += 1
                status, body = site.answer(path)
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                if status == 200 and site.validators and self.headers.get("If-None-Match") == tag:
                    status, body = 304, b""
                site.statuses[status] += 1
                self.send_response(status)
                if status in {200, 304} and site.validators:
                    self.send_header("ETag", tag)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add(self, *entries: dict[str, Any]) -> None:
        """Publish entries, or other forms of them."""
        self.modified += 1
        for each in entries:
            self.entries[each["id"]] = each

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        if path in self.broken:
            return self.broken[path], b"broken"
        if path in self.bodies:
            return 200, self.bodies[path]
        if path == "all.zip":
            return 200, self._zip()
        zipped = path.endswith(".gz")
        if zipped and self.plain:
            return 404, b"no"
        found = self._document(path.removesuffix(".gz"))
        if found is None:
            return 404, b"no"
        data = json.dumps(found).encode()
        return 200, gzip.compress(data, mtime=0) if zipped else data

    def _document(self, path: str) -> Any:
        if path == "index/db.json":
            return {"modified": f"2024-02-01T00:00:{self.modified:02d}Z"}
        if path == "index/vulns.json":
            return [{"id": each["id"], "modified": each["modified"]} for each in self.entries.values()]
        if path == "index/modules.json":
            return [
                {"path": "x", "vulns": [{"id": each["id"], "modified": each["modified"]}]}
                for each in self.entries.values()
            ]
        return self.entries.get(path.removeprefix("ID/").removesuffix(".json"))

    def _zip(self) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for identifier, each in sorted(self.entries.items()):
                archive.writestr(zipfile.ZipInfo(f"{identifier}.json"), json.dumps(each))
        return written.getvalue()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
