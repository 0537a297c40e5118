"""Is a proxy switched on in the settings of this Mac that go does not use?

go reads variables only; browsers read the settings. See `compare_proxy` for what follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.chain_hosts import chain_hosts
from modgate.client.doctor.check import Check, Result
from modgate.client.machine.answers import answer
from modgate.client.machine.compare_proxy import compare_proxy, proxy_facts
from modgate.client.machine.host import System
from modgate.client.machine.macos import parse_proxy
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

_COMMAND = ("scutil", "--proxy")


async def _run(scene: Scene) -> Result:
    printed = await answer(scene.host, _COMMAND)
    if printed is None:
        return Result(unknown=Message("desktop.command.failed", {"command": " ".join(_COMMAND)}))
    desktop = parse_proxy(printed)
    findings = compare_proxy(
        desktop,
        scene.host.environ,
        chain_hosts(scene),
        where="macOS",
        command=" ".join(_COMMAND),
        machine=System.MACOS,
    )
    return Result(findings, proxy_facts(desktop, scene.host.environ, "macOS"))


CHECK = Check("macos-proxy", run=_run, network=False, groups=("SYS",), systems=frozenset({System.MACOS}))
