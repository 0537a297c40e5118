"""Which go.mod files the go command reads for a build, and which versions it selects.

Minimal version selection takes of every module the highest version that any go.mod which is read requires.
Which are read is the rule of graph pruning: a go.mod of go 1.17 or higher lists all that its packages need,
so that behind a requirement of such a main module only that one file is read, unless it is itself older;
an older main module has everything read that can be reached, and a workspace takes its main modules as the
requirements of nobody. Exclusions drop requirements; a replacement stands for what is required.

Nothing is fetched here: `ModGraph` says which files it wants next and is given what they say.
Sources: cmd/go/internal/modload/buildlist.go (readModGraph, updatePrunedRoots), modfile.go (goModSummary),
golang.org/ref/mod#graph-pruning.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.gomod import semver

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from modgate.gomod.modfile import GoMod

__all__ = ["ModGraph", "Needs", "Pair", "needs_of", "prunes"]

Pair = tuple[str, str]
"""A module path and a version; with an empty version, a folder that replaces a module."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the graph has to know of a go.mod: the language version and the requirements."""

    go: str = ""
    require: tuple[Pair, ...] = ()


NOTHING = Needs(go="1.17")


def needs_of(go_mod: GoMod) -> Needs:
    """What a parsed go.mod says."""
    return Needs(go_mod.go, tuple((each.path, each.version) for each in go_mod.require))


def prunes(go: str) -> bool:
    """Whether a go.mod of this language version lists all that its packages need (from 1.17 on)."""
    match = re.match(r"(\d+)\.(\d+)(.*)", go)
    if match is None:
        return False
    # Through semver, which compares digits of any length: int() refuses very long ones.
    compared = semver.compare(f"v{match[1]}.{match[2]}.0", "v1.17.0")
    return compared > 0 or (compared == 0 and not match[3][:1].isalpha())


class _Pruning(enum.Enum):
    PRUNED = enum.auto()
    UNPRUNED = enum.auto()
    WORKSPACE = enum.auto()


@dataclass(slots=True)
class _Round:
    """One loading of the graph from one set of roots."""

    seen: set[tuple[Pair, _Pruning]] = field(default_factory=set)
    selected: dict[str, str] = field(default_factory=dict)
    waiting: dict[Pair, list[tuple[Pair, _Pruning]]] = field(default_factory=dict)


class ModGraph:
    """The module graph of a main module or a workspace.

    Args:
        mains: The main modules by their paths.
        workspace: Whether a go.work names them; there may be several only then.
        exclude: Requirements that do not count.
        replace: Replacements by (path, version), or by (path, "") for every version of a module.
        folders: What the go.mod of a folder says that replaces a module, by the path in `replace`; a folder
            without one requires nothing.
    """

    def __init__(
        self,
        mains: Mapping[str, Needs],
        *,
        workspace: bool = False,
        exclude: Collection[Pair] = (),
        replace: Mapping[Pair, Pair] | None = None,
        folders: Mapping[str, Needs] | None = None,
    ) -> None:
        self._mains = mains
        self._workspace = workspace
        self._exclude = frozenset(exclude)
        self._replace = replace or {}
        self._known = {(path, ""): needs for path, needs in (folders or {}).items()}
        self._unread: list[Pair] = []
        self._asked: set[Pair] = set()
        self._roots = self._first_roots()
        self._round = _Round()
        self._load()

    @property
    def pruned(self) -> bool:
        """Whether the main module lists all that it needs: no workspace, go 1.17 or higher."""
        return not self._workspace and all(prunes(needs.go) for needs in self._mains.values())

    def wanted(self) -> list[Pair]:
        """The versions whose go.mod is needed next, each named once; none where all are given."""
        wanted, self._unread = self._unread, []
        return wanted

    def give(self, module: Pair, needs: Needs | None) -> None:
        """What a wanted go.mod says; None for one that cannot be had, behind which nothing is read."""
        self._known[module] = NOTHING if needs is None else needs
        for waiting, pruning in self._round.waiting.pop(module, ()):
            self._round.seen.discard((waiting, pruning))
            self._enqueue(waiting, pruning)
        if not self._round.waiting and self._raised():
            self._load()

    def actual(self, module: Pair) -> Pair:
        """What stands for a required version: a replacement, else itself."""
        return self._replace.get(module) or self._replace.get((module[0], "")) or module

    def build_list(self) -> list[Pair]:
        """The versions that are selected, by path, as required; the main modules are not among them."""
        return sorted(
            (path, version) for path, version in self._round.selected.items() if path not in self._mains
        )

    def downloads(self, known: Collection[Pair] | None = None) -> list[Pair]:
        """The versions whose zips go asks for. Replacements count, folders do not.

        Of a main module that lists all it needs, those it lists (which is what `go mod download` fetches),
        and what is `known` (as a go.sum has it) among the selected. Without a go.sum, and of an older main
        module or a workspace, the whole build list.
        """
        listed = {path for path, _ in self._roots}
        every = known is None or not self.pruned
        found = {
            actual
            for module in self.build_list()
            if (actual := self.actual(module))[1]
            and (every or module[0] in listed or (known is not None and actual in known))
        }
        return sorted(found)

    def _first_roots(self) -> list[Pair]:
        return [each for needs in self._mains.values() for each in needs.require if each not in self._exclude]

    def _load(self) -> None:
        self._round = _Round()
        if self._workspace:
            for needs in self._mains.values():
                self._follow(needs, _Pruning.WORKSPACE)
            return
        pruning = _Pruning.PRUNED if self.pruned else _Pruning.UNPRUNED
        for root in self._roots:
            self._select(root)
        for root in self._roots:
            self._enqueue(root, pruning)

    def _raised(self) -> bool:
        """Whether the graph selects a higher version of a root: then that one is the root."""
        if not self.pruned:
            return False
        raised = [(path, self._round.selected[path]) for path, _ in self._roots]
        if raised == self._roots:
            return False
        self._roots = list(dict.fromkeys(raised))
        return True

    def _enqueue(self, module: Pair, pruning: _Pruning) -> None:
        stack: list[tuple[Pair, _Pruning]] = [(module, pruning)]
        while stack:
            item = stack.pop()
            if item in self._round.seen:
                continue
            self._round.seen.add(item)
            needs = self._needs(item)
            if needs is not None:
                stack += self._behind(needs, item[1])

    def _follow(self, needs: Needs, pruning: _Pruning) -> None:
        for module, next_pruning in self._behind(needs, pruning):
            self._enqueue(module, next_pruning)

    def _needs(self, item: tuple[Pair, _Pruning]) -> Needs | None:
        """What a module requires; None where its go.mod is not known yet and was asked for."""
        actual = self.actual(item[0])
        known = self._known.get(actual)
        if known is not None:
            return known
        if not actual[1]:
            return NOTHING
        self._round.waiting.setdefault(actual, []).append(item)
        if actual not in self._asked:
            self._asked.add(actual)
            self._unread.append(actual)
        return None

    def _behind(self, needs: Needs, pruning: _Pruning) -> Sequence[tuple[Pair, _Pruning]]:
        """Take the requirements into account; those whose own go.mod is read, and how."""
        required = [each for each in needs.require if each not in self._exclude]
        for each in required:
            self._select(each)
        lists_all = prunes(needs.go)
        if pruning is _Pruning.PRUNED and lists_all:
            return ()
        unpruned = pruning is _Pruning.UNPRUNED or not lists_all
        behind = _Pruning.UNPRUNED if unpruned else _Pruning.PRUNED
        return [(each, behind) for each in required]

    def _select(self, module: Pair) -> None:
        path, version = module
        standing = self._round.selected.get(path)
        if standing is None or (standing != version and semver.compare(version, standing) > 0):
            self._round.selected[path] = version
