"""The hosts that the chain of the scene names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.machine.system_proxy import host_and_port
from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["chain_hosts"]


def chain_hosts(scene: Scene) -> tuple[str, ...]:
    """In order, without folders (`file:`), `direct` and `off`."""
    found = (host_and_port(entry.url)[0] for entry in scene.chain if entry.kind is EntryKind.PROXY)
    return tuple(host for host in found if host)
