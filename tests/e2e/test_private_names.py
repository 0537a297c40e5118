"""No name that is private, or looks so, is sent to a public proxy or checksum database, whatever is asked."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from modgate.sumdb.note import generate_key
from tests.support.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = (
    "git.corp/team/lib",
    "mirror.corp/lib",
    "ci.internal/x",
    "10.0.0.1/x",
    "127.1/x",
    "h.home.arpa/x",
    "private.example/p",
    "private.example/!sub/v2",
    "git.star-a.example/x",
    "host.example/!team/lib",
    "quiet.example/!lib",
)
ENDPOINTS = (
    "/{}/@v/list",
    "/{}/@latest",
    "/{}/@v/v1.2.3.info",
    "/{}/@v/v1.2.3.mod",
    "/{}/@v/v1.2.3.zip",
    "/{}/@v/master.info",
    "/cached-only/{}/@v/v1.2.3.zip",
    "/sumdb/sum.golang.org/lookup/{}@v1.2.3",
    "/sumdb/log.gate.example/lookup/{}@v1.2.3",
    "/cached-only/sumdb/sum.golang.org/lookup/{}@v1.2.3",
)
PUBLIC = "/asks.example/all/@v/v1.0.0.mod"
GO_MOD = "module asks.example/all\n\ngo 1.16\n\nrequire (\n{}\tlast.example/x v1.0.0\n)\n".format(
    "".join(f"\t{name.replace('!', '')} v1.2.3\n" for name in SECRET if not name.endswith("/v2"))
)


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """The world outside, as an HTTP proxy: its address, and the URLs that it was asked for."""
    urls: list[str] = []

    class World(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            urls.append(self.path)
            known = self.path.endswith(PUBLIC)
            body = GO_MOD.encode() if known else b""
            self.send_response(200 if known or self.path.endswith("/supported") else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_CONNECT = do_GET  # noqa: N815  the server looks for these names

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), World)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", urls
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gate(tmp_path: Path, heard: tuple[str, list[str]]) -> Iterator[Gate]:
    key, _ = generate_key("log.gate.example", bytes(32))
    (tmp_path / "log.key").write_text(key, encoding="ascii")
    patterns = ["private.example", "git.star-*.example", "host.example/team"]
    config = {
        "no_proxy": patterns,
        "no_sumdb": [*patterns, "quiet.example/lib"],
        "sumdb_exempt": "asks.example",
        "routes": json.dumps([{"match": "mirror.corp", "source": "http://proxy.corp.example"}]),
        "vcs": {"enabled": False},
        "checksum_log": {"key_file": str(tmp_path / "log.key")},
    }
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), heard[0])
    with Gate(
        tmp_path / "gate",
        upstream="http://proxy.public.example",
        sumdb="sum.golang.org http://sums.public.example",
        config=config,
        environment={**proxies, "no_proxy": "", "NO_PROXY": ""},
    ) as running:
        yield running


def _leaks(urls: list[str], *, databases_only: bool = False) -> list[str]:
    outside = [url for url in urls if not url.startswith("http://proxy.corp.example/")]
    told = [url for url in outside if "/lookup/" in url] if databases_only else outside
    return [url for url in told if any(f"/{name}" in url for name in SECRET)]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_endpoint_sends_a_private_name_outside(
    gate: Gate, heard: tuple[str, list[str]], method: str
) -> None:
    for name in SECRET:
        for endpoint in ENDPOINTS:
            gate.ask(endpoint.format(name), method=method)
    # GONOSUMDB alone keeps a name from databases, not from proxies.
    assert _leaks(heard[1], databases_only=True) == []
    assert [url for url in _leaks(heard[1]) if "/quiet.example/" not in url] == []
    assert gate.ask("/open.example/x/@v/list").status == 404
    assert "http://proxy.public.example/open.example/x/@v/list" in heard[1]


def test_a_public_go_mod_has_no_private_name_fetched_ahead(gate: Gate, heard: tuple[str, list[str]]) -> None:
    assert gate.ask(PUBLIC).status == 200
    while not any(url.endswith("/last.example/x/@v/v1.0.0.mod") for url in heard[1]):
        time.sleep(0.01)  # it is announced last
    assert _leaks(heard[1], databases_only=True) == []
    assert [url for url in _leaks(heard[1]) if "/quiet.example/" not in url] == []
