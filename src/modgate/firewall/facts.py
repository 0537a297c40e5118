"""Gathering what rules ask about versions: nothing that no rule asks, and nothing twice.

What cannot be had is `Unknown` with its reason; the rule that asked says what happens then. What was found is
good for a while (`until`): a version ages, and what was unknown may be known in a moment.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from modgate.firewall.ages import Aged
from modgate.policy.facts import Facts, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.firewall.ages import Ages
    from modgate.firewall.lists import Modules
    from modgate.firewall.patience import Patience
    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Advisories
    from modgate.model.consumers import ConsumerBook
    from modgate.model.context import Context
    from modgate.model.decision import Decision

__all__ = ["Gathered", "Gatherer", "Licences", "NobodyLooks", "Scans"]

_AGES_FOR = 30.0
_UNKNOWN_FOR = 2.0
_USES_FOR = 30.0
_SAID_FOR = 30.0
_MAY_CHANGE = frozenset({"retracted", "deprecated", "scan"})
"""What is said of a version may be said otherwise tomorrow, and no generation moves with it."""


class Licences(Protocol):
    """Says which licences were found in versions."""

    async def licences(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> Mapping[Version, tuple[str, ...] | Unknown]:
        """SPDX ids by version. `exact`: one version was asked for, and is worth looking into; else only what
        is known already is wanted.
        """


class Scans(Protocol):
    """Says what a scanner said of versions."""

    async def verdicts(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> Mapping[Version, bool | Unknown]:
        """Released (True) or refused by version; `exact` as for licences: a scan is begun, not waited for."""

    async def settled(self, ctx: Context, decision: Decision) -> None:
        """Wait for a scan that runs, as long as a client may be kept waiting."""


class NobodyLooks:
    """No licences are looked for, and nothing is scanned."""

    async def licences(
        self,
        ctx: Context,  # noqa: ARG002  the protocol's
        path: ModulePath,  # noqa: ARG002  likewise
        versions: Sequence[Version],
        *,
        exact: bool,  # noqa: ARG002  likewise
    ) -> Mapping[Version, tuple[str, ...] | Unknown]:
        """Unknown."""
        return dict.fromkeys(versions, Unknown("nobody looks for licences"))

    async def verdicts(
        self,
        ctx: Context,  # noqa: ARG002  the protocol's
        path: ModulePath,  # noqa: ARG002  likewise
        versions: Sequence[Version],
        *,
        exact: bool,  # noqa: ARG002  likewise
    ) -> Mapping[Version, bool | Unknown]:
        """Unknown."""
        return dict.fromkeys(versions, Unknown("no scanner is configured"))

    async def settled(self, ctx: Context, decision: Decision) -> None:
        """Nothing runs."""


class Gathered(NamedTuple):
    """The facts of a version, and until when they are good (monotonic seconds)."""

    facts: Facts
    until: float


class Gatherer:
    """Gathers facts.

    Args:
        ages: Dates versions.
        modules: Asks modules' sources.
        consumers: Who uses what; None where nobody keeps it.
        patience: How the book of consumers is asked.
        routes: Of a module path: where it comes from, and whether it is private.
        licences: Finds licences.
        scans: Knows scanners' verdicts.
        clock: Unix seconds.
        monotonic: Seconds.
    """

    def __init__(
        self,
        ages: Ages,
        modules: Modules,
        consumers: ConsumerBook | None,
        patience: Patience,
        *,
        routes: Callable[[str], tuple[str, bool]],
        licences: Licences,
        scans: Scans,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.ages = ages
        self.modules = modules
        self._consumers = consumers
        self._patience = patience
        self._routes = routes
        self._licences = licences
        self.scans = scans
        self._clock = clock
        self._monotonic = monotonic

    def cheap(self, ctx: Context, path: ModulePath, version: Version) -> Facts:
        """What costs nothing to know."""
        source, private = self._routes(path)
        return Facts(path, version, ctx.consumer, ctx.groups, source=source, private=private)

    async def gather(
        self,
        ctx: Context,
        path: ModulePath,
        versions: Sequence[Version],
        needs: frozenset[str],
        index: Advisories | Unknown,
        *,
        exact: bool,
    ) -> dict[Version, Gathered]:
        """The facts of some versions of one module, in their order. `exact`: the version was asked for by
        its name; else they are a list.
        """
        base = self.cheap(ctx, path, versions[0]) if versions else None
        columns = await self._columns(ctx, path, versions, needs, exact=exact)
        used = await self._used(ctx, path, index) if "fixes" in needs else ()
        now, found = self._clock(), {}
        for version in versions:
            fields: dict[str, Any] = {}
            if "hits" in needs or "fixes" in needs:
                fields["hits"] = index if isinstance(index, Unknown) else index.hits(path, version)
            if "fixes" in needs:
                fields["fixes"] = _ended(used, fields["hits"])
            until = math.inf
            for name, column in columns.items():
                value = column[version]
                if name == "age" and isinstance(value, Aged):
                    fields["age"], fields["aged_by"] = max(0.0, now - value.at), value.how
                    until = min(until, _AGES_FOR)
                else:
                    fields[name] = value
            if "fixes" in fields:
                until = min(until, _USES_FOR)
            if not _MAY_CHANGE.isdisjoint(fields):
                until = min(until, _SAID_FOR)
            if any(isinstance(value, Unknown) for value in fields.values()):
                until = min(until, _UNKNOWN_FOR)
            assert base is not None
            found[version] = Gathered(replace(base, version=version, **fields), self._monotonic() + until)
        return found

    async def _columns(
        self,
        ctx: Context,
        path: ModulePath,
        versions: Sequence[Version],
        needs: frozenset[str],
        *,
        exact: bool,
    ) -> dict[str, Mapping[Version, Any]]:
        columns: dict[str, Mapping[Version, Any]] = {}
        if "age" in needs:
            if not exact:
                await self.ages.listed(path, versions)
            columns["age"] = await self.ages.of(ctx, path, versions, exact=exact)
        if "retracted" in needs or "deprecated" in needs:
            spoken = await self.modules.spoken(ctx, path)
            if isinstance(spoken, Unknown):
                said: dict[str, Mapping[Version, Any]] = dict.fromkeys(
                    ("retracted", "deprecated"), dict.fromkeys(versions, spoken)
                )
            else:
                said = {
                    "retracted": {version: spoken.retraction(version) for version in versions},
                    "deprecated": dict.fromkeys(versions, spoken.deprecated),
                }
            columns |= {name: column for name, column in said.items() if name in needs}
        if "licences" in needs:
            columns["licences"] = await self._licences.licences(ctx, path, versions, exact=exact)
        if "scan" in needs:
            columns["scan"] = await self.scans.verdicts(ctx, path, versions, exact=exact)
        return columns

    async def _used(
        self, ctx: Context, path: ModulePath, index: Advisories | Unknown
    ) -> tuple[str, ...] | Unknown:
        """Ids of the advisories that affect what the consumer uses, or what anybody does."""
        book = self._consumers
        if isinstance(index, Unknown):
            return index
        if book is None or not index.concerns(path):
            return ()
        used: frozenset[Version] | Unknown = frozenset()
        if ctx.consumer:
            used = await self._patience.ask(lambda: book.received(ctx.consumer, path))
        if not isinstance(used, Unknown) and not used:
            users = await self._patience.ask(lambda: book.users(path))
            used = users if isinstance(users, Unknown) else frozenset(each.version for each in users)
        if isinstance(used, Unknown):
            return used
        found = (hit.advisory.id for version in used for hit in index.hits(path, version))
        return tuple(dict.fromkeys(found))


def _ended(used: tuple[str, ...] | Unknown, hits: Any) -> tuple[str, ...] | Unknown:
    """The advisories that affect what is used and not this one."""
    if isinstance(used, Unknown):
        return used
    if isinstance(hits, Unknown):
        return hits
    left = {hit.advisory.id for hit in hits}
    return tuple(each for each in used if each not in left)
