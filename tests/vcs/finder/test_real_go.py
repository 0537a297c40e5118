"""The same pages, asked by the real go command and by the finder: both turn to the same repositories."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import ModgateError
from modgate.gomod.types import ModulePath
from modgate.model import Context
from modgate.transport.pages import Pages
from modgate.vcs.finder import Finder
from tests.support.certificates import certificate
from tests.vcs.finder.conftest import tag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOSTS = ("vcs-test.golang.org", "go.example.com", "other.example.com")
EXTRA = {
    "go.example.com/plain": tag("go.example.com/plain", "git", "https://other.example.com/plain.git"),
    "go.example.com/plain/sub": tag("go.example.com/plain", "git", "https://other.example.com/plain.git"),
    "go.example.com/lies/sub": tag("go.example.com/lies", "git", "https://other.example.com/a"),
    "go.example.com/lies": tag("go.example.com/lies", "git", "https://other.example.com/b"),
    "go.example.com/two": tag("go.example.com/two", "git", "https://other.example.com/a")
    + tag("go.example.com", "git", "https://other.example.com/b"),
    "go.example.com/both": tag("go.example.com/both", "git", "https://other.example.com/a")
    + tag("go.example.com/both", "mod", "https://other.example.com/mod"),
    "go.example.com/late": b"<body>" + tag("go.example.com/late", "git", "https://other.example.com/a"),
    "go.example.com/broken": b"a ]]> b" + tag("go.example.com/broken", "git", "https://other.example.com/a"),
    "go.example.com/file": tag("go.example.com/file", "git", "file:///etc"),
    "go.example.com/svn": tag("go.example.com/svn", "svn", "https://other.example.com/svn"),
    "go.example.com/cvs": tag("go.example.com/cvs", "cvs", "https://other.example.com/cvs"),
    "go.example.com/ssh": tag("go.example.com/ssh", "git", "ssh://git@other.example.com/a"),
    "go.example.com/slash": tag("go.example.com/slash", "git", "https://other.example.com/a", "/a"),
    "go.example.com/moved": b"->https://other.example.com/moved",
    "other.example.com/moved": tag("go.example.com/moved", "git", "https://other.example.com/m"),
    "go.example.com/insecure": b"->http://go.example.com/plain",
}
PATHS = [
    "vcs-test.golang.org/go/gitreposubdir",
    "vcs-test.golang.org/go/gitreposubdir/foo",
    "vcs-test.golang.org/go/gitreposubdirv2/v2",
    "vcs-test.golang.org/go/missingrepo/missingrepo-git",
    "vcs-test.golang.org/go/missingrepo/missingrepo-git/notmissing",
    "vcs-test.golang.org/go/missingrepo",
    "vcs-test.golang.org/go/v2module/v2",
    "vcs-test.golang.org/go/test1-svn-git",
    "vcs-test.golang.org/go/test1-svn-git/git-README-only",
    "vcs-test.golang.org/go/test1-svn-git/git-README-only/other",
    "vcs-test.golang.org/go/test2-svn-git/test2main",
    "vcs-test.golang.org/go/test2-svn-git/test2PKG",
    "vcs-test.golang.org/go/modauth404",
    "vcs-test.golang.org/none",
    *(path for path in EXTRA if path.startswith("go.")),
]

# Those of EXTRA: a Go distribution may come without its test data.
AT_LEAST = 6
_GIT = re.compile(r"git remote add origin -- (\S+)")
_PROXY = re.compile(r"(?m)^# get (https://\S+?)/(?:vcs-test|go)\.\S+/@v/")


def pages_of_go(goroot: Path) -> dict[str, bytes]:
    """The pages in Go's own test data: `-- path/index.html --` below the file's name."""
    found: dict[str, bytes] = {}
    for file in sorted((goroot / "src/cmd/go/testdata/vcstest/go").glob("*.txt")):
        parts = re.split(r"^-- (\S+) --\n", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            folder = name.removesuffix("index.html").strip("/")
            path = "/".join(filter(None, ("vcs-test.golang.org/go", file.stem, folder)))
            found[path] = text.encode()
    return found


class Island:
    """A TLS site that is every host, and the proxy that leads to it."""

    def __init__(self, pages: dict[str, bytes], pem: tuple[Path, Path]) -> None:
        self.pages = pages
        self.pem = pem
        self.proxy = ""
        self._site = 0

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*self.pem)
        site = await asyncio.start_server(self._page, "127.0.0.1", 0, ssl=tls)
        proxy = await asyncio.start_server(self._tunnel, "127.0.0.1", 0)
        stack.callback(site.close)
        stack.callback(proxy.close)
        self._site = site.sockets[0].getsockname()[1]
        self.proxy = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"

    async def _page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = head.split(" ")[1].partition("?")[0].rstrip("/")
            host = re.search(r"(?im)^host: (\S+)", head)
            body = self.pages.get(f"{host[1] if host else ''}{target}")
            if body is not None and body.startswith(b"->"):
                writer.write(b"HTTP/1.1 302 Go\r\nContent-Length: 0\r\nConnection: close\r\nLocation: ")
                writer.write(body[2:] + b"\r\n\r\n")
            else:
                status = "404 Not Found" if body is None else "200 OK"
                body = body or b"nothing"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode())
                writer.write(b"Content-Type: text/html\r\nConnection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while piece := await source.read(65536):
                    target.write(piece)
                    await target.drain()
            target.close()

        with contextlib.suppress(OSError, EOFError):
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"CONNECT ") or b":443 " not in head:
                writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._site)
                await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        writer.close()


@pytest.fixture
async def island(tmp_path: Path, go_command: str) -> AsyncIterator[Island]:
    root = Path((await _output([go_command, "env", "GOROOT"], dict(os.environ)))[0].strip())
    async with contextlib.AsyncExitStack() as stack:
        built = Island({**pages_of_go(root), **EXTRA}, certificate(tmp_path, *HOSTS))
        await built.start(stack)
        yield built


async def _output(words: list[str], environment: dict[str, str]) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return out.decode(), err.decode()


async def by_go(go: str, island: Island, folder: Path, path: str) -> str:
    """The repository that the go command turns to; empty for none."""
    folder.mkdir()
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "GOMODCACHE": str(folder / "mod"),
        "GOPROXY": "direct",
        "GOSUMDB": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",
        "HTTPS_PROXY": island.proxy,
        "SSL_CERT_FILE": str(island.pem[0]),
        "GIT_SSH_COMMAND": "false",
        "GIT_TERMINAL_PROMPT": "0",
        "SVN_SSH": "false",
    }
    _, said = await _output([go, "mod", "download", "-x", f"{path}@v1.0.0"], environment)
    found = _GIT.search(said) or _PROXY.search(said)
    return found[1] if found else ""


async def by_us(island: Island, path: str) -> str:
    """The repository that the finder finds; empty for none."""
    tls = ssl.create_default_context(cafile=str(island.pem[0]))
    pages = Pages(proxies=lambda: {"https": island.proxy, "http": island.proxy}, tls=tls)
    finder = Finder(pages, clock=lambda: 0.0)
    try:
        return (await finder.find(Context(), ModulePath(path))).url
    except ModgateError:
        return ""
    finally:
        await finder.close()


async def test_both_turn_to_the_same_repository(go_command: str, island: Island, tmp_path: Path) -> None:
    turns = asyncio.Semaphore(3)

    async def both(number: int, path: str) -> tuple[str, str]:
        async with turns:
            return await by_go(go_command, island, tmp_path / str(number), path), await by_us(island, path)

    answers = await asyncio.gather(*(both(number, path) for number, path in enumerate(PATHS)))
    assert {path: theirs for path, (theirs, _) in zip(PATHS, answers, strict=True)} == {
        path: ours for path, (_, ours) in zip(PATHS, answers, strict=True)
    }
    assert sum(bool(theirs) for theirs, _ in answers) >= AT_LEAST
