"""Is a proxy switched on in the settings of a Linux desktop that go does not use?

Only inside a desktop session: on a server, GNOME's settings are a left-over that no program asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.chain_hosts import chain_hosts
from modgate.client.doctor.check import Check, Result
from modgate.client.machine.answers import answer
from modgate.client.machine.compare_proxy import compare_proxy, proxy_facts
from modgate.client.machine.host import System
from modgate.client.machine.linux_desktop import parse_gsettings, parse_kioslaverc
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.system_proxy import SystemProxy

_GSETTINGS = ("gsettings", "list-recursively", "org.gnome.system.proxy")
_SESSION = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP")


async def _run(scene: Scene) -> Result:
    environ = scene.host.environ
    if not any(environ.get(name) for name in _SESSION):
        return Result(facts=(Message("desktop.session.none"),))
    where, command, desktop = await _settings(scene)
    if desktop is None:
        return Result(facts=(Message("desktop.session.unknown"),))
    findings = compare_proxy(
        desktop, environ, chain_hosts(scene), where=where, command=command, machine=System.LINUX
    )
    return Result(findings, proxy_facts(desktop, environ, where))


async def _settings(scene: Scene) -> tuple[str, str, SystemProxy | None]:
    """Whose settings hold in this session, how they were read, and what they say."""
    environ = scene.host.environ
    if "KDE" in environ.get("XDG_CURRENT_DESKTOP", "").upper().split(":"):
        config = environ.get("XDG_CONFIG_HOME")
        folder = scene.host.path(config) if config else scene.host.home / ".config"
        content = scene.host.read(folder / "kioslaverc")
        text = (content or b"").decode("utf-8", "replace")
        return "KDE", str(folder / "kioslaverc"), parse_kioslaverc(text)
    printed = await answer(scene.host, _GSETTINGS)
    return "GNOME", " ".join(_GSETTINGS), parse_gsettings(printed) if printed is not None else None


CHECK = Check("desktop-proxy", run=_run, network=False, groups=("SYS",), systems=frozenset({System.LINUX}))
