"""The checks of VS Code: what differs is found with its place, what does not is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modgate.client.doctor import vscode_environment, vscode_settings, vscode_trust
from modgate.client.findings import Impact, Severity
from modgate.client.machine.host import Ran, System
from modgate.client.machine.local import LocalHost
from modgate.client.machine.recorded import RecordedHost
from tests.client.doctor.desktop_scene import NOW, examined, ids, loud, said, text
from tests.client.machine.test_processes import BOOT, HOST, NODE, proc
from tests.client.machine.test_vscode_trust import database, entry

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.client.doctor.check import Check

USER = "/home/me/.config/Code/User/settings.json"
WORK = "/home/me/work/app"
GOENV = "/home/me/.config/go/env"


def _host(settings: object, *, files: dict[str, str] | None = None, **environ: str) -> RecordedHost:
    content = settings if isinstance(settings, str) else json.dumps(settings, indent=2)
    return RecordedHost(
        files={
            USER: content,
            "/home/me/.vscode/extensions/golang.go-0.50.0/package.json": "{}",
            f"{WORK}/go.mod": "module m",
            **(files or {}),
        },
        environ={"HOME": "/home/me", **environ},
        cwd=WORK,
    )


@pytest.mark.parametrize("check", [vscode_settings.CHECK, vscode_trust.CHECK, vscode_environment.CHECK])
async def test_a_machine_without_vs_code_is_healthy(check: Check) -> None:
    result = await examined(check, RecordedHost())
    assert (result.findings, result.unknown) == ((), None)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        "// nothing yet",
        {"editor.fontSize": 14, "go.toolsEnvVars": {"GOOS": "js", "CGO_CFLAGS": "-g"}, "http.proxy": ""},
        {
            "go.toolsEnvVars": {"GOPROXY": "https://same.test,direct", "GOFLAGS": ""},
            "go.gopath": "/home/me/go",
        },
        {
            "http.proxy": "http://p.test:80",
            "terminal.integrated.env.linux": {"EDITOR": "vi", "GOFLAGS": None},
        },
        {"terminal.integrated.env.linux": {"GOPROXY": "https://same.test,direct"}},
        {"terminal.integrated.env.osx": {"GOPROXY": "https://mac.test"}},
    ],
)
async def test_settings_that_agree_with_the_terminal_are_no_finding(settings: object) -> None:
    host = _host(
        settings,
        files={"/home/me/go/bin/gopls": ""},
        GOPROXY="https://same.test,direct",
        HTTPS_PROXY="http://p.test",
    )
    result = await examined(vscode_settings.CHECK, host)
    assert ids(result) == []
    assert "0.50.0" in said(result)


async def test_a_tools_variable_that_differs_is_told_with_its_line_and_what_the_terminal_has() -> None:
    host = _host(
        {"a": 1, "go.toolsEnvVars": {"GOPROXY": "https://me:secret@old.test"}}, GOPROXY="https://new.test"
    )
    (finding,) = (await examined(vscode_settings.CHECK, host)).findings
    assert finding.cause.id == "MG-VSC-001"
    assert finding.subject == "GOPROXY"
    assert str(finding.values["value"]).endswith("***@old.test")
    assert {**finding.values, "value": ""} == {
        "variable": "GOPROXY",
        "value": "",
        "other": "https://new.test",
        "file": "~/.config/Code/User/settings.json:4",
    }
    assert "secret" not in repr(finding.evidence)


async def test_a_value_that_is_replaced_from_the_environment_is_compared_as_replaced() -> None:
    host = _host({"go.toolsEnvVars": {"GOPROXY": "${env:GOPROXY}"}}, GOPROXY="https://new.test")
    assert ids(await examined(vscode_settings.CHECK, host)) == []


@pytest.mark.parametrize(
    "value", ["https:/one.test", "Direct", '"https://one.test"', "https://one.test direct"]
)
async def test_a_wrong_goproxy_in_the_settings_blocks_the_editor(value: str) -> None:
    (finding,) = (
        await examined(vscode_settings.CHECK, _host({"go.toolsEnvVars": {"GOPROXY": value}}))
    ).findings
    assert finding.cause.id == "MG-VSC-009"
    assert finding.impact is Impact.BLOCKS
    assert text(finding)


async def test_a_proxy_of_the_editors_own_is_told_and_the_terminals_beside_it() -> None:
    result = await examined(
        vscode_settings.CHECK,
        _host({"http.proxy": "http://u:secret@dead.test:1"}, https_proxy="http://p.test:2"),
    )
    (finding,) = result.findings
    assert finding.cause.id == "MG-VSC-002"
    assert str(finding.values["value"]).endswith("***@dead.test:1")
    assert "secret" not in repr(finding.evidence)


async def test_a_proxy_in_a_workspace_is_only_a_fact() -> None:
    host = _host({}, files={f"{WORK}/.vscode/settings.json": '{"http.proxy": "http://w.test:1"}'})
    result = await examined(vscode_settings.CHECK, host)
    assert result.findings == ()
    assert "http.proxy" in said(result)


@pytest.mark.parametrize(
    ("key", "value", "impact"),
    [
        ("go.goroot", "/opt/gone", Impact.DEGRADES),
        ("go.goroot", "/opt/go1.20", Impact.RISK),
        ("go.gopath", "/opt/go1.20", Impact.RISK),
    ],
)
async def test_folders_that_are_gone_or_differ_are_told(key: str, value: str, impact: Impact) -> None:
    files = {"/opt/go1.20/bin/go": "", "/usr/local/go/go.env": "GOPROXY=https://d.test\n"}
    host = _host({key: value}, files=files, GOROOT="/usr/local/go")
    (finding,) = (await examined(vscode_settings.CHECK, host)).findings
    assert (finding.cause.id, finding.impact) == ("MG-VSC-003", impact)


async def test_the_same_go_under_two_names_and_two_gopaths_are_healthy() -> None:
    files = {"/opt/brew/go/VERSION": "go1.26.8\n", "/cellar/go/VERSION": "go1.26.8\n", "/a/b": "", "/c/d": ""}
    settings = {"go.goroot": "/opt/brew/go", "go.gopath": "/a:/c"}
    host = _host(settings, files=files, GOROOT="/cellar/go", GOPATH="/a:/c")
    assert ids(await examined(vscode_settings.CHECK, host)) == []


@pytest.mark.parametrize("variable", ["GOPROXY", "HTTPS_PROXY"])
async def test_what_reaches_terminals_only_is_told(variable: str) -> None:
    settings = {"terminal.integrated.env.linux": {variable: "https://only.test"}}
    outside = await examined(vscode_settings.CHECK, _host(settings))
    assert ids(outside) == ["MG-VSC-008"]
    assert outside.findings[0].shown_severity is Severity.WARNING
    both = {**settings, "go.toolsEnvVars": {variable: "https://only.test"}}
    inside = _host(both, TERM_PROGRAM="vscode", **{variable: "https://only.test"})  # type: ignore[arg-type]
    assert ids(await examined(vscode_settings.CHECK, inside)) == []


async def test_inside_the_editors_terminal_its_variable_is_not_taken_for_the_tools() -> None:
    settings = {"terminal.integrated.env.linux": {"GOPROXY": "https://only.test"}}
    host = _host(settings, GOPROXY="https://only.test", TERM_PROGRAM="vscode")
    assert ids(await examined(vscode_settings.CHECK, host)) == ["MG-VSC-008"]


async def test_a_broken_file_is_told_with_its_line() -> None:
    (finding,) = (await examined(vscode_settings.CHECK, _host('{\n  "a": 1\n  "b": 2\n}'))).findings
    assert finding.cause.id == "MG-VSC-007"
    assert "line 3" in text(finding)


async def test_a_workspaces_fault_is_told_once_for_all_editors() -> None:
    host = _host(
        {},
        files={
            "/home/me/.config/Cursor/User/settings.json": "{}",
            f"{WORK}/.vscode/settings.json": '{"go.toolsEnvVars": {"GOPROXY": "off"}}',
        },
    )
    assert len((await examined(vscode_settings.CHECK, host)).findings) == 1


async def test_the_repair_takes_out_the_one_line(tmp_path: Path) -> None:
    user = tmp_path / ".config" / "Code" / "User"
    user.mkdir(parents=True)
    before = b'{\n // ours\n "go.toolsEnvVars": {\n  "GOPROXY": "Direct", // old\n  "GOFLAGS": "-v"\n },\n}\n'
    (user / "settings.json").write_bytes(before)
    host = LocalHost({"HOME": str(tmp_path), "PATH": "", "GOFLAGS": "-v"}, cwd=tmp_path)
    (finding,) = (await examined(vscode_settings.CHECK, host)).findings
    assert finding.repair is not None
    assert finding.repair.safe
    (edit,) = finding.repair.edits
    assert (edit.path, edit.before) == (user / "settings.json", before)
    assert edit.after == before.replace(b'"GOPROXY": "Direct",', b"")


def _trusting(tmp_path: Path, entries: list[object], *, opened: bool = True) -> RecordedHost:
    content = database(tmp_path / "state.vscdb", {"uriTrustInfo": entries})
    user = "/home/me/.config/Code/User"
    files: dict[str, str | bytes | None] = {
        USER: "{}",
        f"{user}/globalStorage/state.vscdb": content,
        f"{WORK}/go.mod": "module m",
    }
    if opened:
        files[f"{user}/workspaceStorage/1/workspace.json"] = json.dumps({"folder": f"file://{WORK}"})
    return RecordedHost(files=files, cwd=WORK)


async def test_a_folder_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    (finding,) = (await examined(vscode_trust.CHECK, _trusting(tmp_path, []))).findings
    assert (finding.cause.id, finding.confidence) == ("MG-VSC-004", 0.7)


async def test_a_decision_against_it_is_surer(tmp_path: Path) -> None:
    entries: list[object] = [entry(WORK, trusted=False)]
    (finding,) = (await examined(vscode_trust.CHECK, _trusting(tmp_path, entries))).findings
    assert finding.confidence == 0.9


async def test_a_trusted_or_never_opened_folder_is_healthy(tmp_path: Path) -> None:
    trusted = _trusting(tmp_path, [entry("/home/me", trusted=True)])
    assert ids(await examined(vscode_trust.CHECK, trusted)) == []
    (tmp_path / "state.vscdb").unlink()
    unopened = await examined(vscode_trust.CHECK, _trusting(tmp_path, [], opened=False))
    assert ids(unopened) == []
    assert "not had" in said(unopened)
    no_state = await examined(vscode_trust.CHECK, _host({}))
    assert ids(no_state) == []
    assert "cannot be told" in said(no_state)


def _running(
    environ: dict[str, str], *, goenv: str = "", shell: dict[str, str] | None = None
) -> RecordedHost:
    files: dict[str, str | bytes | None] = {
        USER: "{}",
        **BOOT,
        **proc(10, ["/usr/share/code/code"], {}),
        **proc(12, ["/usr/share/code/code", *NODE], {**HOST, "PATH": "/bin"}, 2000),
        **proc(13, ["/home/me/go/bin/gopls"], {**HOST, **environ}, 3000),
    }
    if goenv:
        files[GOENV] = goenv
    return RecordedHost(files=files, environ={"HOME": "/home/me", **(shell or {})}, cwd="/home/me")


async def test_a_gopls_that_has_what_the_terminal_has_is_healthy() -> None:
    environ = {"GOPROXY": "https://a.test", "https_proxy": "http://p.test:1"}
    shell = {"GOPROXY": "https://a.test", "HTTPS_PROXY": "http://p.test:1"}
    assert ids(await examined(vscode_environment.CHECK, _running(environ, shell=shell))) == []
    copied = await examined(vscode_environment.CHECK, _running({"GOPROXY": "x"}, goenv="GOPROXY=x\n"))
    assert ids(copied) == []
    assert "process 13" in said(copied)


async def test_a_gopls_with_a_value_of_before_needs_a_reload() -> None:
    host = _running({"GOPROXY": "https://old.test"}, goenv="GOPROXY=https://new.test\n")
    (finding,) = (await examined(vscode_environment.CHECK, host)).findings
    assert finding.cause.id == "MG-VSC-006"
    assert (finding.values["old"], finding.values["new"]) == ("https://old.test", "https://new.test")
    assert finding.evidence[0].source == "/proc/13/environ"


async def test_a_gopls_without_the_shells_variable_is_told() -> None:
    result = await examined(vscode_environment.CHECK, _running({}, shell={"HTTPS_PROXY": "http://p.test:1"}))
    (finding,) = result.findings
    assert finding.cause.id == "MG-VSC-005"
    assert finding.values["terminal"] == "http://p.test:1"
    assert finding.subject == "HTTPS_PROXY"


async def test_what_the_settings_give_is_not_told_twice() -> None:
    host = RecordedHost(
        files={
            USER: '{"go.toolsEnvVars": {"GOPROXY": "https://s.test"}, "http.proxy": "http://s.test:1"}',
            **BOOT,
            **proc(13, ["gopls"], {**HOST, "GOPROXY": "https://s.test", "HTTPS_PROXY": "http://s.test:1"}),
        }
    )
    assert ids(await examined(vscode_environment.CHECK, host)) == []


@pytest.mark.parametrize(("changed", "found"), [(NOW - 50, ["MG-VSC-006"]), (NOW - 500, [])])
async def test_on_a_mac_an_editor_older_than_the_last_change_is_a_note(
    changed: float, found: list[str]
) -> None:
    goenv = "/Users/me/Library/Application Support/go/env"
    app = "/Applications/Visual Studio Code.app/Contents"
    ps = f"801 10:00:00 {app}/MacOS/Electron\n811 03:00 {app}/Frameworks/Code Helper (Plugin).app/x\n"
    host = RecordedHost(
        System.MACOS,
        environ={"HOME": "/Users/me"},
        files={
            "/Users/me/Library/Application Support/Code/User/settings.json": "{}",
            goenv: "GOPROXY=https://new.test\n",
        },
        commands={("ps",): Ran(0, ps)},
        modified={goenv: changed},
    )
    result = await examined(vscode_environment.CHECK, host)
    assert ids(result) == found
    assert loud(result) == []
