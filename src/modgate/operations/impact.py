"""`modgate impact`: who uses a module version, or what an advisory affects, and how they get out of it.

Using means having received the zip; who has the go.mod alone (module graphs need those of many more modules)
counts with `mods` only. The command that mends a version moves to the first version that no advisory affects,
as far as the stored versions tell; where the subject is no advisory there is a command only if some advisory
affects the version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Absent, Invalid
from modgate.gomod import module, semver
from modgate.gomod.types import ModulePath, Version
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as
from modgate.operations.records import Records, records_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from modgate.model.advisory import Advisories, Advisory
    from modgate.model.consumers import Use
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["impact"]


class ImpactParams(msgspec.Struct, forbid_unknown_fields=True):
    """An advisory's id or alias, MODULE or MODULE@VERSION; whether go.mod files count as well."""

    subject: str
    mods: bool = False


async def impact(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `use`, by module, version and consumer. Raises Invalid, Absent."""
    given = params_as(ImpactParams, params)
    records = records_of(works)
    await records.settle()
    index = records.known()
    advisory, wanted = _wanted(given.subject, index)
    owners = records.owners()
    consumers, versions, fixes = set[str](), set[tuple[str, str]](), _Fixes(records, index)
    uses = 0
    for path, version in wanted:
        found = await records.consumers.users(path, [version] if version else None, zips=not given.mods)
        if advisory is not None:
            found = [use for use in found if _hit(index, advisory, use)]
        for use in sorted(found, key=_order):
            team = owners.team(use.consumer)
            uses += 1
            consumers.add(use.consumer)
            versions.add((use.path, use.version))
            facts = {
                "module": use.path,
                "version": use.version,
                "consumer": use.consumer,
                "team": team.name,
                "owner": team.owner,
                "contact": team.contact,
                "channel": team.channel,
                "zips": use.zips,
                "mods": use.mods,
                "first": use.first,
                "last": use.last,
                "fix": await fixes.command(use.path, use.version),
            }
            yield Item(kind="use", subject=f"{use.path}@{use.version}", facts=facts)
    facts = {"uses": uses, "consumers": len(consumers), "versions": len(versions)}
    if advisory is not None:
        facts |= {"advisory": _told(advisory)}
    yield Summary(ok=True, facts=facts)


def _wanted(
    subject: str, index: Advisories | None
) -> tuple[Advisory | None, list[tuple[ModulePath, Version | None]]]:
    """The advisory if it is one, and the modules or versions to look for."""
    if "/" not in subject and "@" not in subject and "." not in subject:
        advisory = index.get(subject) if index is not None else None
        if advisory is None:
            raise Absent(
                f"no advisory {subject[:100]!r} is known here",
                next_step="`modgate advisories stats` tells what is known; MODULE@VERSION asks without one.",
            )
        paths = dict.fromkeys(block.path for block in advisory.blocks)
        return advisory, [(ModulePath(path), None) for path in paths]
    path, at, version = subject.partition("@")
    if at and not version:
        raise Invalid(f"{subject!r} names no version", next_step="Write MODULE or MODULE@VERSION.")
    if not at:
        return None, [(module.check_path(path), None)]
    checked = module.check(path, version)
    return None, [(checked.path, checked.version)]


def _hit(index: Advisories | None, advisory: Advisory, use: Use) -> bool:
    hits: Sequence[Any] = () if index is None else index.hits(use.path, use.version)
    return any(hit.advisory.id == advisory.id for hit in hits)


def _order(use: Use) -> tuple[Any, str]:
    return (semver.sort_key(use.version), use.consumer)


def _told(advisory: Advisory) -> dict[str, Any]:
    return {
        "id": advisory.id,
        "aliases": list(advisory.aliases),
        "severity": str(advisory.severity),
        "summary": advisory.summary,
    }


class _Fixes:
    """The command that mends a version; looked for once each."""

    def __init__(self, records: Records, index: Advisories | None) -> None:
        self._records = records
        self._index = index
        self._known: dict[tuple[str, str], str] = {}

    async def command(self, path: ModulePath, version: Version) -> str:
        key = (path, version)
        if key not in self._known:
            target = await self._target(path, version)
            self._known[key] = f"go get {path}@{target}" if target else ""
        return self._known[key]

    async def _target(self, path: ModulePath, version: Version) -> str:
        hits = () if self._index is None else self._index.hits(path, version)
        if self._index is None or not hits:
            return ""
        listed = await self._records.listed(path)
        found = self._index.first_fixed(path, version, listed)
        return found or max((hit.fixed for hit in hits if hit.fixed), key=semver.sort_key, default="")
