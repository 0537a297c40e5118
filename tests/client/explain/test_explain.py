"""What is explained for each consumer, on recorded machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modgate.client.explain.document import document
from modgate.client.explain.explain import Wish, checked_names, explain
from modgate.client.explain.model import Consumer, Explained, Explanation, Place, Source, State
from modgate.client.machine.host import Ran, System
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.shells import Session, Shell, profile_files
from modgate.errors import Invalid
from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from collections.abc import Mapping

GO_ENV = "GOPROXY=https://proxy.golang.org,direct\nGOSUMDB=sum.golang.org\nGOTOOLCHAIN=auto\n"
ROOT = "/usr/local/go"
BASH = {"SHELL": "/bin/bash", "HOME": "/home/me"}


def _host(
    files: Mapping[str, str | None] | None = None,
    *,
    system: System = System.LINUX,
    commands: Mapping[tuple[str, ...], Ran | None] | None = None,
    **environ: str,
) -> RecordedHost:
    told = {"GOROOT": ROOT, "GOVERSION": "go1.26.8", "GOHOSTOS": "linux", "GOHOSTARCH": "amd64"}
    return RecordedHost(
        system,
        environ=(BASH if system is System.LINUX else {}) | environ,
        files={f"{ROOT}/go.env": GO_ENV, **(files or {})},
        commands={("go",): Ran(0, json.dumps(told)), **(commands or {})},
    )


async def _one(host: RecordedHost, name: str, consumer: Consumer = Consumer.TERMINAL) -> Explained:
    found = await _all(host, consumer, name)
    return (*found.variables, *found.keys)[0]


async def _all(host: RecordedHost, consumer: Consumer, *names: str) -> Explanation:
    return await explain(host, Wish(names, consumer), lambda: 0.0)


def _places(row: Explained) -> list[tuple[str, Place, str]]:
    return [(source.state.value, source.place, f"{source.file}:{source.line}") for source in row.sources]


def _why(source: Source) -> str:
    return source.why.key if source.why else ""


async def test_the_line_that_set_a_variable_is_found_and_the_files_below_are_hidden() -> None:
    host = _host(
        {
            "/home/me/.bashrc": "export GOPROXY=https://old.test\nexport GOPROXY=https://a.test\n",
            "/home/me/.config/go/env": "GOPROXY=https://b.test\n",
        },
        GOPROXY="https://a.test",
    )
    row = await _one(host, "GOPROXY")
    assert row.value == "https://a.test"
    assert row.changed
    assert _places(row) == [
        ("wins", Place.PROFILE, "/home/me/.bashrc:2"),
        ("hidden", Place.PROFILE, "/home/me/.bashrc:1"),
        ("hidden", Place.GOENV, "/home/me/.config/go/env:1"),
        ("hidden", Place.GOROOT, f"{ROOT}/go.env:1"),
    ]


async def test_a_value_that_no_file_sets_was_typed() -> None:
    row = await _one(_host(GOPROXY="off"), "GOPROXY")
    assert row.winner is not None
    assert (row.winner.place, _why(row.winner)) == (Place.ENVIRONMENT, "explain.why.typed")


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        (".bashrc", "GOPROXY=https://a.test\n", "explain.why.not-exported"),
        (".bashrc", "export GOPROXY=https://a.test\n", "explain.why.new-shell"),
        (".zshrc", "export GOPROXY=https://a.test\n", "explain.why.not-read"),
        (".profile", "export GOPROXY=https://a.test\n", "explain.why.new-shell"),
        (".bashrc", "if true; then\nexport GOPROXY=https://a.test\nfi\n", "explain.why.conditional"),
    ],
)
async def test_a_line_without_effect_says_why(file: str, text: str, why: str) -> None:
    row = await _one(_host({f"/home/me/{file}": text}), "GOPROXY")
    assert row.value == "https://proxy.golang.org,direct"
    unseen = [source for source in row.sources if source.state is State.UNSEEN]
    assert [_why(source) for source in unseen] == [why]


async def test_an_empty_variable_falls_through_and_an_empty_line_hides() -> None:
    host = _host({"/home/me/.config/go/env": "GOPROXY=\n"}, GOPROXY="")
    row = await _one(host, "GOPROXY")
    assert row.value == ""
    assert [(source.state.value, source.place) for source in row.sources] == [
        ("wins", Place.GOENV),
        ("hidden", Place.GOROOT),
        ("unseen", Place.ENVIRONMENT),
    ]


async def test_a_goenv_file_that_is_not_read_is_told() -> None:
    row = await _one(_host({"/home/me/.config/go/env": "GOPROXY=https://b.test\n"}, GOENV="off"), "GOPROXY")
    assert row.value == "https://proxy.golang.org,direct"
    assert _why(row.sources[-1]) == "explain.why.goenv-elsewhere"


async def test_of_a_proxy_variable_upper_case_comes_first() -> None:
    row = await _one(_host(HTTPS_PROXY="http://a.test:1", https_proxy="http://b.test:1"), "https_proxy")
    assert (row.name, row.value) == ("HTTPS_PROXY", "http://a.test:1")
    assert [(source.name, source.state.value) for source in row.sources] == [
        ("HTTPS_PROXY", "wins"),
        ("https_proxy", "hidden"),
    ]


async def test_what_follows_from_another_variable_says_so() -> None:
    host = _host(GOPRIVATE="*.corp.test", GOPATH="/p")
    found = {
        row.name: row for row in (await _all(host, Consumer.TERMINAL, "GONOPROXY", "GOMODCACHE")).variables
    }
    assert found["GONOPROXY"].value == "*.corp.test"
    assert found["GOMODCACHE"].value == "/p/pkg/mod"
    assert {_why(row.sources[0]) for row in found.values()} == {"explain.why.derived"}


VSCODE = "/home/me/.config/Code/User/settings.json"


async def test_gopls_gets_the_editors_settings_over_the_shells() -> None:
    files = {
        VSCODE: '{"go.toolsEnvVars": {"GOPROXY": "https://editor.test"}}',
        "/home/me/.bashrc": "",
        "/home/me/.profile": "export GOPROXY=https://login.test\n",
    }
    row = await _one(_host(files), "GOPROXY", Consumer.GOPLS)
    assert row.value == "https://editor.test"
    assert row.predicted
    assert _places(row)[:3] == [
        ("wins", Place.EDITOR, f"{VSCODE}:1"),
        ("hidden", Place.PROFILE, "/home/me/.profile:1"),
        ("hidden", Place.GOROOT, f"{ROOT}/go.env:1"),
    ]
    terminal = await _one(_host(files), "GOPROXY")
    assert ("unseen", Place.EDITOR, f"{VSCODE}:1") in _places(terminal)


async def test_http_proxy_of_the_editor_beats_its_tools_variables() -> None:
    settings = '{"http.proxy": "http://p.test:8080",\n"go.toolsEnvVars": {"HTTPS_PROXY": "http://q.test:1"}}'
    row = await _one(_host({VSCODE: settings}, HTTPS_PROXY="http://r.test:1"), "HTTPS_PROXY", Consumer.GOPLS)
    assert row.value == "http://p.test:8080"
    assert [source.key for source in row.sources[:2]] == ["http.proxy", ""] or row.sources[
        0
    ].key == "http.proxy"


async def test_the_editors_terminal_gets_the_profile_over_the_setting_for_terminals() -> None:
    settings = '{"terminal.integrated.env.linux": {"GOPROXY": "https://t.test", "GOSUMDB": "off"}}'
    host = _host({VSCODE: settings, "/home/me/.bashrc": "export GOPROXY=https://rc.test\n"})
    found = {
        row.name: row for row in (await _all(host, Consumer.VSCODE_TERMINAL, "GOPROXY", "GOSUMDB")).variables
    }
    assert found["GOPROXY"].value == "https://rc.test"
    assert found["GOSUMDB"].value == "off"
    gopls = await _one(host, "GOSUMDB", Consumer.GOPLS)
    assert gopls.value == "sum.golang.org"


async def test_a_line_without_export_does_not_reach_the_editors_terminal() -> None:
    host = _host({VSCODE: "{}", "/home/me/.bashrc": "GOPROXY=https://rc.test\n"})
    row = await _one(host, "GOPROXY", Consumer.VSCODE_TERMINAL)
    assert row.value == "https://proxy.golang.org,direct"
    assert _why(row.sources[-1]) == "explain.why.not-exported"


async def test_a_line_without_export_counts_where_the_variable_comes_exported() -> None:
    settings = '{"terminal.integrated.env.linux": {"GOPROXY": "https://t.test"}}'
    host = _host({VSCODE: settings, "/home/me/.bashrc": "GOPROXY=https://rc.test\n"})
    assert (await _one(host, "GOPROXY", Consumer.VSCODE_TERMINAL)).value == "https://rc.test"


async def test_programs_from_the_desktop_get_what_systemd_says_and_not_the_shells_lines() -> None:
    files: dict[str, str | None] = {
        "/home/me/.config/environment.d/go.conf": "GOPROXY=https://d.test\nGOSUMDB=off\n",
        "/home/me/.bashrc": "export GOPROXY=https://rc.test\n",
    }
    shown: dict[tuple[str, ...], Ran | None] = {
        ("systemctl",): Ran(0, "GOPROXY=https://d.test\nHOME=/home/me\n")
    }
    found = {
        row.name: row
        for row in (await _all(_host(files, commands=shown), Consumer.GUI, "GOPROXY", "GOSUMDB")).variables
    }
    assert found["GOPROXY"].value == "https://d.test"
    assert not found["GOPROXY"].predicted
    assert _places(found["GOPROXY"])[0] == (
        "wins",
        Place.ENVIRONMENT_D,
        "/home/me/.config/environment.d/go.conf:1",
    )
    assert _why(found["GOPROXY"].sources[-1]) == "explain.why.shells-only"
    # Written after the session began: systemd does not have it yet.
    assert found["GOSUMDB"].value == "sum.golang.org"
    assert _why(found["GOSUMDB"].sources[-1]) == "explain.why.next-login"


async def test_launchd_is_asked_on_macos() -> None:
    host = RecordedHost(
        System.MACOS,
        environ={"HOME": "/Users/me", "SHELL": "/bin/zsh"},
        commands={
            ("launchctl", "getenv", "GOPROXY"): Ran(0, "https://l.test\n"),
            ("launchctl",): Ran(0, ""),
            ("go",): Ran(0, json.dumps({"GOROOT": ROOT, "GOVERSION": "go1.26.8"})),
        },
    )
    row = await _one(host, "GOPROXY", Consumer.GUI)
    assert (row.value, row.sources[0].place) == ("https://l.test", Place.LAUNCHD)


async def test_the_registry_of_the_user_hides_that_of_the_machine() -> None:
    user = "\r\nHKEY_CURRENT_USER\\Environment\r\n    GOPROXY    REG_SZ    https://u.test\r\n"
    machine = "\r\nHKEY_LOCAL_MACHINE\\...\r\n    GOPROXY    REG_SZ    https://m.test\r\n"
    host = RecordedHost(
        System.WINDOWS,
        environ={"APPDATA": r"C:\Users\me\AppData\Roaming", "USERPROFILE": r"C:\Users\me"},
        commands={
            ("reg", "query", r"HKCU\Environment"): Ran(0, user),
            ("reg",): Ran(0, machine),
            ("go",): Ran(0, json.dumps({"GOROOT": r"C:\Go", "GOVERSION": "go1.26.8"})),
        },
    )
    row = await _one(host, "GOPROXY", Consumer.GUI)
    assert row.value == "https://u.test"
    assert [(source.scope, source.state.value) for source in row.sources[:2]] == [
        ("user", "wins"),
        ("machine", "hidden"),
    ]


async def test_a_key_of_the_editor_is_explained_by_scope_and_marked_predicted() -> None:
    host = RecordedHost(
        environ=BASH,
        cwd="/w",
        files={
            VSCODE: '{\n"http.proxy": "http://u.test:1",\n"go.toolsEnvVars": {"A": "1", "B": "2"}}',
            "/w/.vscode/settings.json": '{"http.proxy": "http://w.test:1", "go.toolsEnvVars": {"A": "3"}}',
        },
    )
    found = await _all(host, Consumer.TERMINAL, "http.proxy", "go.toolsEnvVars")
    proxy, whole, *members = found.keys
    assert (proxy.value, proxy.predicted) == ("http://u.test:1", True)
    assert [(source.scope, source.state.value) for source in proxy.sources] == [
        ("user", "wins"),
        ("default", "hidden"),
        ("workspace", "unseen"),
    ]
    assert json.loads(whole.value or "") == {"A": "3", "B": "2"}
    assert [(row.name, row.value) for row in members] == [
        ("go.toolsEnvVars.A", "3"),
        ("go.toolsEnvVars.B", "2"),
    ]


async def test_without_a_name_the_changed_and_the_network_variables_are_told() -> None:
    host = _host({"/home/me/.config/go/env": "GOBIN=/b\n"})
    names = [row.name for row in (await _all(host, Consumer.TERMINAL)).variables]
    assert names[0] == "GOPROXY"
    assert {"GOBIN", "HTTPS_PROXY", "GOPRIVATE"} <= set(names)
    assert "GOCACHE" not in names


async def test_no_credential_reaches_the_document() -> None:
    host = _host(
        {
            "/home/me/.bashrc": "export GOPROXY=https://u:hunter2@a.test\nexport HTTPS_PROXY=http://u:hunter2@p:1\n"
        },
        GOPROXY="https://u:hunter2@a.test",
        HTTPS_PROXY="http://u:hunter2@p:1",
    )
    found = await _all(host, Consumer.TERMINAL, "GOPROXY", "HTTPS_PROXY")
    assert "hunter2" not in json.dumps(document(found, Catalogue(Language.ENGLISH).say))


@pytest.mark.parametrize("name", ["GOPROXXY", "GOVERSION", "a b", "1X", "-x"])
def test_a_name_that_cannot_be_meant_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        checked_names([name])


async def test_the_variables_of_a_running_extension_host_are_measured_and_not_predicted() -> None:
    process = {
        "/proc/stat": "btime 1000\n",
        "/proc/42/cmdline": "/usr/bin/code\0--type=utility\0--utility-sub-type=node.mojom.NodeService\0",
        "/proc/42/environ": "VSCODE_CRASH_REPORTER_PROCESS_TYPE=extensionHost\0GOPROXY=https://old.test\0",
        "/proc/42/stat": f"42 (code) S {' '.join(['0'] * 40)}",
    }
    files = {VSCODE: "{}", "/home/me/.profile": "export GOPROXY=https://new.test\n", **process}
    row = await _one(_host(files), "GOPROXY", Consumer.GOPLS)
    assert (row.value, row.predicted) == ("https://old.test", False)
    assert row.sources[0].place is Place.EDITOR_PROCESS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_files_that_are_told_are_those_that_a_terminal_reads(shell: str) -> None:
    names = [".bashrc", ".profile", ".zshenv", ".zshrc", ".zprofile", ".config/fish/config.fish"]
    host = _host({f"/home/me/{name}": "" for name in names}, SHELL=f"/bin/{shell}")
    found = await _all(host, Consumer.TERMINAL)
    read = [str(path) for path in profile_files(host, Shell(shell), Session(login=False))]
    assert found.shell == shell
    assert found.files
    assert list(found.files) == [path for path in read if path in found.files]
    assert {path for path in read if path.removeprefix("/home/me/") in names} == set(found.files)
