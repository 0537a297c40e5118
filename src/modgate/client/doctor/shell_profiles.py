"""Shell profiles: are Go's and the proxy's variables set where this shell reads them, exported, and once?

The files are read in the order of the person's shell, as a terminal starts it and as a desktop editor does
(`$SHELL -ilc`). What the running environment has already is not complained about: it was set somehow. PATH is
exported from the beginning, so a PATH line without `export` is right and is never told.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.causes import shell as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.golayers import KNOWN
from modgate.client.machine.shells import (
    EDITOR,
    Shell,
    all_profile_files,
    current_shell,
    read_file,
    read_session,
    terminal_session,
)
from modgate.client.machine.showing import safe
from modgate.client.repair.plan import FileEdit, Repair
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.shells import Assignment, Reading

__all__ = ["CHECK"]

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_NAMES = (
    *(name for name in KNOWN if name.startswith("GO")),
    *_PROXIES,
    *(name.lower() for name in _PROXIES),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)


async def _run(scene: Scene) -> Result:
    host = scene.host
    shell = current_shell(host)
    terminal = read_session(host, shell, terminal_session(host.system))
    editor = read_session(host, shell, EDITOR)
    findings: list[Finding] = []
    for name in _NAMES:
        findings.extend(_variable(scene, terminal, name))
    findings.extend(_path_twice(terminal))
    if host.environ.get("SHELL") or shell is Shell.POWERSHELL:
        findings.extend(_not_read(scene, shell, terminal, editor))
    facts = [Message("settings.shell.reads", {"shell": shell.value, "files": _listed(terminal)})]
    if editor.files != terminal.files:
        facts.append(Message("settings.shell.editor", {"files": _listed(editor)}))
    problems = (Message("settings.shell.problem", {"why": why}) for why in terminal.problems)
    return Result(findings=tuple(findings), facts=(*facts, *problems))


def _listed(reading: Reading) -> str | Message:
    return ", ".join(reading.files) or Message("settings.shell.none")


def _variable(scene: Scene, reading: Reading, name: str) -> Iterator[Finding]:
    """Without export, overridden later, or not yet in the running shell."""
    last = reading.last(name)
    if last is None:
        return
    yield from _overridden(reading, name)
    actual = scene.host.environ.get(name, "")
    if last.value is not None and last.value == (actual or scene.go[name]):
        return
    if name not in reading.exported:
        if not actual:
            yield Finding(
                causes.NOT_EXPORTED,
                {"variable": name, "file": last.place},
                impact=Impact.DEGRADES,
                evidence=(_proof(last),),
                subject=name,
                repair=_exporting(scene, last),
            )
    elif last.value is not None:
        yield Finding(
            causes.NEW_SHELL_NEEDED,
            {
                "variable": name,
                "file": last.file,
                "value": safe(last.value) or '""',
                "actual": safe(actual) if actual else Message("settings.shell.nothing"),
            },
            impact=Impact.NOTE,
            evidence=(_proof(last),),
            subject=name,
        )


def _overridden(reading: Reading, name: str) -> Iterator[Finding]:
    certain = [one for one in reading.of(name) if not one.conditional and one.value is not None]
    if len(certain) < 2 or certain[0].value == certain[-1].value or certain[-1].own:
        return
    values = {"variable": name, "first": certain[0].place, "second": certain[-1].place}
    yield Finding(
        causes.LATER_OVERRIDE,
        {**values, "value": safe(certain[-1].value or "")},
        impact=Impact.RISK,
        evidence=(_proof(certain[0]), _proof(certain[-1])),
        subject=name,
    )


def _proof(one: Assignment) -> Evidence:
    return Evidence(raw=f"{one.name}={safe(one.value or '…')}", source=one.place)


def _exporting(scene: Scene, one: Assignment) -> Repair | None:
    """The same line with `export` before it, where the line is nothing but the assignment."""
    try:
        before = scene.host.read(scene.host.path(one.file))
    except Unavailable:
        return None
    if before is None or one.file.endswith((".fish", ".ps1", "fish_variables")):
        return None
    lines = before.split(b"\n")
    match = re.match(rb"\s*(?=%s=)" % one.name.encode(), lines[one.line - 1])
    if match is None:
        return None
    lines[one.line - 1] = match[0] + b"export " + lines[one.line - 1][match.end() :]
    return Repair(edits=(FileEdit(Path(one.file), before, b"\n".join(lines)),))


def _path_twice(reading: Reading) -> Iterator[Finding]:
    told: set[str] = set()
    for one in reading.of("PATH"):
        if one.value is None or one.conditional:
            continue
        folders = [folder for folder in one.value.split(":") if folder and folder != "$PATH"]
        for folder, times in Counter(folders).items():
            if times > 1 and folder not in told:
                told.add(folder)
                values = {"folder": folder, "file": one.place}
                yield Finding(causes.PATH_TWICE, values, impact=Impact.NOTE, subject="PATH")


def _not_read(scene: Scene, shell: Shell, terminal: Reading, editor: Reading) -> Iterator[Finding]:
    """Set in a file that this shell does not read, and nowhere else."""
    told: set[str] = set()
    for path in all_profile_files(scene.host):
        if str(path) in terminal.files:
            continue
        reading = read_file(scene.host, path)
        for one in reading.assignments:
            elsewhere = terminal.of(one.name)
            certain = any(not other.conditional for other in elsewhere)
            known = scene.host.environ.get(one.name) or certain or one.name in told
            if one.name not in _NAMES or known or one.conditional:
                continue
            if one.value is not None and one.value == scene.go[one.name]:
                continue
            told.add(one.name)
            # A login reads this one: the variable comes with the next login at the latest. What stands in a
            # function or a block of a file that is read comes when that is run, which has not happened yet.
            soon = str(path) in editor.files or bool(elsewhere)
            yield Finding(
                causes.NOT_READ,
                {"variable": one.name, "file": one.place, "shell": shell.value},
                impact=Impact.RISK if soon else Impact.DEGRADES,
                confidence=0.6 if soon else 0.8,
                evidence=(_proof(one),),
                subject=one.name,
            )


CHECK = Check("shell-profiles", run=_run, network=False, groups=("SHELL",))
