"""The environment in which VS Code's Go extension runs go, gopls and its tools.

1. The extension host's own variables; GOPATH, GOPROXY, GOBIN and GOMODCACHE are taken once from `go env`
   where they are not set, and stay what they were until the window is reloaded.
2. `go.toolsEnvVars` goes over them: `${env:NAME}` is replaced (by nothing where unset), then
   `${workspaceFolder}`, `${workspaceRoot}`, `${workspaceFolderBasename}`, then a leading `~`.
3. `http.proxy` overwrites all four proxy variables.
4. `go.gopath` sets GOPATH. `go.goroot` sets GOROOT where the folder is there.
Installing tools drops GOENV, GOFLAGS, GOROOT, GO111MODULE, GOOS and GOARCH, and sets GOTOOLCHAIN=auto.
None of it happens in a workspace that is not trusted: the extension does not run there at all.
Source: golang/vscode-go 28e27ff, extension/src/goEnv.ts, util.ts, goInstallTools.ts, package.json.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.editors import is_folder
from modgate.client.machine.host import System

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.machine.host import Host
    from modgate.client.machine.jsonc import Json
    from modgate.client.machine.vscode import Editor, EditorValue

__all__ = ["COPIED", "PROXY_VARIABLES", "ToolValue", "expanded", "install_environment", "tools_environment"]

COPIED = ("GOPATH", "GOPROXY", "GOBIN", "GOMODCACHE")
PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")
_DROPPED = frozenset({"GOOS", "GOARCH", "GOROOT", "GOFLAGS", "GOENV", "GO111MODULE"})
_ENV = re.compile(r"\$\{env:([^}]+)\}")
_JSON_FLAG = re.compile(r"(?:^|\s+)-?-json\S*")


@dataclass(frozen=True, slots=True)
class ToolValue:
    """A variable as the tools get it. `setting` is the value that set it, None for the editor's own
    environment.
    """

    text: str
    setting: EditorValue | None = None


def tools_environment(host: Host, editor: Editor, environ: Mapping[str, str]) -> dict[str, ToolValue]:
    """What go and gopls get, by name; `environ` is the extension host's environment, with what it copied."""
    found = {name: ToolValue(text) for name, text in environ.items()}
    for name, setting in editor.members("go.toolsEnvVars").items():
        found[name] = ToolValue(expanded(host, editor, environ, setting.value.value), setting.value)
    proxy = editor.setting("http.proxy")
    if proxy is not None and isinstance(proxy.value.value, str) and proxy.value.value:
        for name in PROXY_VARIABLES:
            found[name] = ToolValue(proxy.value.value, proxy.value)
    for name, key in (("GOPATH", "go.gopath"), ("GOROOT", "go.goroot")):
        configured = editor.setting(key)
        if configured is None or not isinstance(configured.value.value, str) or not configured.value.value:
            continue
        text = expanded(host, editor, environ, configured.value.value)
        if name == "GOPATH" or is_folder(host, host.path(text)):
            found[name] = ToolValue(text, configured.value)
    flags = found.get("GOFLAGS")
    if flags is not None and "-json" in flags.text:
        found["GOFLAGS"] = ToolValue(_JSON_FLAG.sub("", flags.text), flags.setting)
    return found


def install_environment(tools: Mapping[str, ToolValue], editor: Editor) -> dict[str, ToolValue]:
    """What `go install` of a tool gets, from what tools get."""
    kept = {name: value for name, value in tools.items() if name not in _DROPPED}
    kept["GOTOOLCHAIN"] = ToolValue("auto")
    gopath = editor.setting("go.toolsGopath")
    if gopath is not None and isinstance(gopath.value.value, str) and gopath.value.value:
        kept["GOPATH"] = ToolValue(gopath.value.value, gopath.value)
        kept["GOBIN"] = ToolValue("", gopath.value)
    return kept


def expanded(host: Host, editor: Editor, environ: Mapping[str, str], value: Json) -> str:
    """A value of the settings as the program gets it; what is no text as JavaScript writes it."""
    if not isinstance(value, str):
        return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    names = {name.upper(): name for name in environ} if host.system is System.WINDOWS else {}

    def variable(match: re.Match[str]) -> str:
        name = match[1].strip()
        return environ.get(names.get(name.upper(), name), "")

    text = _ENV.sub(variable, value)
    if not text.strip():
        return text
    for word in ("${workspaceFolder}", "${workspaceRoot}"):
        text = text.replace(word, str(editor.folder))
    text = text.replace("${workspaceFolderBasename}", editor.folder.name)
    return str(host.home) + text[1:] if text.startswith("~") else text
