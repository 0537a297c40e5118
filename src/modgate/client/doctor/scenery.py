"""From a machine to a scene: what the checks need, read and parsed once.

A setting that cannot be parsed leaves its place in the scene empty; saying what is wrong with it is the
business of the check that lints it, not of the reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.scene import PUBLIC_RESOLVERS, Scene
from modgate.errors import Invalid
from modgate.gomod.proxylist import parse_proxy_list
from modgate.sumdb.spec import parse_gosumdb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.client.net.prober import Prober
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["chain_of", "scene_of", "sumdb_of"]


def scene_of(
    host: Host,
    go: GoSettings,
    net: Prober,
    *,
    clock: Callable[[], float],
    modules: Sequence[str] = (),
    resolvers: Sequence[str] = (),
    offline: bool = False,
) -> Scene:
    """The scene of this machine. No `resolvers` means the public ones."""
    return Scene(
        host=host,
        go=go,
        net=net,
        clock=clock,
        chain=chain_of(go),
        modules=tuple(modules),
        resolvers=tuple(resolvers) or PUBLIC_RESOLVERS,
        sumdb=sumdb_of(go),
        offline=offline,
    )


def chain_of(go: GoSettings) -> tuple[ProxyEntry, ...]:
    """GOPROXY as go reads it; empty where it cannot be read."""
    try:
        return parse_proxy_list(go["GOPROXY"] or "https://proxy.golang.org,direct")
    except Invalid:
        return ()


def sumdb_of(go: GoSettings) -> tuple[str, str] | None:
    """Name and base URL of the checksum database; None where it is off or malformed."""
    try:
        spec = parse_gosumdb(go["GOSUMDB"] or "sum.golang.org")
    except Invalid:
        return None
    return (spec.name, spec.direct_url) if spec else None
