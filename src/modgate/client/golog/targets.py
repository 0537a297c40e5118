"""What a URL of go's asks for: module, version, and which end of which protocol.

A GOPROXY may live below any folder, so the first element that looks like a domain begins the module path:
go downloads no module whose first element has no dot. `!x` stands for an upper-case letter. Sources: go help
goproxy, golang.org/x/mod/module (escaping), cmd/go/internal/modfetch/sumdb.go, `?go-get=1` of go help
importpath.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

__all__ = ["Target", "target"]

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/{0,3}(?P<rest>.*)", re.DOTALL)
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_~-]*[a-z0-9_])?\.)+[a-z][a-z0-9-]*(?::\d+)?", re.IGNORECASE)
_CAPITAL = re.compile(r"!([a-z])")
_FILE = re.compile(r"(?P<version>.+)\.(?P<kind>info|mod|zip)")
_SUMDB = re.compile(r"/sumdb/(?P<name>[^/]+)/(?P<rest>(?:supported|latest|lookup/|tile/).*)")
_DIRECT_SUMDB = re.compile(
    r"(?P<folder>(?:/[^/]+)*?)/(?P<rest>lookup/.+@v[^/]+|tile/\d+/(?:data|\d+)/.+|(?<![^/]/)(?:latest|supported))"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One URL, read.

    Attributes:
        url: As it stood.
        scheme: In lower case, empty for a relative URL.
        host: With its port, without user info; empty for a relative or a file URL.
        base: The proxy's URL, without the module's part; the host's root where none can be told.
        module: Unescaped, empty where the URL names none.
        version: Unescaped, empty for lists and `@latest`.
        endpoint: One of the words of `SeenRequest.endpoint`.
        database: Name of the checksum database, empty for other requests.
    """

    url: str
    scheme: str
    host: str
    base: str
    module: str = ""
    version: str = ""
    endpoint: str = "other"
    database: str = ""

    @property
    def is_database(self) -> bool:
        """Whether it asks the checksum database, directly or through a proxy."""
        return self.endpoint.startswith("sumdb-")


def target(url: str) -> Target:
    """What the URL asks for; never raises."""
    found = _URL.fullmatch(url)
    if found is None:
        return _path_target(url, "", "", url)
    scheme = found["scheme"].lower()
    if scheme == "file":
        return _path_target(
            url, scheme, "", found["rest"] if found["rest"][:1] == "/" else "/" + found["rest"]
        )
    authority, slash, rest = found["rest"].partition("/")
    if "?" in authority:
        authority, _, query = authority.partition("?")
        slash, rest = "/", f"?{query}"
    return _path_target(url, scheme, authority.rpartition("@")[2], slash + rest)


def _path_target(url: str, scheme: str, host: str, rest: str) -> Target:
    path, _, query = rest.partition("?")
    path = unquote(path.partition("#")[0])
    root = f"{scheme}://{host}" if scheme else ""
    if "go-get=1" in query:
        return Target(url, scheme, host, root, f"{host}{path}".rstrip("/"), endpoint="go-import")
    if database := _SUMDB.search(path):
        base = root + path[: database.start()]
        return _database(url, scheme, host, base, name=database["name"], rest=database["rest"])
    before, versions, file = path.rpartition("/@v/")
    if versions:
        base, module = _split(before)
        if file == "list":
            return Target(url, scheme, host, root + base, module, endpoint="list")
        if named := _FILE.fullmatch(file):
            return Target(url, scheme, host, root + base, module, _plain(named["version"]), named["kind"])
        return Target(url, scheme, host, root + base, module)
    if path.endswith("/@latest"):
        base, module = _split(path.removesuffix("/@latest"))
        return Target(url, scheme, host, root + base, module, endpoint="latest")
    if host and (database := _DIRECT_SUMDB.fullmatch(path)):
        base = root + database["folder"]
        return _database(url, scheme, host, base, name=host + database["folder"], rest=database["rest"])
    return Target(url, scheme, host, root)


def _database(url: str, scheme: str, host: str, base: str, *, name: str, rest: str) -> Target:
    kind, _, what = rest.partition("/")
    module = version = ""
    if kind == "lookup":
        escaped, _, escaped_version = what.rpartition("@")
        module, version = _plain(escaped), _plain(escaped_version)
    return Target(url, scheme, host, base, module, version, f"sumdb-{kind}", name)


def _split(path: str) -> tuple[str, str]:
    """The proxy's folder, and the module path that follows it."""
    elements = path.split("/")
    for index, element in enumerate(elements):
        if _DOMAIN.fullmatch(element):
            return "/".join(elements[:index]).rstrip("/"), _plain("/".join(elements[index:]))
    return "", _plain(path.lstrip("/"))


def _plain(escaped: str) -> str:
    return _CAPITAL.sub(lambda match: match[1].upper(), escaped)
