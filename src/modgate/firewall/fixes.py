"""Where to go from a version that may not be used.

The first version above it that no advisory affects and that may be used; where no list can be had, what the
advisories call fixed. Where no advisory is the reason, the next higher version that may be used, else the
newest that may.

Who is told of an advisory is told of no version that the policy would refuse, hide or hold back for them: not
of one outside the list (a pseudo-version) either, and not of what the advisories call fixed where no list can
be had. Where only such ones would fix it, that is said.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from modgate.gomod import query, semver
from modgate.gomod.types import ModuleVersion, Version
from modgate.model.advisory import Advisories
from modgate.model.context import Context
from modgate.policy.facts import Facts, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.firewall.lists import Modules
    from modgate.gomod.types import ModulePath
    from modgate.model.guard import Guard

__all__ = ["Allowed", "Called", "Closing", "Usable", "Way", "Ways", "usable_of", "way_out"]

_TRIES = 8


class Closing(Advisories, Protocol):
    """An index that knows a fix without a list."""

    def closing_fix(self, path: str, version: str) -> str:
        """The smallest version that anybody calls fixed and nothing affects; empty for none."""


class Usable(NamedTuple):
    """What of a list a consumer may go to (None without a list), and whether another may go elsewhere."""

    versions: tuple[Version, ...] | None
    personal: bool


async def usable_of(guard: Guard, modules: Modules, ctx: Context, path: ModulePath) -> Usable:
    """The versions of a module that a consumer is shown and that their author did not take back."""
    listed = await modules.versions(ctx, path)
    if isinstance(listed, Unknown):
        return Usable(None, personal=True)
    shown = await guard.visible(ctx, path, listed)
    spoken = await modules.spoken(ctx, path)
    taken_back: Callable[[str], str] = (
        (lambda _version: "") if isinstance(spoken, Unknown) else spoken.retraction
    )
    return Usable(tuple(each for each in shown.versions if not taken_back(each)), shown.personal)


def way_out(facts: Facts, usable: tuple[Version, ...] | None, index: Advisories | Unknown) -> str:
    """The version to go to, empty for none. `usable`: what may be used of the list, None without a list."""
    if isinstance(index, Unknown) or isinstance(facts.hits, Unknown) or not facts.hits:
        return _instead(facts.version, usable or (), index, facts.path)
    if usable is not None:
        return index.first_fixed(facts.path, facts.version, usable) or ""
    return max((hit.fixed for hit in facts.hits if hit.fixed), key=semver.sort_key, default="")


def _instead(version: str, usable: tuple[Version, ...], index: Advisories | Unknown, path: str) -> str:
    clean = [each for each in usable if isinstance(index, Unknown) or not index.hits(path, each)]
    above = [each for each in clean if semver.compare(each, version) > 0]
    releases = [each for each in above if not semver.prerelease(each)]
    if higher := releases or above:
        return min(higher, key=semver.sort_key)
    return query.latest(clean) or ""


@dataclass(frozen=True, slots=True)
class Way:
    """Where one consumer may go from a version that advisories hit.

    Attributes:
        fixed: The version to go to; empty where there is none.
        withheld: Where there is none: a version that would fix it, and that may not be used; empty for none.
    """

    fixed: str = ""
    withheld: str = ""


class Ways(Protocol):
    """Knows ways out. Made anew for each look at the advisories."""

    async def out(self, consumer: str, groups: frozenset[str], version: ModuleVersion, index: Closing) -> Way:
        """The way of one consumer. Raises nothing of ours."""


class Called:
    """What the advisories call fixed (`Ways`): no policy is asked."""

    async def out(
        self,
        consumer: str,  # noqa: ARG002  the protocol's
        groups: frozenset[str],  # noqa: ARG002  likewise
        version: ModuleVersion,
        index: Closing,
    ) -> Way:
        """The same for all."""
        return Way(index.closing_fix(version.path, version.version))


class Allowed:
    """Ways out that a policy allows, for many consumers in turn (`Ways`).

    Args:
        guard: The policy in force.
        modules: Lists, and what was taken back.
        monotonic: Seconds.
        patience: For so many seconds in all upstreams are asked; after that, what is stored must do, so that
            one that is slow keeps nobody from being told.
    """

    def __init__(
        self, guard: Guard, modules: Modules, *, monotonic: Callable[[], float], patience: float = 5.0
    ) -> None:
        self._guard = guard
        self._modules = modules
        self._monotonic = monotonic
        self._left = patience
        self._generation = guard.generation
        self._shared: dict[ModuleVersion, Way] = {}

    async def out(self, consumer: str, groups: frozenset[str], version: ModuleVersion, index: Closing) -> Way:
        """The way of one consumer; what is the same for all of them is looked for once."""
        if self._generation != self._guard.generation:
            self._generation = self._guard.generation
            self._shared.clear()
        ready = self._shared.get(version)
        if ready is not None:
            return ready
        way, personal = await self._found(Context(consumer=consumer, groups=groups), version, index)
        if not personal:
            self._shared[version] = way
        return way

    async def _found(self, ctx: Context, version: ModuleVersion, index: Closing) -> tuple[Way, bool]:
        began = self._monotonic()
        if self._left > 0:
            try:
                async with asyncio.timeout(self._left):
                    return await self._find(ctx, version, index)
            except TimeoutError:
                self._left = 0.0
            finally:
                self._left -= self._monotonic() - began
        return await self._find(replace(ctx, fetch=False), version, index)

    async def _find(self, ctx: Context, version: ModuleVersion, index: Closing) -> tuple[Way, bool]:
        path = version.path
        usable, personal = await usable_of(self._guard, self._modules, ctx, path)
        personal = personal and usable is not None
        candidate = "" if usable is None else index.first_fixed(path, version.version, usable) or ""
        for _ in range(_TRIES):
            if not candidate:
                break
            # A list is judged by what is known of all its versions; of one of them more may be.
            decision = await self._guard.about(ctx, ModuleVersion(path, Version(candidate)))
            personal = personal or decision.personal
            refused = decision.effect.refuses if candidate in (usable or ()) else decision.effect.unlists
            if not refused:
                return Way(candidate), personal
            candidate = index.first_fixed(path, Version(candidate), usable or ()) or ""
        closing = index.closing_fix(path, version.version)
        if not closing:
            return Way(), personal
        # What no list names yet may be there all the same: fixes are announced before lists are renewed.
        listed = await self._modules.versions(ctx, path)
        decision = await self._guard.about(ctx, ModuleVersion(path, Version(closing)))
        known = not isinstance(listed, Unknown) and closing in listed
        if known or decision.effect.unlists:
            return Way(withheld=closing), personal or decision.personal
        return Way(closing), personal or decision.personal
