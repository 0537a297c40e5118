"""Do the settings of VS Code give its Go tools another environment than the terminal's?

`go.toolsEnvVars` and `http.proxy` win over what the shell has, so a value forgotten there makes the editor
fail where the terminal works. `terminal.integrated.env` does the opposite: only the editor's terminals get
it. What equals the terminal's value is no finding, however it is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.causes import editor as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.client.machine.editor_values import PROXIES, WATCHED, short, terminal_value, without_shell
from modgate.client.machine.editors import is_folder, read_editors
from modgate.client.machine.host import System
from modgate.client.machine.jsonc_edit import remove_value
from modgate.client.machine.lint_goproxy import lint_goproxy
from modgate.client.machine.showing import hidden_value, safe
from modgate.client.machine.system_proxy import host_and_port, proxy_of_environment
from modgate.client.machine.vscode_env import expanded
from modgate.client.repair.plan import FileEdit, Repair
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.vscode import Editor, EditorSetting, EditorValue

_TOOLS = "go.toolsEnvVars"
_PROXY = "http.proxy"
_TERMINAL = {System.LINUX: "linux", System.MACOS: "osx", System.WINDOWS: "windows"}
_WITHOUT_EXTENSION = 0.6


async def _run(scene: Scene) -> Result:
    editors = read_editors(scene.host)
    if not editors:
        return Result(facts=(Message("desktop.editor.none"),))
    findings: list[Finding] = []
    facts: list[Message] = []
    for editor in editors:
        looked = _Look(scene, editor)
        findings.extend(looked.findings())
        facts.extend(looked.facts())
    return Result(tuple(_once(findings)), tuple(facts))


def _once(findings: list[Finding]) -> Iterator[Finding]:
    """A workspace's file is read by every editor: its faults are told once."""
    seen: set[tuple[str, str, str]] = set()
    for finding in findings:
        key = (finding.cause.id, finding.subject, str(finding.values.get("file", "")))
        if key not in seen:
            seen.add(key)
            yield finding


class _Look:
    """One editor."""

    def __init__(self, scene: Scene, editor: Editor) -> None:
        self._scene = scene
        self._host = scene.host
        self._editor = editor
        self._sure = 0.9 if editor.extension else _WITHOUT_EXTENSION

    def facts(self) -> Iterator[Message]:
        editor = self._editor
        version: str | Message = editor.extension or Message("desktop.editor.no-extension")
        key = "desktop.editor.remote" if editor.remote else "desktop.editor.seen"
        yield Message(key, {"name": editor.name, "version": version})
        if editor.profile:
            yield Message("desktop.editor.profile", {"name": editor.name, "profile": safe(editor.profile)})
        for name, setting in editor.members(_TOOLS).items():
            value = hidden_value(name, self._expanded(setting))
            yield Message(
                "desktop.editor.tools", {"variable": safe(name), "value": value, **self._at(setting)}
            )
        for ignored in editor.ignored(_PROXY):
            yield Message("desktop.editor.ignored", {"key": _PROXY, "file": self._file(ignored)})

    def findings(self) -> Iterator[Finding]:
        for file in self._editor.files:
            if file.flaw is not None:
                words = Message(f"desktop.flaw.{file.flaw.value}")
                why = Message("desktop.flaw.at", {"line": file.line, "flaw": words}) if file.line else words
                values: dict[str, str | Message] = {"file": short(self._host, file.path), "why": why}
                yield Finding(
                    causes.SETTINGS_BROKEN,
                    values,
                    impact=Impact.RISK,
                    confidence=0.9,
                    subject=short(self._host, file.path),
                )
        yield from self._tools()
        yield from self._http_proxy()
        yield from self._folders()
        yield from self._terminal()

    def _tools(self) -> Iterator[Finding]:
        for name, setting in self._editor.members(_TOOLS).items():
            upper = name.upper() if name.upper() in PROXIES else name
            if upper not in WATCHED:
                continue
            value, other = self._expanded(setting), self._terminal_value(upper)
            if name == "GOPROXY" and (wrong := self._wrong(value, setting)):
                yield wrong
            elif value and value != other:
                yield Finding(
                    causes.TOOLS_ENV_VARS,
                    {
                        "variable": name,
                        "value": safe(value),
                        "other": safe(other) or Message("desktop.unset"),
                        "file": self._file(setting.value),
                    },
                    impact=Impact.DEGRADES,
                    confidence=self._sure,
                    evidence=self._proof(setting),
                    subject=name,
                    repair=self._without(setting, (_TOOLS, name), safe_change=False),
                )

    def _wrong(self, value: str, setting: EditorSetting) -> Finding | None:
        """A GOPROXY that go itself would refuse or misread."""
        errors = [
            found
            for found in lint_goproxy(value, self._file(setting.value))
            if found.shown_severity is Severity.ERROR and found.impact is Impact.BLOCKS
        ]
        if not errors or value == self._terminal_value("GOPROXY"):
            return None
        return Finding(
            causes.PROXY_IN_TOOLS_ENV,
            {"value": safe(value), "why": errors[0].message("title"), "file": self._file(setting.value)},
            impact=Impact.BLOCKS,
            confidence=self._sure,
            evidence=self._proof(setting),
            subject="GOPROXY",
            repair=self._without(setting, (_TOOLS, "GOPROXY"), safe_change=True),
        )

    def _http_proxy(self) -> Iterator[Finding]:
        setting = self._editor.setting(_PROXY)
        value = setting.value.value if setting else None
        used = proxy_of_environment(self._host.environ)
        if setting is None or not isinstance(value, str) or not value:
            return
        if used and host_and_port(used) == host_and_port(value):
            return
        proof = (
            *self._proof(setting),
            Evidence(
                what=Message(
                    "desktop.editor.terminal-proxy",
                    {
                        "proxy": safe(used) or Message("desktop.unset"),
                    },
                )
            ),
        )
        yield Finding(
            causes.HTTP_PROXY_SETTING,
            {"value": safe(value), "file": self._file(setting.value)},
            impact=Impact.DEGRADES,
            confidence=self._sure,
            evidence=proof,
            subject="HTTPS_PROXY",
            repair=self._without(setting, (_PROXY,), safe_change=False),
        )

    def _folders(self) -> Iterator[Finding]:
        for key, name in (("go.goroot", "GOROOT"), ("go.gopath", "GOPATH")):
            setting = self._editor.setting(key)
            if setting is None or not isinstance(setting.value.value, str) or not setting.value.value:
                continue
            value = self._expanded(setting)
            own = self._scene.go.goroot if name == "GOROOT" else self._scene.go[name]
            between = ";" if self._host.system is System.WINDOWS else ":"
            there = all(is_folder(self._host, self._host.path(part)) for part in value.split(between))
            if there and (not own or self._same(value, own)):
                continue
            proof = Message(
                "desktop.editor.folder" if there else "desktop.editor.no-folder",
                {
                    "path": safe(short(self._host, value)),
                    "name": name,
                    "own": safe(own),
                },
            )
            yield Finding(
                causes.GOROOT_SETTING,
                {"key": key, "value": safe(value), "file": self._file(setting.value)},
                impact=Impact.RISK if there else Impact.DEGRADES,
                confidence=self._sure,
                evidence=(*self._proof(setting), Evidence(what=proof)),
                subject=name,
                repair=self._without(setting, (key,), safe_change=False),
            )

    def _same(self, one: str, other: str) -> bool:
        """The same folder; or, as Homebrew's go has two names, one with the same go in it."""
        first, second = self._host.path(one), self._host.path(other)
        if first == second:
            return True
        try:
            version = self._host.read(first / "VERSION")
            return version is not None and version == self._host.read(second / "VERSION")
        except Unavailable:
            return False

    def _terminal(self) -> Iterator[Finding]:
        key = f"terminal.integrated.env.{_TERMINAL[self._host.system]}"
        given = {name.upper(): setting for name, setting in self._editor.members(_TOOLS).items()}
        for name, setting in self._editor.members(key).items():
            upper = name.upper()
            if upper not in WATCHED or not isinstance(setting.value.value, str) or not setting.value.value:
                continue
            tools = self._expanded(given[upper]) if upper in given else self._editor_value(upper)
            text = self._expanded(setting)
            if text != tools:
                yield Finding(
                    causes.TERMINAL_ENV_ONLY,
                    {"variable": name, "file": self._file(setting.value)},
                    impact=Impact.DEGRADES,
                    severity=Severity.WARNING,
                    confidence=self._sure,
                    evidence=self._proof(setting),
                    subject=name,
                )

    def _editor_value(self, name: str) -> str:
        """What tools get where no setting speaks: as far as known here, what the terminal has of its own."""
        if self._host.environ.get("TERM_PROGRAM") == "vscode":
            return without_shell(name, self._scene.go)
        return self._terminal_value(name)

    def _terminal_value(self, name: str) -> str:
        return terminal_value(name, self._scene.go, self._host.environ)

    def _expanded(self, setting: EditorSetting) -> str:
        return expanded(self._host, self._editor, self._host.environ, setting.value.value)

    def _file(self, value: EditorValue) -> str:
        return short(self._host, value.source)

    def _at(self, setting: EditorSetting) -> dict[str, str]:
        return {"file": self._file(setting.value)}

    def _proof(self, setting: EditorSetting) -> tuple[Evidence, ...]:
        """The winning value, and what it hides."""
        values = (setting.value, *setting.hidden)
        return tuple(
            Evidence(raw=f"{setting.key}: {safe(str(value.value))}", source=value.source) for value in values
        )

    def _without(self, setting: EditorSetting, keys: tuple[str, ...], *, safe_change: bool) -> Repair | None:
        """The change that takes the value out, where the file can be changed from here."""
        file = self._editor.file(setting.value.file)
        if not isinstance(file.path, Path):
            return None
        after = remove_value(file.source, (*file.below, *keys))
        return Repair((FileEdit(file.path, file.source, after),), safe=safe_change)


CHECK = Check("vscode-settings", run=_run, network=False, groups=("VSC",))
