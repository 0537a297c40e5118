"""What an export takes: everything that the store has of the modules asked for, or what a go.sum names.

A line of go.sum for a zip asks for the version's zip, go.mod and `.info`; one for a go.mod alone, which only
the module graph needs, for no more than that. Objects of a credential scope are never taken: whoever may read
the bundle was not asked who he is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod import gosum, module
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.protocol import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import BlobStore

__all__ = ["Group", "Wanted", "groups_of", "groups_stored"]

_KINDS = {kind.value: kind for kind in (Kind.INFO, Kind.MOD, Kind.ZIP)}
_OWN = ("sumdb/", "scope/")


@dataclass(slots=True)
class Wanted:
    """What is wanted of a version: its objects, those that must be there, and the sums they must have."""

    kinds: set[Kind] = field(default_factory=set)
    required: set[Kind] = field(default_factory=set)
    sums: dict[Kind, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """One module, and what is wanted of it."""

    path: ModulePath
    versions: dict[Version, Wanted] = field(default_factory=dict)


async def groups_stored(store: BlobStore, globs: str) -> AsyncGenerator[Group, None]:
    """What the store has, module by module in the order of their folders. Raises Unavailable."""
    group: Group | None = None
    folder = ""
    async for batch in store.walk():
        for each in batch:
            above, _, name = each.key.rpartition("/")
            if above != folder:
                if group is not None and group.versions:
                    yield group
                folder, group = above, _group(above, globs)
            known = None if group is None else _version(group.path, name)
            if group is not None and known is not None:
                version, kind = known
                group.versions.setdefault(version, Wanted()).kinds.add(kind)
    if group is not None and group.versions:
        yield group


async def groups_of(sums: gosum.GoSum, globs: str) -> AsyncGenerator[Group, None]:
    """What a go.sum names. Raises Invalid for a line that names no module version."""
    groups: dict[str, Group] = {}
    for line in sums:
        if globs and not match_prefix_patterns(globs, line.path):
            continue
        go_mod = line.version.endswith(gosum.GO_MOD_SUFFIX)
        named = module.check(line.path, line.version.removesuffix(gosum.GO_MOD_SUFFIX))
        group = groups.setdefault(named.path, Group(named.path))
        wanted = group.versions.setdefault(named.version, Wanted())
        kind = Kind.MOD if go_mod else Kind.ZIP
        wanted.sums.setdefault(kind, set()).add(line.hash)
        wanted.kinds |= {Kind.INFO, Kind.MOD, kind}
        wanted.required |= {Kind.MOD} if go_mod else set(_KINDS.values())
    for path in sorted(groups):
        yield groups[path]


def _group(folder: str, globs: str) -> Group | None:
    if folder.startswith(_OWN) or not folder.endswith("/@v"):
        return None
    try:
        path = module.unescape_path(folder.removesuffix("/@v"))
    except Invalid:
        return None
    return Group(path) if not globs or match_prefix_patterns(globs, path) else None


def _version(path: ModulePath, name: str) -> tuple[Version, Kind] | None:
    stem, _, ending = name.rpartition(".")
    if ending not in _KINDS:
        return None
    try:
        return module.check(path, module.unescape_version(stem)).version, _KINDS[ending]
    except Invalid:
        return None
