"""VS Code's settings: which wins, where it stands, and what the Go extension makes of them."""

from __future__ import annotations

import json

import pytest

from modgate.client.machine.editors import read_editors, uri_path, workspace_folder
from modgate.client.machine.host import System
from modgate.client.machine.jsonc import Flaw
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.vscode import Editor, EditorScope
from modgate.client.machine.vscode_env import install_environment, tools_environment

USER = "/home/me/.config/Code/User"
WORK = "/home/me/work/app"


def _host(files: dict[str, object], **more: str) -> RecordedHost:
    return RecordedHost(
        files={
            path: content if isinstance(content, str) else json.dumps(content, indent=2)
            for path, content in files.items()
        },
        environ=more,
        cwd=WORK,
    )


def _only(host: RecordedHost) -> Editor:
    (editor,) = read_editors(host)
    return editor


@pytest.mark.parametrize(
    ("system", "environ", "file", "name"),
    [
        (System.LINUX, {}, "/home/me/.config/Code/User/settings.json", "Code"),
        (System.LINUX, {"XDG_CONFIG_HOME": "/cfg"}, "/cfg/VSCodium/User/settings.json", "VSCodium"),
        (
            System.LINUX,
            {},
            "/home/me/.var/app/com.visualstudio.code/config/Code/User/settings.json",
            "Code",
        ),
        (System.LINUX, {"VSCODE_PORTABLE": "/opt/p"}, "/opt/p/user-data/User/settings.json", "Code"),
        (
            System.MACOS,
            {},
            "/Users/me/Library/Application Support/Cursor/User/settings.json",
            "Cursor",
        ),
        (
            System.WINDOWS,
            {"APPDATA": r"D:\Roaming"},
            r"D:\Roaming\Code - Insiders\User\settings.json",
            "Code - Insiders",
        ),
        (
            System.WINDOWS,
            {},
            r"C:\Users\me\AppData\Roaming\Windsurf\User\settings.json",
            "Windsurf",
        ),
    ],
)
def test_each_editor_is_found_where_its_system_keeps_it(
    system: System, environ: dict[str, str], file: str, name: str
) -> None:
    host = RecordedHost(system, environ=environ, files={file: '{"http.proxy": "http://p.test:1"}'})
    editor = _only(host)
    setting = editor.setting("http.proxy")
    assert editor.name == name
    assert setting is not None
    assert setting.value.source == f"{file}:1"


def test_the_workspace_wins_and_says_what_it_hides() -> None:
    host = _host(
        {
            f"{USER}/settings.json": {"go.gopath": "/one"},
            f"{WORK}/.vscode/settings.json": {"editor.tabSize": 4, "go.gopath": "/two"},
        }
    )
    setting = _only(host).setting("go.gopath")
    assert setting is not None
    assert (setting.value.value, setting.value.scope, setting.value.line) == (
        "/two",
        EditorScope.WORKSPACE,
        3,
    )
    assert [value.value for value in setting.hidden] == ["/one"]


def test_objects_are_merged_member_by_member() -> None:
    host = _host(
        {
            f"{USER}/settings.json": {"go.toolsEnvVars": {"GOPROXY": "https://u.test", "GOFLAGS": "-v"}},
            f"{WORK}/.vscode/settings.json": {"go.toolsEnvVars": {"GOPROXY": "https://w.test"}},
        }
    )
    members = _only(host).members("go.toolsEnvVars")
    assert {name: setting.value.value for name, setting in members.items()} == {
        "GOPROXY": "https://w.test",
        "GOFLAGS": "-v",
    }
    assert [value.value for value in members["GOPROXY"].hidden] == ["https://u.test"]


def test_the_applications_keys_are_not_read_from_a_workspace() -> None:
    host = _host(
        {f"{USER}/settings.json": {}, f"{WORK}/.vscode/settings.json": {"http.proxy": "http://w.test:1"}}
    )
    editor = _only(host)
    assert editor.setting("http.proxy") is None
    assert [value.line for value in editor.ignored("http.proxy")] == [2]


def test_a_code_workspace_file_makes_the_folders_settings_stronger() -> None:
    host = _host(
        {
            f"{USER}/settings.json": {"go.goroot": "/u"},
            f"{WORK}/team.code-workspace": {"folders": [{"path": "."}], "settings": {"go.goroot": "/w"}},
            f"{WORK}/.vscode/settings.json": {"go.goroot": "/f"},
        }
    )
    setting = _only(host).setting("go.goroot")
    assert setting is not None
    assert [value.value for value in (setting.value, *setting.hidden)] == ["/f", "/w", "/u"]
    assert setting.value.scope is EditorScope.FOLDER


def _profiles(flags: dict[str, bool]) -> dict[str, object]:
    return {
        "userDataProfiles": [{"location": "-5f3a", "name": "Go", "useDefaultFlags": flags}],
        "profileAssociations": {"workspaces": {f"file://{WORK}": "-5f3a"}},
    }


def test_a_profile_takes_the_place_of_the_users_settings() -> None:
    host = _host(
        {
            f"{USER}/globalStorage/storage.json": _profiles({}),
            f"{USER}/settings.json": {
                "go.goroot": "/u",
                "go.gopath": "/u",
                "http.proxy": "http://u.test:1",
                "workbench.settings.applyToAllProfiles": ["go.gopath"],
            },
            f"{USER}/profiles/-5f3a/settings.json": {"http.proxy": "http://p.test:1", "go.gopath": "/p"},
            f"{WORK}/go.mod": "module m",
        }
    )
    editor = _only(host)
    proxy, gopath = editor.setting("http.proxy"), editor.setting("go.gopath")
    assert editor.profile == "Go"
    assert editor.setting("go.goroot") is None
    assert proxy is not None
    assert proxy.value.value == "http://u.test:1"
    assert gopath is not None
    assert gopath.value.value == "/u"


def test_a_profile_that_shares_the_settings_changes_nothing() -> None:
    host = _host(
        {
            f"{USER}/globalStorage/storage.json": _profiles({"settings": True}),
            f"{USER}/settings.json": {"go.goroot": "/u"},
            f"{WORK}/go.mod": "module m",
        }
    )
    setting = _only(host).setting("go.goroot")
    assert setting is not None
    assert setting.value.value == "/u"


def test_a_remote_extension_host_has_the_machines_settings() -> None:
    machine = "/home/me/.vscode-server/data/Machine/settings.json"
    host = _host(
        {
            machine: {"http.proxy": "http://m.test:1"},
            "/home/me/.vscode-server/extensions/golang.go-0.50.0/package.json": "{}",
            "/home/me/.vscode-server/extensions/golang.go-0.9.2/package.json": "{}",
        }
    )
    editor = _only(host)
    setting = editor.setting("http.proxy")
    assert editor.remote
    assert editor.extension == "0.50.0"
    assert setting is not None
    assert setting.value.scope is EditorScope.REMOTE


def test_a_broken_file_hides_nothing_of_the_others() -> None:
    host = _host(
        {f"{USER}/settings.json": {"go.goroot": "/u"}, f"{WORK}/.vscode/settings.json": '{"go.goroot": "/w"'}
    )
    editor = _only(host)
    setting = editor.setting("go.goroot")
    assert setting is not None
    assert setting.value.value == "/u"
    assert [file.flaw for file in editor.files] == [Flaw.END, None]


def test_the_opened_folder_is_the_nearest_with_settings_else_the_projects_root() -> None:
    files = {f"{WORK}/.git/HEAD": "", f"{WORK}/cmd/go.mod": "module m", f"{WORK}/cmd/x/main.go": ""}
    deep = RecordedHost(files=files, cwd=f"{WORK}/cmd/x")
    assert str(workspace_folder(deep)) == f"{WORK}/cmd"
    with_settings = RecordedHost(files={**files, f"{WORK}/.vscode/settings.json": "{}"}, cwd=f"{WORK}/cmd/x")
    assert str(workspace_folder(with_settings)) == WORK
    nested = {f"{WORK}/.vscode/settings.json": "{}", f"{WORK}/cmd/.vscode/settings.json": "{}"}
    assert str(workspace_folder(RecordedHost(files=nested, cwd=f"{WORK}/cmd/x"))) == f"{WORK}/cmd"
    assert str(workspace_folder(RecordedHost(cwd="/home/me"))) == "/home/me"


@pytest.mark.parametrize(
    ("uri", "system", "path"),
    [
        ("file:///home/me/a%20b", System.LINUX, "/home/me/a b"),
        ("file:///c%3A/Users/me/w", System.WINDOWS, r"C:\Users\me\w"),
        ("vscode-remote://ssh-remote%2Bx/home", System.LINUX, ""),
    ],
)
def test_uris_are_read_as_paths(uri: str, system: System, path: str) -> None:
    assert uri_path(uri, system) == path


ENVIRON = {"HTTPS_PROXY": "http://shell.test:1", "GOPROXY": "https://shell.test", "CORP": "corp.test"}


def test_the_tools_get_what_the_extension_computes() -> None:
    host = _host(
        {
            f"{USER}/settings.json": {
                "http.proxy": "http://setting.test:2",
                "go.toolsEnvVars": {
                    "GOPROXY": "https://${env:CORP}/${env:UNSET}x",
                    "HTTPS_PROXY": "http://tools.test:3",
                    "GOMODCACHE": "${workspaceFolder}/.cache/${workspaceFolderBasename}",
                    "GOBIN": "~/bin",
                    "GOFLAGS": "-mod=mod -json",
                    "CGO_ENABLED": False,
                    "N": 3,
                },
                "go.gopath": "${env:CORP}/gopath",
                "go.goroot": "/opt/gone",
            },
            f"{WORK}/go.mod": "module m",
        },
    )
    tools = tools_environment(host, _only(host), ENVIRON)
    assert {name: value.text for name, value in tools.items() if value.setting} == {
        "GOPROXY": "https://corp.test/x",
        "GOMODCACHE": f"{WORK}/.cache/app",
        "GOBIN": "/home/me/bin",
        "GOFLAGS": "-mod=mod",
        "CGO_ENABLED": "false",
        "N": "3",
        "GOPATH": "corp.test/gopath",
        **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), "http://setting.test:2"),
    }


def test_installing_tools_drops_what_would_change_their_build() -> None:
    host = _host(
        {
            f"{USER}/settings.json": {
                "go.toolsEnvVars": {"GOFLAGS": "-mod=vendor", "GOENV": "off", "GOPROXY": "https://t.test"},
                "go.toolsGopath": "/tools",
            }
        }
    )
    editor = _only(host)
    environ = {"GOROOT": "/g", "GO111MODULE": "off", "GOBIN": "/b"}
    installed = install_environment(tools_environment(host, editor, environ), editor)
    assert {name: value.text for name, value in installed.items()} == {
        "GOPROXY": "https://t.test",
        "GOTOOLCHAIN": "auto",
        "GOPATH": "/tools",
        "GOBIN": "",
    }
