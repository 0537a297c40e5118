"""What is stored, module by module: the common ground of listing, measuring and pruning.

A pattern is written as in GOPRIVATE: a glob over the beginning of module paths, so that a path means what is
below it as well. `MODULE@VERSION`, globs both, means these modules and versions and nothing below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.patterns import malformed_patterns, match_prefix_patterns, path_match
from modgate.operations.fsck_names import read_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import BlobStore, Ledger, StoredObject

__all__ = ["Choice", "Pins", "StoredModule", "StoredVersion", "modules_stored", "read_pins"]


@dataclass(slots=True)
class StoredVersion:
    """The objects of one version, by kind (`info`, `mod`, `zip`)."""

    objects: dict[str, StoredObject] = field(default_factory=dict)

    @property
    def used_at(self) -> float:
        """When any of it was last used."""
        return max(each.used_at for each in self.objects.values())


@dataclass(slots=True)
class StoredModule:
    """One module as far as it was chosen, under one scope of credentials (empty: public).

    `others` are its list, newest version and queries, which have no version.
    """

    path: ModulePath
    scope: str
    versions: dict[Version, StoredVersion] = field(default_factory=dict)
    others: list[StoredObject] = field(default_factory=list)

    @property
    def objects(self) -> list[StoredObject]:
        """All of them."""
        of_versions = [each for version in self.versions.values() for each in version.objects.values()]
        return of_versions + self.others


class Choice:
    """Which modules and versions are meant; everything without a pattern. Raises Invalid for no patterns."""

    def __init__(self, patterns: Sequence[str]) -> None:
        exact = [each.partition("@") for each in patterns if "@" in each]
        self._exact = [(path, version) for path, _, version in exact]
        self._globs = ",".join(each for each in patterns if "@" not in each)
        wrong = malformed_patterns(",".join(each.replace("@", ",") for each in patterns))
        if wrong or any(not path or not version for path, version in self._exact):
            shown = wrong[0] if wrong else next(each for each in patterns if "@" in each)
            raise Invalid(
                f"no pattern: {shown}",
                next_step="Patterns are written as in GOPRIVATE, or MODULE@VERSION.",
            )
        self.whole = not patterns

    def takes_module(self, path: str) -> bool:
        """Whether the whole module is meant."""
        return self.whole or match_prefix_patterns(self._globs, path)

    def takes_some(self, path: str) -> bool:
        """Whether the module or versions of it are meant."""
        return self.takes_module(path) or any(path_match(glob, path) for glob, _ in self._exact)

    def takes(self, path: str, version: str) -> bool:
        """Whether a version is meant."""
        return self.takes_module(path) or any(
            path_match(glob, path) and path_match(of_version, version) for glob, of_version in self._exact
        )


@dataclass(frozen=True, slots=True)
class Pins:
    """What is pinned."""

    modules: Collection[ModulePath]
    versions: Collection[tuple[ModulePath, Version]]

    def hold(self, path: ModulePath, version: Version) -> bool:
        """Whether a version is pinned, by itself or with its module."""
        return path in self.modules or (path, version) in self.versions


async def read_pins(ledger: Ledger) -> Pins:
    """The pins. Raises Unavailable."""
    pins = await ledger.pins()
    return Pins(
        {pin.path for pin in pins if pin.version is None},
        {(pin.path, pin.version) for pin in pins if pin.version is not None},
    )


async def modules_stored(store: BlobStore, choice: Choice) -> AsyncGenerator[StoredModule, None]:
    """The chosen modules, one after the other as their folders come, with what is chosen of each.

    `@latest`, which lies beside a module's folder, comes with it. Bounded in memory by the largest module.
    Raises Unavailable.
    """
    present: StoredModule | None = None
    async for batch in store.walk():
        for each in batch:
            name = read_name(each.key)
            if name is None or name.request is None or not choice.takes_some(name.request.path):
                continue
            path, version = name.request.path, name.version
            if present is None or (present.path, present.scope) != (path, name.scope):
                if present is not None and present.objects:
                    yield present
                present = StoredModule(path, name.scope)
            if version is None:
                if choice.takes_module(path):
                    present.others.append(each)
            elif choice.takes(path, version.version):
                present.versions.setdefault(version.version, StoredVersion()).objects[name.kind] = each
    if present is not None and present.objects:
        yield present
