"""Where module versions lie in a folder that another program filled.

Two forms are known. In the GOPROXY file layout (a module cache of go, goproxy's disk cacher, a store of this
gate or what it exported) a version is `<module>/@v/<version>.{info,mod,zip}`, names escaped. Athens keeps
`<module>/<version>/{<version>.info,go.mod,source.zip}` with the module's own capitals, and its buckets the
first form with such capitals; so a capital stands for itself, and `!` is unescaped where there is none.

What a name says is no proof of anything: a module is verified as every fill is. Links are never followed, and
nothing outside the folder is looked at.

Sources: GOROOT/src/cmd/go/internal/modfetch/cache.go; Athens pkg/storage/fs; goproxy's DirCacher.
"""

from __future__ import annotations

import enum
import itertools
import os
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.gomod import module
from modgate.gomod.protocol import Kind, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from modgate.gomod.types import ModulePath, ModuleVersion

__all__ = ["Entry", "Layout", "Place", "candidates", "entries_of", "find_place", "open_beneath", "scan"]

_KINDS = {kind.value: kind for kind in (Kind.INFO, Kind.MOD, Kind.ZIP)}
_ATHENS = {"go.mod": Kind.MOD, "source.zip": Kind.ZIP}
_NOT_MODULES = frozenset({".modgate", "sumdb", "scope"})
_CAPITAL = re.compile("[A-Z]")
_SEARCHED = 50_000
_LOOKED_AT = 100
_NEEDS = "Name a module cache (go env GOMODCACHE), a folder of Athens or goproxy, or a store of modgate."


class Layout(enum.StrEnum):
    """What filled a folder."""

    MODCACHE = "modcache"
    ATHENS = "athens"
    GOPROXY = "goproxy"
    MODGATE = "modgate"
    TAR = "tar"


@dataclass(frozen=True, slots=True)
class Place:
    """The folder under which modules lie, and in which form."""

    root: Path
    layout: Layout


@dataclass(frozen=True, slots=True)
class Entry:
    """A version that a folder names.

    Attributes:
        name: How the folder calls it, for people.
        version: None where the name is no module version.
        kinds: Which of its objects there are.
        fault: Why it cannot be one, or empty.
    """

    name: str
    version: ModuleVersion | None
    kinds: frozenset[Kind] = frozenset()
    fault: str = ""


def find_place(folder: Path, wanted: str) -> Place:
    """Where modules lie in a folder that a person named; `wanted` is a Layout or `auto`.

    Raises Invalid where it is no such folder, Unavailable where it cannot be read.
    """
    try:
        if not folder.is_dir():
            what = "this is a file" if folder.exists() else "there is no such folder"
            raise Invalid(f"{what}, and a folder of modules is needed", where=str(folder), next_step=_NEEDS)
        cache = folder / "cache" / "download"
        if wanted in {"auto", Layout.MODCACHE} and cache.is_dir():
            return Place(cache, Layout.MODCACHE)
        if wanted == "auto":
            return _recognized(folder)
    except OSError as error:
        raise _unreadable(error, str(folder)) from error
    place = Place(folder, Layout(wanted))
    if next(_places(place), None) is None and (wanted != Layout.MODCACHE or folder.name != "download"):
        raise Invalid(
            f"nothing here has the layout of {wanted}",
            where=str(folder),
            next_step="Without --from it is recognised.",
        )
    return place


def _recognized(folder: Path) -> Place:
    if (folder / ".modgate").is_dir():
        return Place(folder, Layout.MODGATE)
    if (folder / "pkg" / "mod" / "cache" / "download").is_dir():
        raise Invalid("this is a GOPATH", where=str(folder), next_step=f"Name {folder / 'pkg' / 'mod'}.")
    if folder.name == "download" and folder.parent.name == "cache":
        return Place(folder, Layout.MODCACHE)
    if folder.name == "cache" and (folder / "download").is_dir():
        return Place(folder / "download", Layout.MODCACHE)
    first = list(itertools.islice(_places(Place(folder, Layout.ATHENS), limit=_SEARCHED), _LOOKED_AT))
    if not first:
        raise Invalid("no Go modules are recognised in this folder", where=str(folder), next_step=_NEEDS)
    found = next((each for each in first if "." in each.partition("/")[0]), first[0])
    _check_top(folder, found)
    return Place(folder, Layout.GOPROXY if found.endswith("/@v") else Layout.ATHENS)


def _check_top(folder: Path, found: str) -> None:
    """A module's path begins with a host: without one the folder lies above the right one, or below it.

    Raises Invalid, and names the right one where that can be told.
    """
    parts = found.split("/")[:-1]
    hosts = [number for number, part in enumerate(parts) if "." in part]
    if hosts[:1] == [0]:
        return
    right = folder.joinpath(*parts[: hosts[0]]) if hosts else None
    if right is None:
        right = next((each.parent for each in (folder, *folder.parents) if "." in each.name), None)
    raise Invalid(
        "the modules lie deeper in this folder" if hosts else "this is a part of a folder of modules",
        where=str(folder),
        next_step=f"Name {right}." if right else _NEEDS,
    )


def scan(place: Place) -> Iterator[Entry]:
    """The versions that a folder names and that could be proved: those with a go.mod or a zip.

    Blocks, and is lazy: one folder is read at a time, in the order of names. Raises Unavailable.
    """
    for folder in _places(place):
        if folder.endswith("/@v"):
            yield from _of_goproxy(place, folder)
        else:
            yield _of_athens(place, folder)


def candidates(place: Place, request: Request) -> list[str]:
    """The files, relative to the root, that may hold an object, likeliest first."""
    version = request.module_version
    paths = dict.fromkeys((module.escape_path(version.path), str(version.path)))
    versions = dict.fromkeys((module.escape_version(version.version), str(version.version)))
    found = [f"{path}/@v/{name}.{request.kind}" for path in paths for name in versions]
    if place.layout is not Layout.ATHENS:
        return found
    named = {Kind.MOD: "go.mod", Kind.ZIP: "source.zip"}
    own = [
        f"{path}/{name}/{named.get(request.kind, f'{name}.info')}"
        for path in reversed(paths)
        for name in reversed(versions)
    ]
    return own + found


def open_beneath(root: int, path: str, *, folder: bool = False) -> int:
    """A descriptor of what lies at `path` under the open folder `root`; no link on the way is followed, and
    a pipe is not waited for. Raises OSError, ValueError for a path that could leave the folder.
    """
    parts = path.split("/") if path else []
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise ValueError(path)
    descriptor = os.dup(root)
    try:
        for number, part in enumerate(parts, 1):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            if folder or number < len(parts):
                flags |= os.O_DIRECTORY
            below = os.open(part, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _places(place: Place, *, limit: int = 0) -> Iterator[str]:
    """The folders that hold versions: `…/@v`, or Athens' own. Only so many are searched for the first."""
    athens = place.layout is Layout.ATHENS
    try:
        root = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(error, str(place.root)) from error
    try:
        waiting = deque([""])
        searched = 0
        while waiting:
            searched += 1
            if limit and searched > limit:
                return
            above = waiting.popleft()
            folders, files = _listing(root, above, place)
            if athens and _is_athens(above, files):
                yield above
                continue
            below = []
            for name in folders:
                path = f"{above}/{name}" if above else name
                if name == "@v":
                    if above:
                        yield path
                elif above or name not in _NOT_MODULES:
                    below.append(path)
            waiting.extendleft(reversed(below))
    finally:
        os.close(root)


def _listing(root: int, path: str, place: Place) -> tuple[list[str], list[str]]:
    """The folders directly in one, and everything else, sorted; links are everything else."""
    folders: list[str] = []
    files: list[str] = []
    try:
        descriptor = open_beneath(root, path, folder=True)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(error, f"{place.root}/{path}") from error
    return sorted(folders), sorted(files)


def _is_athens(path: str, files: list[str]) -> bool:
    name = path.rpartition("/")[2]
    plain = _plain_version(name)
    return (
        bool(plain)
        and module.canonical_version(plain) == plain
        and any(each in _ATHENS or each == f"{name}.info" for each in files)
    )


def _of_athens(place: Place, folder: str) -> Entry:
    root = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _, files = _listing(root, folder, place)
    finally:
        os.close(root)
    above, _, name = folder.rpartition("/")
    kinds = {_ATHENS[each] for each in files if each in _ATHENS}
    kinds |= {Kind.INFO for each in files if each == f"{name}.info"}
    return _entry(above, name, kinds)


def _of_goproxy(place: Place, folder: str) -> Iterator[Entry]:
    root = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _, files = _listing(root, folder, place)
    finally:
        os.close(root)
    yield from entries_of(folder, files)


def entries_of(folder: str, files: Iterable[str]) -> Iterator[Entry]:
    """The versions that the files of one `…/@v` name and that could be proved."""
    versions: dict[str, set[Kind]] = {}
    for file in files:
        stem, _, ending = file.rpartition(".")
        if stem and ending in _KINDS:
            versions.setdefault(stem, set()).add(_KINDS[ending])
    for stem, kinds in versions.items():
        # An `.info` alone proves nothing, and a branch or a prefix has no more than that.
        if kinds != {Kind.INFO}:
            yield _entry(folder.removesuffix("/@v"), stem, kinds)


def _entry(path: str, version: str, kinds: set[Kind]) -> Entry:
    try:
        known = module.check(_path(path), _plain_version(version))
    except Invalid as error:
        return Entry(f"{path}@{version}", None, frozenset(kinds), error.what)
    return Entry(str(known), known, frozenset(kinds))


def _path(name: str) -> ModulePath:
    return module.check_path(name) if _CAPITAL.search(name) else module.unescape_path(name)


def _plain_version(name: str) -> str:
    if _CAPITAL.search(name):
        return name
    try:
        return module.unescape_version(name)
    except Invalid:
        return name


def _unreadable(error: OSError, where: str) -> Unavailable:
    return Unavailable(f"cannot be read: {error.strerror}", where=where)
