"""The index of everything known to be wrong: is this version affected, and from which on is it not?

It is asked for every file that is served, so the answers are worked out before (`intervals`). Rules:

1. A withdrawn advisory hits nothing. A module is named by its exact path: `/v2` is another module.
2. The events of a range, in order of their versions: `introduced` turns it on (`0`: from the beginning),
   `fixed` turns it off at that version, `last_affected` after it. Several ranges are one set.
3. SemVer's order; `+incompatible` does not count; a pseudo-version is the pre-release that it is written as.
4. `stdlib` and `toolchain` are Go's releases, `golang.org/toolchain` is both: see `gonames`.
5. A version named in `versions` is affected too, by its text. Nothing fixes it but a later version.

Sources: ossf.github.io/osv-schema (evaluation), golang.org/x/vuln/internal/semver (Affects).
"""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import TYPE_CHECKING, Final

import msgspec

from modgate.gomod import module, pseudo
from modgate.gomod.toolchain import TOOLCHAIN
from modgate.policy import gonames
from modgate.policy.intervals import GoIntervals, Intervals, order
from modgate.policy.merging import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Advisory, Block, Hit
    from modgate.policy.intervals import Key

__all__ = ["AdvisoryIndex"]

_REMEMBERED: Final = 100_000
"""How many hits are kept ready: what is asked once is asked again by the next file of the same version."""

_PREPARED: Final = 2_000_000
"""How many places of answers are worked out before anybody asks, of all modules: 16 MB. The whole Go database
needs 80,000; what a hostile one wants beyond is answered slower.
"""


class AdvisoryIndex:
    """The promises are `model.advisory.Advisories`'s.

    Args:
        advisories: Of all databases together: what several say of one vulnerability is made one
            (`merging.merge`), of the databases in the order given.
        digest: Names the content; made of the advisories where it is not given.
    """

    def __init__(self, advisories: Iterable[Advisory] = (), *, digest: str = "") -> None:
        self._all = merge(advisories)
        self._ids: dict[str, Advisory] = {}
        for advisory in self._all:
            for alias in advisory.aliases:
                self._ids.setdefault(alias, advisory)
        self._ids |= {advisory.id: advisory for advisory in self._all}
        blocks: dict[str, list[tuple[Advisory, Block]]] = {}
        for advisory in self._all:
            if not advisory.withdrawn:
                for block in advisory.blocks:
                    blocks.setdefault(block.path, []).append((advisory, block))
        self._modules = {
            path: Intervals(path, each) for path, each in blocks.items() if path not in gonames.GO_MODULES
        }
        self._go = {path: GoIntervals(path, blocks[path]) for path in gonames.GO_MODULES if path in blocks}
        self._modules |= self._go
        self._prepare()
        self._digest = digest or (_digest(self._all) if self._all else "")
        self._ready: dict[tuple[str, str], tuple[Hit, ...]] = {}
        self._kept = 0

    @property
    def digest(self) -> str:
        """Names the content: equal digests answer alike. Empty for an index that was never filled."""
        return self._digest

    def __len__(self) -> int:
        """How many advisories there are, withdrawn ones included."""
        return len(self._all)

    @property
    def advisories(self) -> tuple[Advisory, ...]:
        """All of them, withdrawn ones included, by id."""
        return self._all

    @property
    def paths(self) -> frozenset[str]:
        """Every module that an advisory which stands names."""
        return frozenset(self._modules)

    def get(self, identifier: str) -> Advisory | None:
        """An advisory by its id or an alias."""
        return self._ids.get(identifier)

    def concerns(self, path: str) -> bool:
        """Whether any advisory that was not withdrawn names the module."""
        if path == TOOLCHAIN:
            return any(name in self._modules for name in (*gonames.GO_MODULES, path))
        return path in self._modules

    def hits(self, path: str, version: str) -> tuple[Hit, ...]:
        """What affects a version; empty for one that is no version."""
        if path not in self._modules and path != TOOLCHAIN:
            return ()
        asked = (path, version)
        ready = self._ready.get(asked)
        if ready is None:
            ready = self._look(path, version)
            if self._kept > _REMEMBERED:
                self._ready, self._kept = {}, 0
            self._ready[asked] = ready
            self._kept += 1 + len(ready)
        return ready

    def _look(self, path: str, version: str) -> tuple[Hit, ...]:
        if path == TOOLCHAIN or path in self._go:
            released = gonames.release_of(path, version)
            if released is None:
                return ()
            if path != TOOLCHAIN:
                return self._go[path].like(released)
            return tuple(chain.from_iterable([known.like(released) for known in self._go.values()]))
        return self._modules[path].at(version)

    def _prepare(self) -> None:
        left = _PREPARED
        for known in sorted(self._modules.values(), key=lambda each: each.size):
            left -= known.size
            if left < 0:
                return
            known.prepare()

    def first_fixed(self, path: ModulePath, version: Version, listed: tuple[Version, ...]) -> Version | None:
        """The smallest of the `listed` versions and of the fixes that are pseudo-versions, above `version`,
        that no advisory affects; None where there is none.

        What lies between a version and the fix that closes its interval is in that interval, and so hit:
        the smallest version above it that nothing hits is where following one fix after the other ends.
        """
        return self._above(path, version, listed, pseudo_only=True)

    def closing_fix(self, path: str, version: str) -> str:
        """The smallest version that any advisory calls fixed, above `version`, that no advisory affects:
        the answer of `first_fixed` where no list is at hand. Empty where there is none.
        """
        return self._above(path, version, (), pseudo_only=False) or ""

    def _above(self, path: str, version: str, listed: Iterable[str], *, pseudo_only: bool) -> Version | None:
        place: Callable[[str], Key] = order
        asked = gonames.release_of(path, version)
        if asked is not None:
            place = _release_order
            listed = [each for each in listed if each.endswith(asked.after)]  # toolchains of this platform
        own = place(version)
        candidates = {each for each in listed if place(each) > own}
        waiting = [hit.fixed for hit in self.hits(path, version)]
        tried: set[str] = set()
        while waiting:
            fix = waiting.pop()
            if fix and fix not in tried and place(fix) > own:
                tried.add(fix)
                waiting += [hit.fixed for hit in self.hits(path, fix)]
        candidates |= {fix for fix in tried if not pseudo_only or pseudo.is_pseudo_version(fix)}
        for candidate in sorted(candidates, key=place):
            if not self.hits(path, candidate):
                return candidate  # type: ignore[return-value]  # of the list, or a fix that is a version
        return None

    def majors(self, path: str, hits: Iterable[Hit]) -> tuple[tuple[str, str], ...]:
        """Where to move because nothing fixes this major version: the modules of higher ones, nearest first,
        each with the version from which on no advisory affects it. `hits` are those of the version in use.

        Only modules that one of the advisories without a fix names itself, with a fix.
        """
        prefix, own = _line(path)
        moves: dict[int, tuple[str, str]] = {}
        for hit in hits:
            if hit.fixed:
                continue
            for other in {block.path for block in hit.advisory.blocks}:
                theirs, number = _line(other)
                if theirs != prefix or number <= own or number in moves:
                    continue
                fix = self._last_fix(other, hit.advisory)
                if fix and self.hits(other, fix):
                    fix = self.closing_fix(other, fix)
                if fix:
                    moves[number] = (other, fix)
        return tuple(moves[number] for number in sorted(moves))

    def _last_fix(self, path: str, advisory: Advisory) -> str:
        known = self._modules.get(path)
        return "" if known is None else known.last_fix(advisory)


def _line(path: str) -> tuple[str, int]:
    """A module path without its major version, and that version: 1 where the path has none."""
    prefix, major, _ = module.split_path_version(path)
    digits = major.lstrip("/.v").removesuffix("-unstable")
    return (prefix, int(digits)) if digits else (path, 1)


def _release_order(version: str) -> Key:
    released = gonames.release(version)
    return (0,) if released is None else (*order(released.semver), released.before, released.after)


def _digest(advisories: tuple[Advisory, ...]) -> str:
    """Of all but the name of the database: the same content under another name answers alike."""
    told = hashlib.blake2b(digest_size=16)
    for each in advisories:
        rating = (each.severity, each.severity_from, each.score)
        times = (each.modified, each.published, each.withdrawn, each.reviewed)
        content = (each.id, each.aliases, each.blocks, each.summary, each.url, rating, times)
        told.update(msgspec.json.encode(content))
    return told.hexdigest()
