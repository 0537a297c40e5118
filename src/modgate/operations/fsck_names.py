"""What a name below the store's folder says it is: the GOPROXY layout, read strictly.

The layout is `<escaped path>/@latest`, `<escaped path>/@v/` with `list` and `<escaped version>.info|mod|zip|
ziphash` (a query's `.info` as well), `sumdb/<name>/latest|lookup/M@V|tile/…`, and all of the first below
`scope/<hash>/` for what was fetched with credentials. A name has one spelling: who could also write it with
capitals would be served another file on a disk that folds case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import eq
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod import module, protocol
from modgate.gomod.patterns import match_prefix_patterns
from modgate.model.inspection import Enter
from modgate.sumdb.spec import split_request
from modgate.sumdb.tiles import parse_tile_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath, ModuleVersion

__all__ = ["Name", "Part", "folder_choice", "read_name", "why_misplaced"]

_SCOPE = re.compile(r"scope/[0-9a-f]{32}/")
_SCOPE_FOLDER = re.compile(r"scope(/[0-9a-f]{32})?")
_CAPITAL = re.compile(r"[A-Z]")


@dataclass(frozen=True, slots=True)
class Name:
    """A name that has a place in the layout.

    Attributes:
        key: The object's key; for a `.ziphash` that of its zip.
        kind: `info`, `mod`, `zip`, `list`, `latest`, `query`, `ziphash`; of a checksum database `lookup`,
            `tile`, `head`, `supported`.
        scope: The beginning of the key that names a scope of credentials, empty for what is public.
        request: What it answers, None for a checksum database's.
        database: The checksum database, else empty.
        rest: The object of the database, `lookup/M@V` for example.
    """

    key: str
    kind: str
    scope: str = ""
    request: Request | None = None
    database: str = ""
    rest: str = ""

    @property
    def version(self) -> ModuleVersion | None:
        """The module version, of `info`, `mod` and `zip`."""
        return self.request.module_version if self.request is not None and self.request.immutable else None


def read_name(name: str) -> Name | None:
    """What the name says; None where it has no place in the layout."""
    try:
        if name.startswith("sumdb/"):
            return _database(name)
        scope = found[0] if (found := _SCOPE.match(name)) else ""
        own = name.removeprefix(scope)
        if own.endswith(".ziphash"):
            request = _request(own.removesuffix("hash"))
            return Name(name.removesuffix("hash"), "ziphash", scope, request)
        request = _request(own)
    except Invalid:
        return None
    return Name(name, request.kind.value, scope, request)


def _request(own: str) -> Request:
    request = protocol.parse(own)
    if request.url_path != own:
        raise Invalid("another way to write it", where=own)
    return request


def _database(name: str) -> Name:
    database, rest = split_request(name.removeprefix("sumdb/"))
    kind, _, what = rest.partition("/")
    if rest in {"latest", "supported"}:
        return Name(name, "head" if rest == "latest" else rest, database=database, rest=rest)
    if kind == "tile":
        parse_tile_path(rest)
        return Name(name, "tile", database=database, rest=rest)
    if kind == "lookup":
        path, at, escaped = what.partition("@")
        looked = module.check(module.unescape_path(path), module.unescape_version(escaped))
        if at and what == f"{module.escape_path(looked.path)}@{module.escape_version(looked.version)}":
            return Name(name, "lookup", database=database, rest=rest)
    raise Invalid("no object of a checksum database", where=name)


class Part:
    """Which part of the store is looked at: modules by patterns as in GOPRIVATE; all of it without any."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._globs = ",".join(patterns)
        self._starts = [_literal(each) for each in patterns]

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return not self._globs

    def has(self, path: ModulePath) -> bool:
        """Whether a module belongs to it."""
        return self.whole or match_prefix_patterns(self._globs, path)

    def may_have_below(self, folder: str) -> bool:
        """Whether something in a folder of modules may belong to it."""
        if self.whole:
            return True
        elements = folder.split("/")
        return any(all(map(eq, start, elements)) for start in self._starts)


def _literal(pattern: str) -> list[str]:
    """The first elements of a pattern that only one text matches, escaped."""
    elements: list[str] = []
    for element in pattern.split("/"):
        if re.search(r"[*?\[\\]", element):
            break
        elements.append(_CAPITAL.sub(lambda found: "!" + found[0].lower(), element))
    return elements


def folder_choice(folder: str, part: Part) -> Enter:
    """What a walk does with a folder: go in where module or database files may lie."""
    if _SCOPE_FOLDER.fullmatch(folder):
        return Enter.YES
    scope = found[0] if (found := _SCOPE.match(folder)) else ""
    own = folder.removeprefix(scope)
    if not scope and (own == "sumdb" or own.startswith("sumdb/")):
        return Enter.YES if part.whole else Enter.NO
    above, _, last = own.rpartition("/")
    if above.endswith("/@v") or (last.startswith("@") and last != "@v"):
        fits = False
    else:
        fits = _may_be_module(above) if last == "@v" else _may_lead_to_module(own)
    if not fits:
        return Enter.REPORT if part.whole else Enter.NO
    if last == "@v" and not part.has(module.unescape_path(above)):
        return Enter.NO
    return Enter.YES if part.may_have_below(own) else Enter.NO


def _may_be_module(escaped: str) -> bool:
    try:
        module.unescape_path(escaped)
    except Invalid:
        return False
    return True


def _may_lead_to_module(escaped: str) -> bool:
    """Whether a module path may go on from here: only its end has rules of its own."""
    return _may_be_module(f"{escaped}/x.v1" if escaped.split("/", 1)[0] == "gopkg.in" else f"{escaped}/x")


def why_misplaced(name: str, *, folder: bool) -> str:
    """The reason for a file or folder that has no place: `name-case`, `name-version` or `name-foreign`."""
    above, _, last = name.rpartition("/")
    is_named = last.endswith((".info", ".mod", ".zip", ".ziphash")) and above.endswith("/@v")
    if is_named and not _CAPITAL.search(name):
        return "name-version"
    lowered = _CAPITAL.sub(lambda found: "!" + found[0].lower(), name)
    meant = _may_lead_to_module(lowered) if folder else is_named or read_name(lowered) is not None
    return "name-case" if meant and lowered != name else "name-foreign"
