"""A module asked of one entry of the chain: `.info`, `.mod` and the zip, as `go mod download` does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import ModgateError
from modgate.gomod import semver
from modgate.gomod.info import parse_info
from modgate.gomod.module import escape_path, escape_version
from modgate.gomod.proxylist import EntryKind
from modgate.gomod.versionlist import parse_list

if TYPE_CHECKING:
    from modgate.client.doctor.asked import Asked
    from modgate.client.net.facts import Exchange
    from modgate.client.net.prober import Prober
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["MOST_ZIP", "Answers", "ask_entry", "base_url", "is_askable", "newest_go_mod"]

MOST_ZIP = 4 << 20
"""Bytes of a zip that are read: enough for most to be read whole, little enough for a slow line."""
ZIP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What one entry said of one module.

    Attributes:
        entry: The URL of the entry.
        version: The version that the others are about; empty where none could be found out.
        first: The answer that names the version: `.info`, or `@latest`, or the list.
        mod: The go.mod, None where it was not asked for.
        zip: The zip's beginning, None where it was not asked for.
    """

    entry: str
    version: str
    first: Exchange
    mod: Exchange | None = None
    zip: Exchange | None = None

    @property
    def absent(self) -> bool:
        """Whether the entry says that it does not exist (the only answer that is a proof)."""
        return self.first.failure is None and self.first.status in {404, 410}

    @property
    def whole(self) -> bool:
        """Whether all three answers came with status 200."""
        asked = (self.first, self.mod, self.zip)
        return all(item is not None and item.failure is None and item.status == 200 for item in asked)


def base_url(entry: ProxyEntry) -> str:
    """The entry's URL, without a slash at the end."""
    return entry.url.rstrip("/")


def is_askable(entry: ProxyEntry) -> bool:
    """Whether the entry is a proxy that is asked over HTTP."""
    return entry.kind is EntryKind.PROXY and entry.url.startswith(("http:", "https:"))


async def ask_entry(net: Prober, base: str, module: Asked) -> Answers:
    """Ask for the version's `.info` (or which version there is), then for `.mod` and zip together."""
    root = f"{base}/{escape_path(module.path)}"
    version, first = await _first(net, root, module)
    if not version or first.failure is not None or first.status != 200:
        return Answers(base, version, first)
    file = f"{root}/@v/{escape_version(version)}"
    mod, zipped = await asyncio.gather(
        net.get(f"{file}.mod", most=1 << 20), net.get(f"{file}.zip", most=MOST_ZIP, seconds=ZIP_SECONDS)
    )
    return Answers(base, version, first, mod, zipped)


async def newest_go_mod(net: Prober, base: str, module: Asked) -> Exchange | None:
    """The go.mod of the newest version, in which an author retracts and deprecates; None where unknown."""
    root = f"{base}/{escape_path(module.path)}"
    version = _version_in(await net.get(f"{root}/@latest"))
    return await net.get(f"{root}/@v/{escape_version(version)}.mod", most=1 << 20) if version else None


async def _first(net: Prober, root: str, module: Asked) -> tuple[str, Exchange]:
    if module.version:
        info = await net.get(f"{root}/@v/{escape_version(module.version)}.info")
        return (module.version if module.canonical else _version_in(info)), info
    listed = await net.get(f"{root}/@v/list", most=1 << 20)
    if listed.failure is None and listed.status == 200:
        try:
            versions = parse_list(listed.body, module.path)  # type: ignore[arg-type]
        except ModgateError:
            return "", listed
        if versions:
            releases = [version for version in versions if not semver.prerelease(version)]
            return semver.sorted_versions(releases or versions)[-1], listed
    elif listed.failure is not None or listed.status not in {404, 410}:
        return "", listed
    latest = await net.get(f"{root}/@latest")
    return _version_in(latest), latest


def _version_in(answer: Exchange) -> str:
    if answer.failure is not None or answer.status != 200:
        return ""
    try:
        return parse_info(answer.body, asked=None).version
    except ModgateError:
        return ""
