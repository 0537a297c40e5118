"""Does an editor that runs now have the variables that the terminal has?

Its Go extension reads GOPROXY and the folders once, when the window opens, and keeps them; `go env -w` done
since is not seen. On Linux the variables of the running gopls are compared themselves. Elsewhere only time
speaks: an editor that is older than the last change of go's settings file may still use the old ones, which
is a guess and is told as a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import editor as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.client.machine.editor_values import PROXIES, WATCHED, short, terminal_value, without_shell
from modgate.client.machine.editors import read_editors
from modgate.client.machine.processes import ProcessKind, read_running
from modgate.client.machine.settings import Layer
from modgate.client.machine.showing import safe
from modgate.client.machine.vscode_env import COPIED, tools_environment
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.processes import Running
    from modgate.client.machine.vscode import Editor


async def _run(scene: Scene) -> Result:
    editors = {editor.name: editor for editor in read_editors(scene.host)}
    if not editors:
        return Result(facts=(Message("desktop.editor.none"),))
    running = [found for found in await read_running(scene.host, scene.clock()) if found.editor in editors]
    if not running:
        return Result(facts=(Message("desktop.environment.none-running"),))
    facts = tuple(
        Message(
            "desktop.environment.running", {"name": found.editor, "pid": found.pid, "kind": found.kind.value}
        )
        for found in running
    )
    findings: list[Finding] = []
    for name, editor in editors.items():
        mine = [found for found in running if found.editor == name]
        seen = _seen(mine)
        if seen is not None:
            findings.extend(_compared(scene, editor, seen))
        if seen is None or seen.kind is ProcessKind.EXTENSION_HOST:
            findings.extend(_older(scene, editor, mine))
    return Result(tuple(findings), facts)


def _seen(running: Sequence[Running]) -> Running | None:
    """The youngest process whose variables are known: gopls before the extension host."""
    for kind in (ProcessKind.GOPLS, ProcessKind.EXTENSION_HOST):
        known = [found for found in running if found.kind is kind and found.environ]
        if known:
            return max(known, key=lambda found: found.started)
    return None


def _compared(scene: Scene, editor: Editor, process: Running) -> Iterator[Finding]:
    set_by_settings = {
        name.upper() for name, value in tools_environment(scene.host, editor, {}).items() if value.setting
    }
    for name in WATCHED:
        if name in set_by_settings:
            continue
        spelt = PROXIES.get(name, (name,))
        raw = next((process.environ[form] for form in spelt if process.environ.get(form)), "")
        theirs = raw or without_shell(name, scene.go)
        ours = terminal_value(name, scene.go, scene.host.environ)
        if theirs == ours:
            continue
        proof = Evidence(raw=f"{name}={safe(raw)}", source=f"/proc/{process.pid}/environ")
        setting = scene.go.settings.get(name)
        if name in COPIED and raw and setting is not None and setting.value.layer is not Layer.OS:
            yield _reload(name, safe(raw), safe(ours), (proof,), 0.9)
        else:
            yield Finding(
                causes.GUI_ENVIRONMENT,
                {"variable": name, "gui": safe(theirs) or _unset(), "terminal": safe(ours) or _unset()},
                impact=Impact.DEGRADES,
                confidence=0.9 if process.kind is ProcessKind.GOPLS else 0.8,
                evidence=(proof,),
                subject=name,
            )


def _older(scene: Scene, editor: Editor, running: Sequence[Running]) -> Iterator[Finding]:
    setting = scene.go.settings.get("GOPROXY")
    if setting is None or setting.value.layer is not Layer.GOENV or not scene.go.goenv_file:
        return
    if "GOPROXY" in editor.members("go.toolsEnvVars"):
        return
    try:
        file = scene.host.status(scene.host.path(scene.go.goenv_file))
    except Unavailable:
        return
    hosts = [found for found in running if found.kind is ProcessKind.EXTENSION_HOST]
    started = max((found.started for found in hosts or running), default=0.0)
    if file is None or not started or file.modified <= started:
        return
    path = short(scene.host, scene.go.goenv_file)
    proof = Evidence(
        what=Message("desktop.environment.older", {"name": editor.name, "file": path}),
        source=scene.go.goenv_file,
    )
    found = _reload(
        "GOPROXY", Message("desktop.environment.earlier"), safe(setting.value.text), (proof,), 0.4
    )
    yield Finding(
        found.cause,
        found.values,
        impact=Impact.NOTE,
        confidence=found.confidence,
        evidence=found.evidence,
        subject=found.subject,
        severity=Severity.NOTE,
    )


def _reload(
    name: str, old: str | Message, new: str, evidence: tuple[Evidence, ...], confidence: float
) -> Finding:
    return Finding(
        causes.RELOAD_NEEDED,
        {"variable": name, "old": old, "new": new},
        impact=Impact.DEGRADES,
        confidence=confidence,
        evidence=evidence,
        subject=name,
    )


def _unset() -> Message:
    return Message("desktop.unset")


CHECK = Check("vscode-environment", run=_run, network=False, groups=("VSC",))
