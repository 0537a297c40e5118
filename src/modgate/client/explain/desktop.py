"""What a program gets that is started from the desktop: launchd's, systemd's or the registry's variables.

macOS and Windows are asked themselves. On Linux the user's systemd is, where it runs; its answer has no
lines, so the files that feed it are read beside it, and are the guess where it does not answer. Not every
desktop goes through systemd, and some run a login shell first: what cannot be known is told as predicted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modgate.client.explain.environment_d import parse_show_environment, read_environment_d
from modgate.client.explain.model import Place, Source, State
from modgate.client.machine.answers import answer
from modgate.client.machine.host import System
from modgate.client.machine.windows import (
    MACHINE_VARIABLES,
    USER_VARIABLES,
    desktop_variables,
    parse_registry,
)
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.machine.host import Host

__all__ = ["Desktop", "desktop_files", "read_desktop"]


@dataclass(frozen=True, slots=True)
class Desktop:
    """The desktop's variables.

    Attributes:
        values: What its programs get, of the names that were asked for.
        sources: By name, strongest first; the first that is not unseen is the one that counts.
        asked: The system itself answered; else all of it comes from files.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    asked: bool = False


async def read_desktop(host: Host, names: Sequence[str]) -> Desktop:
    """The desktop's variables of these names. Nothing is raised."""
    if host.system is System.MACOS:
        return await _launchd(host, names)
    if host.system is System.WINDOWS:
        return await _registry(host, names)
    return await _systemd(host, names)


def desktop_files(host: Host, names: Sequence[str]) -> Desktop:
    """What Linux's files say, without asking anybody; nothing on other systems."""
    return _files(host, names) if host.system is System.LINUX else Desktop()


async def _launchd(host: Host, names: Sequence[str]) -> Desktop:
    printed = await asyncio.gather(*(answer(host, ("launchctl", "getenv", name)) for name in names))
    values = {
        name: text.rstrip("\n") for name, text in zip(names, printed, strict=True) if text and text.strip()
    }
    sources = {name: (Source(name, Place.LAUNCHD, text),) for name, text in values.items()}
    return Desktop(values, sources, asked=any(text is not None for text in printed))


async def _registry(host: Host, names: Sequence[str]) -> Desktop:
    user, machine = await asyncio.gather(
        answer(host, ("reg", "query", USER_VARIABLES)), answer(host, ("reg", "query", MACHINE_VARIABLES))
    )
    of_user, of_machine = parse_registry(user or ""), parse_registry(machine or "")
    joined = desktop_variables(of_machine, of_user, host.environ)
    sources: dict[str, tuple[Source, ...]] = {}
    for name in names:
        found: list[Source] = []
        for scope, file, registry in (
            ("user", USER_VARIABLES, of_user),
            ("machine", MACHINE_VARIABLES, of_machine),
        ):
            written = next((own for own in registry if own.upper() == name.upper()), None)
            if written is not None:
                only = desktop_variables({}, {written: registry[written]}, host.environ)
                found.append(Source(name, Place.REGISTRY, only[name.upper()], file=file, scope=scope))
        if found:
            sources[name] = tuple(found)
    values = {name: joined[name.upper()] for name in names if name.upper() in joined}
    return Desktop(values, sources, asked=user is not None)


async def _systemd(host: Host, names: Sequence[str]) -> Desktop:
    files = _files(host, names)
    printed = await answer(host, ("systemctl", "--user", "show-environment"))
    if printed is None:
        return files
    given = parse_show_environment(printed)
    sources: dict[str, tuple[Source, ...]] = {}
    for name in names:
        beside = files.sources.get(name, ())
        told = given.get(name)
        if told is None:
            # Written since the session began: systemd reads its files once.
            late = Message("explain.why.next-login")
            beside = tuple(replace(source, state=State.UNSEEN, why=late) for source in beside)
        elif not beside or beside[0].text != told:
            beside = (Source(name, Place.SYSTEMD, told), *beside)
        if beside:
            sources[name] = beside
    return Desktop({name: given[name] for name in names if name in given}, sources, asked=True)


def _files(host: Host, names: Sequence[str]) -> Desktop:
    wanted = frozenset(names)
    sources: dict[str, tuple[Source, ...]] = {}
    for line in read_environment_d(host):
        if line.name in wanted:
            place = Place.ETC_ENVIRONMENT if line.file == "/etc/environment" else Place.ENVIRONMENT_D
            one = Source(line.name, place, line.text, file=line.file, line=line.line)
            sources[line.name] = (one, *sources.get(line.name, ()))
    return Desktop({name: found[0].text or "" for name, found in sources.items()}, sources)
