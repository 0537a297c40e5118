"""GOPROXY URLs to requests and back.

A URL is decoded exactly once, here, and what comes out is a checked request: two readers of one
URL that decode differently (an access rule and a router, say) are how proxies were tricked into
serving files they must not. Nonsense (400) is told from what Go calls not found (404).
Sources: go help goproxy, cmd/go/internal/modfetch/proxy.go, golang.org/x/mod/module.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from modgate.errors import Invalid
from modgate.gomod import module, semver
from modgate.gomod.info import Info, encode_info, parse_info
from modgate.gomod.texts import shown
from modgate.gomod.types import ModuleVersion
from modgate.gomod.versionlist import encode_list, parse_list

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version

__all__ = [
    "MAX_PATH",
    "Info",
    "Kind",
    "Request",
    "checked",
    "decode_path",
    "encode_info",
    "encode_list",
    "parse",
    "parse_info",
    "parse_list",
]

MAX_PATH = 2048
"""Characters of a URL path, still percent-encoded, above which it is refused unread."""

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_ENCODED_SEPARATOR = re.compile(r"%(?:2[Ff]|5[Cc])")
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What a version may hold as a file name, yet a URL path may not hold as it is.
_TO_ENCODE = re.compile(r"[ #%\[\]^{}]")
# They ask for a choice that depends on the asking module, so they are no names of anything.
_NO_VERSIONS = frozenset({"latest", "upgrade", "patch"})


class Kind(enum.StrEnum):
    """What is asked of a module."""

    LIST = "list"
    LATEST = "latest"
    INFO = "info"
    MOD = "mod"
    ZIP = "zip"
    QUERY = "query"


_MEDIA_TYPES = {
    Kind.LIST: "text/plain; charset=utf-8",
    Kind.LATEST: "application/json",
    Kind.INFO: "application/json",
    Kind.MOD: "text/plain; charset=utf-8",
    Kind.ZIP: "application/zip",
    Kind.QUERY: "application/json",
}
_IMMUTABLE = frozenset({Kind.INFO, Kind.MOD, Kind.ZIP})


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed GOPROXY request: parsed once at the edge, never checked again below.

    Build one with `parse`, `checked` or `Request.exact`. `version` is a canonical version for INFO,
    MOD and ZIP, a branch, prefix or commit for QUERY, and empty otherwise.
    """

    kind: Kind
    path: ModulePath
    version: str = ""

    @classmethod
    def exact(cls, kind: Kind, version: ModuleVersion) -> Request:
        """The request for the INFO, MOD or ZIP of one version. Raises Invalid for another kind."""
        if kind not in _IMMUTABLE:
            raise Invalid(f"a {kind} request names no single version", where=str(version))
        return cls(kind, version.path, version.version)

    @property
    def url_path(self) -> str:
        """The path in the GOPROXY layout, without a leading slash, ready for a URL.

        It is the file name as well, except for queries with characters that a URL must encode.
        """
        return _url_path(self.kind, self.path, self.version)

    @property
    def immutable(self) -> bool:
        """Whether the answer, once given, can never change: INFO, MOD and ZIP."""
        return self.kind in _IMMUTABLE

    @property
    def module_version(self) -> ModuleVersion:
        """The version asked for. Raises Invalid where the request names none (see `immutable`)."""
        if self.kind not in _IMMUTABLE:
            raise Invalid(f"a {self.kind} request names no single version", where=self.path)
        return ModuleVersion(self.path, cast("Version", self.version))

    @property
    def media_type(self) -> str:
        """The Content-Type of the answer."""
        return _MEDIA_TYPES[self.kind]

    def __str__(self) -> str:
        return f"{self.path}@{self.version} {self.kind}" if self.version else f"{self.path} {self.kind}"


@lru_cache(maxsize=8192)
def _url_path(kind: Kind, path: ModulePath, version: str) -> str:
    """Asked for many times on the way of one request."""
    base = module.escape_path(path)
    if kind is Kind.LATEST:
        return f"{base}/@latest"
    if kind is Kind.LIST:
        return f"{base}/@v/list"
    name = _TO_ENCODE.sub(lambda match: f"%{ord(match[0]):02X}", module.escape_version(version))
    extension = "info" if kind is Kind.QUERY else kind.value
    return f"{base}/@v/{name}.{extension}"


def decode_path(raw_path: str) -> str:
    """The URL path with its percent escapes decoded exactly once, one leading slash dropped.

    Raises Invalid: malformed for bad escapes, encoded separators, control characters, backslashes,
    invalid UTF-8, `.` and `..` elements and more than `MAX_PATH` characters (whose text does not
    repeat the input); else for `//`.
    """
    if len(raw_path) > MAX_PATH:
        raise Invalid(f"the URL path is longer than {MAX_PATH} characters", malformed=True)
    if _NOT_IN_URL.search(raw_path):
        raise Invalid(f"the URL path {shown(raw_path)} holds characters no URL may hold", malformed=True)
    if _ENCODED_SEPARATOR.search(raw_path):
        raise Invalid(f"the URL path {shown(raw_path)} encodes a slash or backslash", malformed=True)
    decoded = _percent_decoded(raw_path) if "%" in raw_path else raw_path
    if _CONTROL.search(decoded) or "\\" in decoded:
        raise Invalid(
            f"the URL path {shown(raw_path)} holds a control character or backslash", malformed=True
        )
    path = decoded.removeprefix("/")
    elements = path.split("/")
    if "." in elements or ".." in elements:
        raise Invalid(f"the URL path {shown(raw_path)} has a . or .. element", malformed=True)
    if "" in elements:
        raise Invalid(f"the URL path {shown(raw_path)} has an empty element")
    return path


def _percent_decoded(raw_path: str) -> str:
    pieces = bytearray()
    end = 0
    for match in _ESCAPE.finditer(raw_path):
        if match[1] is None:
            raise Invalid(f"the URL path {shown(raw_path)} has a bad percent escape", malformed=True)
        pieces += raw_path[end : match.start()].encode("ascii")
        pieces.append(int(match[1], 16))
        end = match.end()
    pieces += raw_path[end:].encode("ascii")
    try:
        return pieces.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"the URL path {shown(raw_path)} is not UTF-8", malformed=True) from None


def parse(raw_path: str) -> Request:
    """The request that a URL path asks for.

    Args:
        raw_path: The percent-encoded path after the mount prefix, without the query; a leading
            slash is optional.

    Raises:
        Invalid: As `decode_path`; and, not malformed (404), for unknown endpoints, bad escapes
            of capitals, bad module paths, and versions that the endpoint does not take.
    """
    escaped, at, rest = decode_path(raw_path).partition("/@")
    if at and rest == "latest":
        return Request(Kind.LATEST, module.unescape_path(escaped))
    if at and rest == "v/list":
        return Request(Kind.LIST, module.unescape_path(escaped))
    stem, dot, extension = rest.removeprefix("v/").rpartition(".")
    if not at or not rest.startswith("v/") or not dot or extension not in _IMMUTABLE:
        raise Invalid(
            f"{shown(raw_path)} is no endpoint of the module proxy protocol",
            next_step="Known: MODULE/@latest and MODULE/@v/ list, VERSION.info, VERSION.mod, VERSION.zip.",
        )
    return _versioned(Kind(extension), module.unescape_path(escaped), module.unescape_version(stem))


def checked(kind: Kind, path: str, version: str = "") -> Request:
    """A request from plain strings, checked as `parse` checks them.

    INFO and QUERY are told apart by the version, as in URLs. Raises Invalid.
    """
    module_path = module.check_path(path)
    if kind in {Kind.LIST, Kind.LATEST}:
        if version:
            raise Invalid(f"a {kind} request takes no version", where=path)
        return Request(kind, module_path)
    module.escape_version(version)
    return _versioned(Kind.INFO if kind is Kind.QUERY else kind, module_path, version)


def _versioned(kind: Kind, path: ModulePath, version: str) -> Request:
    where = f"{path}@{shown(version)}"
    if version in _NO_VERSIONS:
        raise Invalid(
            f"{version} is not a version", where=path, next_step="The newest version is at /@latest."
        )
    path_major = module.split_path_version(path)[1]
    if module.canonical_version(version) == version:
        if not module.may_be_incompatible(version, path_major):
            raise Invalid(
                "+incompatible is only for v2 and above without a major version suffix", where=where
            )
        if kind is Kind.INFO and not path_major and not module.match_path_major(version, path_major):
            # A tag of a repository from before modules: the answer names v2.0.0+incompatible.
            return Request(Kind.QUERY, path, version)
        module.check_path_major(version, path_major)
        return Request(kind, path, version)
    if kind is not Kind.INFO:
        raise Invalid(
            f".{kind} is only there for a full version such as v1.2.3",
            where=where,
            next_step="Ask for the .info of it first: it names the version.",
        )
    # A prefix such as v3 may also be a branch, or choose among +incompatible versions, unless the
    # path itself names another major version.
    if semver.is_valid(version) and path_major:
        module.check_path_major(version, path_major)
    return Request(Kind.QUERY, path, version)
