"""Everything of one module at once: go's environment, its modules, their downloads, the toolchain."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.toolchain.downloads import Need, ask_sizes, missing_files
from modgate.client.toolchain.listing import Listing, go_env, list_modules, required_paths
from modgate.client.toolchain.selection import Lines, Selection, select_toolchain
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.client.machine.host import Host
    from modgate.client.net.session import Outfit

__all__ = ["Survey", "Wish", "needed", "survey"]

_LINE = re.compile(r"^\s*(go|toolchain)[ \t]+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        folder: Where the module is.
        network: go may fetch the go.mod files that it lacks.
        updates: Newer versions, retractions and deprecations too, which need the network.
        sizes: Sizes of missing zips, from the first proxy.
    """

    folder: str
    network: bool = False
    updates: bool = False
    sizes: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """The findings.

    Attributes:
        env: `go env`.
        gomod: The go.mod of the folder, empty for none.
        gowork: The go.work that holds there, empty for none.
        setting: GOTOOLCHAIN.
        lines: The lines that choose the toolchain.
        selection: The choice.
        toolchain_missing: The chosen toolchain is not in the module cache.
        listing: The modules.
        needs: What the cache lacks of each, by (path, version).
        sizes: Bytes of missing zips, as far as they were told.
        asked_sizes: Sizes were asked for.
    """

    env: Mapping[str, str]
    gomod: str
    gowork: str
    setting: str
    lines: Lines
    selection: Selection
    toolchain_missing: bool
    listing: Listing
    needs: Mapping[tuple[str, str], Need] = field(default_factory=dict)
    sizes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    asked_sizes: bool = False


async def survey(host: Host, wish: Wish, outfit: Callable[[], Outfit]) -> Survey:
    """Look at a folder. Raises Absent without a go command, Unavailable where go fails."""
    env = await go_env(host, wish.folder)
    gomod = env.get("GOMOD", "")
    gomod = "" if gomod in {"/dev/null", "NUL"} else gomod
    gowork = "" if env.get("GOWORK", "") == "off" else env.get("GOWORK", "")
    lines = _lines(host, gowork or gomod)
    platform = f"{env.get('GOHOSTOS', '')}-{env.get('GOHOSTARCH', '')}"
    # `go env` was asked with GOTOOLCHAIN=local: what is set is read by its layers.
    setting = await _setting(host)
    selection = select_toolchain(setting, env.get("GOVERSION", ""), lines, platform)
    modcache = env.get("GOMODCACHE", "")
    missing = False
    if selection.download:
        missing = (
            "zip" in missing_files(host, modcache, [("golang.org/toolchain", selection.download)])[0].missing
        )
    listing = Listing()
    if gomod or gowork:
        listing = await list_modules(host, wish.folder, gomod, network=wish.network, updates=wish.updates)
    needs = needed(host, modcache, listing, None if gowork else required_paths(host, gomod))
    sizes: Mapping[tuple[str, str], int] = {}
    if wish.sizes:
        sizes = await ask_sizes(
            outfit(), env.get("GOPROXY", ""), env.get("GONOPROXY", ""), list(needs.values())
        )
    return Survey(env, gomod, gowork, setting, lines, selection, missing, listing, needs, sizes, wish.sizes)


def needed(
    host: Host, modcache: str, listing: Listing, required: frozenset[str] | None
) -> dict[tuple[str, str], Need]:
    """What is missing of each module that would be downloaded; `required` are their paths, None for all."""
    wanted = dict.fromkeys(
        one.fetched
        for one in listing.modules
        if one.fetched[0] and (required is None or one.path in required)
    )
    return {(need.path, need.version): need for need in missing_files(host, modcache, wanted)}


async def _setting(host: Host) -> str:
    from modgate.client.machine.goenv import read_go_settings  # noqa: PLC0415  one use

    return (await read_go_settings(host))["GOTOOLCHAIN"]


def _lines(host: Host, file: str) -> Lines:
    """go.work and go.mod write these two lines alike."""
    if not file:
        return Lines()
    try:
        text = (host.read(host.path(file)) or b"").decode(errors="replace")
    except Unavailable:
        return Lines(file)
    found = dict(reversed(_LINE.findall(text)))
    return Lines(file, found.get("go", ""), found.get("toolchain", ""))
