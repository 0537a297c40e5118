"""Someone who changes module zips: on the way to go, or in a gate's store as one who knows it would."""

from __future__ import annotations

import hashlib
import io
import threading
import urllib.error
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Between", "replace", "tampered"]


def tampered(data: bytes) -> bytes:
    """The zip with one word of one file changed; everything else is as it was."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for info in source.infolist():
            content = source.read(info)
            target.writestr(info.filename, content.replace(b'"lib"', b'"evil"'))
    assert out.getvalue() != data
    return out.getvalue()


def replace(store: Path, file: Path, data: bytes) -> None:
    """Put other bytes into the store as someone who knows it would: the sidecar agrees with them."""
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    size = file.stat().st_size
    new = hashlib.sha256(data).hexdigest()
    file.chmod(0o644)
    file.write_bytes(data)
    changed = 0
    for each in (store / ".modgate").rglob("*"):
        if each.is_file() and each.stat().st_size < 10_000 and old.encode() in each.read_bytes():
            text = each.read_text(encoding="utf-8").replace(old, new)
            each.write_text(text.replace(f'"size":{size}', f'"size":{len(data)}'), encoding="utf-8")
            changed += 1
    assert changed


class _Forwarding(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _BetweenServer

    def log_message(self, *_arguments: Any) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        owner = self.server.owner
        try:
            with urllib.request.urlopen(owner.target + self.path, timeout=60) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        if owner.tampers and self.path.endswith(".zip"):
            body = tampered(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _BetweenServer(ThreadingHTTPServer):
    owner: Between


class Between:
    """Someone between go and the gate, who changes zips when `tampers` is set."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.tampers = False
        self._server = _BetweenServer(("127.0.0.1", 0), _Forwarding)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
