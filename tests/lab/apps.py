"""What answers at the laboratory's hosts: module proxies, the checksum database, repositories, web pages."""

from __future__ import annotations

import base64
import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab.web import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.lab.dns_server import Resolver

__all__ = ["HTML", "Files", "ModuleProxy", "doh", "page", "repository_host", "sign_in"]

HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
_TYPES = {".info": "application/json", ".zip": "application/zip"}
_NOT_FOUND = Reply(b"not found: unknown module or revision\n", 404)


def page(text: str = "It works.") -> Callable[[Request], Awaitable[Reply]]:
    """A web page for any path."""

    async def answer(request: Request) -> Reply:
        return Reply(f"<!doctype html><title>{text}</title>\n".encode(), type="text/html; charset=utf-8")

    return answer


async def sign_in(request: Request) -> Reply:
    """The captive portal: its page, whatever was asked."""
    return Reply(HTML, type="text/html; charset=utf-8")


@dataclass(slots=True)
class Files:
    """A folder below a prefix; what is not there is a 404."""

    root: Path
    prefix: str = ""

    async def __call__(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if not path.startswith(self.prefix) or ".." in path:
            return _NOT_FOUND
        file = self.root / path.removeprefix(self.prefix).lstrip("/")
        if not file.is_file():
            return _NOT_FOUND
        kind = "application/json" if path.endswith("/@latest") else _TYPES.get(file.suffix, "text/plain")
        return Reply(file.read_bytes(), type=kind)


@dataclass(slots=True)
class ModuleProxy:
    """A GOPROXY over a folder of modules.

    Attributes:
        modules: The folder.
        database: The checksum database's folder, None where this proxy does not carry it.
        name: The database's name.
        prefix: Where in the URL's path it begins.
        faults: Pattern of the path (fnmatch) -> what is answered in place of the file; the first counts.
            A reply without a body breaks while it sends the real one.
    """

    modules: Path
    database: Path | None
    name: str
    prefix: str = ""
    faults: list[tuple[str, Reply]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        self.asked.append(path)
        if not path.startswith(self.prefix):
            return _NOT_FOUND
        path = path.removeprefix(self.prefix)
        fault = next((reply for pattern, reply in self.faults if fnmatch.fnmatchcase(path, pattern)), None)
        if fault is not None and (fault.body or fault.status != 200):
            return fault
        found = await self._file(path, request)
        if fault is None:
            return found
        return Reply(found.body, found.status, found.type, fault.headers, fault.breaks, fault.rate)

    async def _file(self, path: str, request: Request) -> Reply:
        inner = f"/sumdb/{self.name}"
        if path.startswith("/sumdb/"):
            if self.database is None or not path.startswith(f"{inner}/"):
                return _NOT_FOUND
            if path == f"{inner}/supported":
                return Reply(b"")
            return await Files(self.database, inner)(_at(request, path))
        return await Files(self.modules)(_at(request, path))


def _at(request: Request, path: str) -> Request:
    return Request(request.method, request.host, path, request.headers, request.body)


def doh(resolver: Resolver) -> Callable[[Request], Awaitable[Reply]]:
    """DNS over HTTPS (RFC 8484) of a resolver, and a page for anything else."""

    async def answer(request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        if path != "/dns-query":
            return Reply(b"<html>resolver</html>", type="text/html")
        wire = request.body
        if request.method == "GET":
            coded = next((item[4:] for item in query.split("&") if item.startswith("dns=")), "")
            wire = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
        reply = resolver.answer(wire, safely=True)
        return Reply(reply or b"", 200 if reply else 503, "application/dns-message")

    return answer


@dataclass(slots=True)
class repository_host:  # noqa: N801  used as a function: it makes an app
    """A host with repositories: go-import pages, and bare repositories over git's dumb protocol.

    Attributes:
        repositories: Folder with `team/lib.git` and the like.
        host: Its name, for go-import.
        status: What git's requests are answered with, 200 for the files themselves.
        page_status: What pages are answered with.
        imports: Whether pages have a go-import tag.
    """

    repositories: Path
    host: str
    status: int = 200
    page_status: int = 200
    imports: bool = True

    async def __call__(self, request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        if ".git/" in path:
            if self.status == 401:
                return Reply(
                    b"credentials wanted\n", 401, headers=(("WWW-Authenticate", 'Basic realm="git"'),)
                )
            if self.status != 200:
                return Reply(b"no such repository\n", self.status)
            return await Files(self.repositories)(request)
        module = "/".join(path.strip("/").split("/")[:2])
        tag = (
            f'<meta name="go-import" content="{self.host}/{module} git https://{self.host}/{module}.git">'
            if self.imports and "go-get=1" in query and module.count("/") == 1 and not path.endswith(".git")
            else ""
        )
        text = f"<!doctype html><html><head><title>{module}</title>{tag}</head><body>Sign in</body></html>\n"
        return Reply(text.encode(), self.page_status, "text/html; charset=utf-8")
