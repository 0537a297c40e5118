"""What go would download for a module: which of its files the module cache lacks, and how large they are.

The cache keeps `.info`, `.mod`, `.zip` below `cache/download/<escaped path>/@v`; a build needs the `.mod` of
every module and the `.zip` of those whose packages it uses, `go mod download` all of them. The `.info` is
asked for where a version is looked up. Sizes come from HEAD of the first proxy of the chain, never for what
GONOPROXY covers: a private module's name is nobody's business.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.gomod.module import escape_path, escape_version
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.proxylist import EntryKind, parse_proxy_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modgate.client.machine.host import Host
    from modgate.client.net.session import Outfit, Session

__all__ = ["FILES", "Need", "ask_sizes", "missing_files"]

FILES = ("info", "mod", "zip")
_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Need:
    """A module version and what of it is not in the cache: of FILES, in their order."""

    path: str
    version: str
    missing: tuple[str, ...] = ()


def missing_files(host: Host, modcache: str, modules: Iterable[tuple[str, str]]) -> tuple[Need, ...]:
    """What is missing of each module version, by looking into GOMODCACHE."""
    found: list[Need] = []
    for path, version in modules:
        try:
            folder = host.path(modcache) / "cache" / "download" / escape_path(path) / "@v"
            name = escape_version(version)
        except Invalid:
            found.append(Need(path, version, FILES))
            continue
        found.append(
            Need(path, version, tuple(kind for kind in FILES if not _there(host, folder / f"{name}.{kind}")))
        )
    return tuple(found)


async def ask_sizes(
    outfit: Outfit, goproxy: str, gonoproxy: str, needs: Sequence[Need]
) -> Mapping[tuple[str, str], int]:
    """Bytes of each missing zip, by (path, version), as the chain's first proxy tells them; what it does not
    tell is left out.
    """
    from modgate.client.net.session import Session  # noqa: PLC0415  TLS, for --sizes alone

    base = _first_proxy(goproxy)
    asked = [
        need for need in needs if "zip" in need.missing and not match_prefix_patterns(gonoproxy, need.path)
    ]
    if not base or not asked:
        return {}
    found: dict[tuple[str, str], int] = {}
    waiting = iter(asked)
    async with Session(outfit) as session:

        async def worker() -> None:
            for need in waiting:
                size = await _size(session, base, need)
                if size is not None:
                    found[need.path, need.version] = size

        await asyncio.gather(*(worker() for _ in range(min(_TOGETHER, len(asked)))))
    return found


async def _size(session: Session, base: str, need: Need) -> int | None:
    url = f"{base}/{escape_path(need.path)}/@v/{escape_version(need.version)}.zip"
    answer = await session.fetch(url, method="HEAD")
    length = answer.headers.get("content-length", "")
    return int(length) if answer.status == 200 and length.isdecimal() else None


def _first_proxy(goproxy: str) -> str:
    try:
        entries = parse_proxy_list(goproxy)
    except Invalid:
        return ""
    first = entries[0]
    return first.url if first.kind is EntryKind.PROXY and first.url.startswith("http") else ""


def _there(host: Host, path: object) -> bool:
    try:
        return host.status(host.path(str(path))) is not None
    except Unavailable:
        return False
