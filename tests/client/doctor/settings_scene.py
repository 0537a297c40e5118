"""Scenes for the checks of settings: a machine from a recording or a temporary home, and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from modgate.client.doctor.scenery import scene_of
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.host import Ran, System
from modgate.client.machine.recorded import RecordedHost
from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.doctor.check import Check, Result
    from modgate.client.machine.host import Host
    from modgate.client.net.prober import Prober

HOMES = {System.LINUX: "/home/me", System.MACOS: "/Users/me", System.WINDOWS: r"C:\Users\me"}
GOENVS = {
    System.LINUX: "/home/me/.config/go/env",
    System.MACOS: "/Users/me/Library/Application Support/go/env",
    System.WINDOWS: r"C:\Users\me\AppData\Roaming\go\env",
}


def recorded(
    system: System = System.LINUX,
    *,
    goenv: bytes | str | None = "",
    files: Mapping[str, bytes | str | None] | None = None,
    commands: Mapping[tuple[str, ...], Ran | None] | None = None,
    cwd: str = "",
    variables: Mapping[str, str] | None = None,
    **environ: str,
) -> RecordedHost:
    """A machine with a home; `goenv` is the GOENV file, none where it is empty."""
    home = HOMES[system]
    usual = {"HOME": home, "PATH": "/usr/bin"}
    if system is System.WINDOWS:
        usual = {"USERPROFILE": home, "APPDATA": home + r"\AppData\Roaming", "PATH": r"C:\Go\bin"}
        usual["LOCALAPPDATA"] = home + r"\AppData\Local"
    there: dict[str, bytes | str | None] = dict(files or {})
    if goenv != "":
        there[GOENVS[system]] = goenv
    return RecordedHost(
        system, environ={**usual, **(variables or {}), **environ}, files=there, commands=commands, cwd=cwd
    )


async def outcome(check: Check, host: Host) -> Result:
    """What the check says; every text it needs is there in both languages."""
    go = await read_go_settings(host)
    scene = scene_of(host, go, cast("Prober", None), clock=lambda: 1_800_000_000.0)
    result = await check.run(scene)
    for language in Language:
        said = Catalogue(language)
        for fact in result.facts:
            assert said.say(fact)
        for finding in result.findings:
            assert all(said.say(finding.message(name)) for name in ("title", "text", "fix"))
    return result


def ids(result: Result) -> list[str]:
    """The causes found, in order."""
    return [finding.cause.id for finding in result.findings]
