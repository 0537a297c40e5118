"""A company's network: nothing leads out but its HTTP proxy, and its resolver knows its own names alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.lab import tunnels
from tests.lab.names import CORPORATE_PROXY, SYSTEM_RESOLVER
from tests.lab.tunnels import Tunnel

if TYPE_CHECKING:
    from tests.lab.internet import Internet

__all__ = ["PROXY", "publish", "wall"]

PROXY = f"http://{CORPORATE_PROXY}:3128"
_INTERNAL = "corp.example.net"


def wall(lab: Internet, *, names: bool = False, address: str = CORPORATE_PROXY, port: int = 3128) -> None:
    """Close everything but a proxy that carries; `names`: names of the outside resolve all the same."""
    outside = {name for name in lab.zone if not name.endswith(_INTERNAL)}
    for name in outside:
        lab.silent.update(lab.zone[name])
    lab.resolvers = {SYSTEM_RESOLVER: lab.resolvers[SYSTEM_RESOLVER]}
    if not names:
        lab.resolvers[SYSTEM_RESOLVER].missing |= outside
    lab.more.append(partial(_open, lab, sorted(outside), address, port))


async def _open(lab: Internet, outside: list[str], address: str, port: int) -> None:
    """The outside as the proxy sees it: at addresses that nobody on the machine would think of."""
    places: dict[str, str] = {}
    for index, name in enumerate(outside):
        places[name] = f"127.77.0.{index + 1}"
        lab.web.listen(places[name], [name])
    await tunnels.listen(address, port, Tunnel.CARRIES, places)


def publish(lab: Internet, name: str, address: str) -> None:
    """Give a host of the company's own, without a server yet, its name and address."""
    lab.zone = {**lab.zone, name: (address,)}
    for resolver in lab.resolvers.values():
        resolver.zone = lab.zone
