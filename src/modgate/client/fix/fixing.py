"""Moving a module to fixed versions.

The steps:

1. List the build (`go list -m all`) and look up each version, a replaced one by what stands in its place.
Since
   Go 1.17 go.mod names every module that a package of the build can come from; others stand in the graph
   alone, run nowhere, and are left in peace unless `everything` is asked for.
2. For each that is affected choose the first fixed version among those that the proxies list: a gate lists
   none that its policy refuses, go none that its author retracted. A fix that is no release is taken by its
   pseudo-version.
3. `go get` all of them at once; where go refuses, one after the other, so that what can move does.
4. Begin again, for a move may bring in others, until nothing is left to move.
5. What is left is explained: no fix, a fix in another major version, a replacement, a go that refused.
6. `go mod tidy` and `go build` where they are asked for, before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import devnull
from typing import TYPE_CHECKING, Protocol

from modgate.client.fix.gocmd import said
from modgate.gomod.types import ModulePath, Version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from modgate.client.fix.gocmd import Built, GoCopy
    from modgate.model.advisory import Hit

__all__ = ["Known", "Left", "Move", "Outcome", "Wish", "fix"]

_ROUNDS = 8


class Known(Protocol):
    """Advisories, and which other major versions have a fix."""

    def hits(self, path: str, version: str) -> tuple[Hit, ...]:
        """As `model.advisory.Advisories`."""

    def first_fixed(self, path: ModulePath, version: Version, listed: tuple[Version, ...]) -> Version | None:
        """As `model.advisory.Advisories`."""

    def majors(self, path: str, hits: Iterable[Hit]) -> tuple[tuple[str, str], ...]:
        """Higher majors in which these are fixed: each with its first fixed version."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to do.

    Attributes:
        advisories: Only these ids or aliases, in any case; empty for all.
        everything: Modules too that stand in the graph alone.
        tidy: Run `go mod tidy` in the end.
        build: Run `go build ./...` in the end.
    """

    advisories: frozenset[str] = frozenset()
    everything: bool = False
    tidy: bool = False
    build: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A module that was moved, and what that mends."""

    path: str
    before: str
    after: str
    advisories: tuple[str, ...]
    indirect: bool


@dataclass(frozen=True, slots=True)
class Left:
    """A version that stays affected, and why: `no-fix`, `major`, `replaced` or `refused`.

    `words` holds what go said (`refused`), the other majors (`major`) or the replacement (`replaced`).
    """

    path: str
    version: str
    advisories: tuple[str, ...]
    why: str
    words: str = ""


@dataclass(slots=True)
class Outcome:
    """What came of it: `checked` modules, `aside` that are affected and stand in the graph alone; `failed`
    holds
    the step that failed at the end (`tidy`, `build`) and go's words.
    """

    moves: list[Move] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    checked: int = 0
    aside: int = 0
    failed: tuple[str, str] = ("", "")
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class _Need:
    built: Built
    path: ModulePath
    version: Version
    hits: tuple[Hit, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(sorted({hit.advisory.id for hit in self.hits}))


async def fix(
    copy: GoCopy,
    wish: Wish,
    known: Callable[[Sequence[str]], Awaitable[Known]],
    progress: Callable[[str], None] = lambda _step: None,
) -> Outcome:
    """Do the steps on a copy.

    `known` gives what is known of these module paths. Raises Unavailable where go or the database fails.
    """
    outcome = Outcome()
    first: dict[str, str] = {}
    mended: dict[str, set[str]] = {}
    refused: dict[str, str] = {}
    progress("listing")
    built = await copy.modules()
    while True:
        index = await known(sorted({path for each in built if (path := _named(each)[0])}))
        outcome.checked = max(outcome.checked, sum(not each.main for each in built))
        needs = _needs(built, index, wish)
        needs, outcome.aside = _of_the_build(needs, None if wish.everything else copy.required())
        listed = await copy.versions([need.path for need in needs if not need.built.replaced])
        moves, outcome.left = _plan(needs, index, listed, refused)
        if outcome.rounds == _ROUNDS:
            # What go was asked for and did not keep is no success.
            outcome.left += [
                Left(need.path, need.version, need.ids, "refused", f"{need.path}@{target} did not last")
                for need, target in moves
            ]
            break
        if not moves:
            break
        outcome.rounds += 1
        progress("moving")
        refused |= await _moved(copy, moves)
        for need, _ in moves:
            if need.path not in refused:
                first.setdefault(need.path, need.version)
                mended.setdefault(need.path, set()).update(need.ids)
        built = await copy.modules()
    present = {each.path: each for each in built}
    for path, before in sorted(first.items()):
        now = present.get(ModulePath(path))
        after = now.version if now is not None else ""
        if after == before:
            continue
        indirect = now is not None and now.indirect
        outcome.moves.append(Move(path, before, after, tuple(sorted(mended[path])), indirect))
    await _finish(copy, wish, outcome, progress)
    return outcome


def _named(each: Built) -> tuple[str, str]:
    """Whose code it is: the module's, or what stands in its place; empty for folders and main modules."""
    if each.replaced:
        return (each.replaced, each.replaced_version) if each.replaced_version else ("", "")
    return ("", "") if each.main or not each.version else (each.path, each.version)


def _needs(built: Sequence[Built], index: Known, wish: Wish) -> list[_Need]:
    wanted = {name.casefold() for name in wish.advisories}
    found = []
    for each in built:
        path, version = _named(each)
        if not path:
            continue
        hits = tuple(
            hit
            for hit in index.hits(path, version)
            if not wanted
            or any(name.casefold() in wanted for name in (hit.advisory.id, *hit.advisory.aliases))
        )
        if hits:
            found.append(_Need(each, ModulePath(path), Version(version), hits))
    return found


def _of_the_build(needs: list[_Need], required: frozenset[str] | None) -> tuple[list[_Need], int]:
    """Those whose packages a build can use, and how many others there are; all where that cannot be told."""
    if required is None:
        return needs, 0
    kept = [need for need in needs if need.built.path in required]
    return kept, len(needs) - len(kept)


def _plan(
    needs: Sequence[_Need],
    index: Known,
    listed: dict[str, tuple[Version, ...]],
    refused: dict[str, str],
) -> tuple[list[tuple[_Need, str]], list[Left]]:
    """Which move where, and which cannot."""
    moves: list[tuple[_Need, str]] = []
    left: list[Left] = []
    for need in needs:
        if need.built.replaced:
            words = f"{need.built.replaced} {need.built.replaced_version}"
            left.append(Left(need.built.path, need.built.version, need.ids, "replaced", words))
            continue
        if need.path in refused:
            left.append(Left(need.path, need.version, need.ids, "refused", refused[need.path]))
            continue
        target = index.first_fixed(need.path, need.version, listed.get(need.path, ()))
        if target is not None and target != need.version:
            moves.append((need, target))
            continue
        majors = index.majors(need.path, need.hits)
        words = ", ".join(f"{path}@{version}" for path, version in majors)
        left.append(Left(need.path, need.version, need.ids, "major" if majors else "no-fix", words))
    return moves, left


async def _moved(copy: GoCopy, moves: Sequence[tuple[_Need, str]]) -> dict[str, str]:
    """Move all at once, else one by one; go's words of those that it refused, by path."""
    wanted = [f"{need.path}@{target}" for need, target in moves]
    before = {name: copy.content(name) for name in ("go.mod", "go.sum")}
    words = await copy.get(wanted)
    if not words:
        return {}
    copy.restore(before)
    if len(moves) == 1:
        return {moves[0][0].path: words}
    refused: dict[str, str] = {}
    for (need, _), one in zip(moves, wanted, strict=True):
        before = {name: copy.content(name) for name in ("go.mod", "go.sum")}
        if words := await copy.get([one]):
            refused[need.path] = words
            copy.restore(before)
    return refused


async def _finish(copy: GoCopy, wish: Wish, outcome: Outcome, progress: Callable[[str], None]) -> None:
    steps: list[tuple[str, tuple[str, ...]]] = [("tidy", ("mod", "tidy", copy.modfile))] if wish.tidy else []
    if wish.build:
        steps.append(("build", ("build", "-mod=mod", copy.modfile, "-o", devnull, "./...")))
    for name, words in steps:
        progress(name)
        ran = await copy.run(*words)
        if ran.status:
            outcome.failed = (name, said(ran))
            return
