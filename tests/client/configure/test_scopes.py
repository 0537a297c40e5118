"""What `modgate use` writes into each scope, and what it says where that does not count."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.client.configure.conftest import Home

CHAIN = "https://goproxy.cn,direct"


def _snapshot(home: Home) -> dict[str, bytes]:
    kept = (".cache", ".local", "telemetry")
    return {
        str(path.relative_to(home.folder)): path.read_bytes()
        for path in home.folder.rglob("*")
        if path.is_file() and not any(name in path.parts for name in kept)
    }


def test_a_mirror_is_written_as_go_would_write_it(home: Home) -> None:
    home.file(".config/go/env", "GOSUMDB=sum.golang.org\n# mine\nGOFLAGS=-v\n")
    done = home.use("goproxy.cn", "--no-check")
    assert done.status == 0
    assert home.goenv.read_text() == f"GOSUMDB=sum.golang.org\n# mine\nGOFLAGS=-v\nGOPROXY={CHAIN}\n"
    assert f"+GOPROXY={CHAIN}" in done.out


SCOPES = ["goenv", "shell", "vscode-user", "vscode-workspace"]


@pytest.mark.parametrize("scope", SCOPES)
def test_the_second_run_changes_nothing(home: Home, scope: str) -> None:
    home.file(".config/Code/User/settings.json", "{}")
    assert home.use("goproxy.cn", "--scope", scope, "--no-check").status == 0
    before = _snapshot(home)
    again = home.use("goproxy.cn", "--scope", scope, "--no-check")
    assert again.status == 0
    assert "Nothing to change" in again.out
    assert _snapshot(home) == before


@pytest.mark.parametrize("scope", SCOPES)
def test_undo_puts_every_byte_back(home: Home, scope: str) -> None:
    home.file(".config/go/env", "GOPROXY=https://old.test\r\nGOFLAGS=-v")
    home.file(".bashrc", b"# no line end, \xff\r\nexport GOPROXY=x")
    home.file(".config/Code/User/settings.json", '{ // mine\n  "go.toolsEnvVars": {"GOPROXY": "x",},\n}')
    home.file("work/.vscode/settings.json", "// team\n{}\n")
    before = _snapshot(home)
    assert home.use("goproxy.cn", "--scope", scope, "--no-check").status == 0
    assert _snapshot(home) != before
    assert home.modgate("undo").status == 0
    assert _snapshot(home) == before


@pytest.mark.parametrize("scope", SCOPES)
def test_reset_puts_back_what_stood_there(home: Home, scope: str) -> None:
    home.file(".config/go/env", "GOFLAGS=-v\nGOPROXY=https://old.test\n")
    home.file(".bashrc", "alias l=ls\n")
    home.file(".profile", "umask 022\n")
    home.file(
        ".config/Code/User/settings.json",
        '{\n  "go.toolsEnvVars": {\n    "GOPROXY": "https://x.test"\n  }\n}\n',
    )
    before = _snapshot(home)
    home.use("goproxy.cn", "--scope", scope, "--no-check")
    home.use("aliyun", "--scope", scope, "--no-check")
    home.use("--set", "GOSUMDB=sum.golang.google.cn", "--scope", scope)
    assert home.use("--reset").status == 0
    assert _snapshot(home) == before
    assert "Nothing to take back" in home.use("--reset").out


def test_an_older_change_can_be_undone_after_a_newer_one(home: Home) -> None:
    first = home.use("goproxy.cn", "--no-check", "--json").document["change"]
    home.use("aliyun", "--scope", "shell", "--no-check")
    assert home.modgate("undo", first).status == 0
    assert not home.goenv.exists()
    assert home.use("--reset").status == 0
    assert not (home.folder / ".bashrc").exists()


def test_reset_leaves_what_somebody_changed_since(home: Home) -> None:
    home.use("goproxy.cn", "--no-check")
    home.goenv.write_text("GOPROXY=https://mine.test\n")
    done = home.use("--reset")
    assert "changed by somebody else" in done.out.replace("\n  ", " ")
    assert home.goenv.read_text() == "GOPROXY=https://mine.test\n"


def test_reset_of_one_scope_leaves_the_others(home: Home) -> None:
    home.use("goproxy.cn", "--no-check")
    home.use("aliyun", "--scope", "shell", "--no-check")
    assert home.use("--reset", "--scope", "shell").status == 0
    assert not (home.folder / ".bashrc").exists()
    assert home.goenv.read_text() == f"GOPROXY={CHAIN}\n"


def test_a_block_without_memory_is_modgates_all_the_same(home: Home) -> None:
    home.file(".bashrc", "a=1\n# >>> modgate >>>\nexport GOPROXY='x'\n# <<< modgate <<<\nb=2\n")
    assert home.use("--reset").status == 0
    assert (home.folder / ".bashrc").read_text() == "a=1\nb=2\n"


def test_a_dry_run_writes_nothing(home: Home) -> None:
    done = home.use("goproxy.cn", "--dry-run", "--no-check")
    assert done.status == 0
    assert f"+GOPROXY={CHAIN}" in done.out
    assert not home.goenv.exists()
    assert not (home.folder / ".local").exists()


def test_an_os_variable_that_hides_the_file_is_told_with_the_way_out(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "https://shadow.test")
    done = home.use("goproxy.cn", "--no-check", "--json")
    assert done.document["scope"] == "goenv"
    hiding = [effect["text"] for effect in done.document["effects"] if effect["hides"]]
    assert len(hiding) == 1
    assert "unset GOPROXY" in hiding[0]


def test_a_value_from_a_profile_is_changed_in_the_profile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.file(".bashrc", "export GOPROXY=https://old.test\n")
    monkeypatch.setenv("GOPROXY", "https://old.test")
    done = home.use("goproxy.cn", "--no-check", "--json").document
    assert done["scope"] == "shell"
    assert not [effect for effect in done["effects"] if effect["hides"]]
    told = home.use("aliyun", "--scope", "goenv", "--no-check", "--json").document["effects"]
    assert any(effect["hides"] and "~/.bashrc:" in effect["text"] for effect in told)


def _bash(home: Home, flags: str) -> str:
    environ = {"HOME": str(home.folder), "PATH": os.environ["PATH"], "TERM": "dumb"}
    words = ["bash", flags, 'printf "%s" "$GOPROXY"']
    return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=30, check=True).stdout


DEBIAN = "case $- in\n    *i*) ;;\n      *) return;;\nesac\nHISTSIZE=1000\n"
DEBIAN_PROFILE = (
    'if [ -n "$BASH_VERSION" ]; then\n    if [ -f "$HOME/.bashrc" ]; then\n\t. "$HOME/.bashrc"\n    fi\nfi\n'
)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {".bashrc": DEBIAN, ".profile": DEBIAN_PROFILE},
        {
            ".bashrc": "export GOPROXY=https://old.test\n",
            ".bash_profile": "export GOPROXY=https://older.test\n",
        },
        {".profile": "export GOPROXY=https://old.test"},
        {".bash_login": "# nothing"},
        {".bashrc": "# >>> modgate >>>\nexport GOPROXY='x'\n# <<< modgate <<<\nexport GOPROXY=later\n"},
    ],
)
def test_every_kind_of_bash_has_the_value(home: Home, files: dict[str, str]) -> None:
    for name, content in files.items():
        home.file(name, content)
    done = home.use("goproxy.cn", "--scope", "shell", "--no-check", "--json").document
    assert not [effect for effect in done["effects"] if effect["hides"]]
    assert {flags: _bash(home, flags) for flags in ("-lc", "-ic", "-ilc")} == dict.fromkeys(
        ("-lc", "-ic", "-ilc"), CHAIN
    )
    home.use("--unset", "GOPROXY", "--scope", "shell")
    assert _bash(home, "-lc") != CHAIN


def test_a_value_with_every_quote_reaches_the_shell_as_it_is(home: Home) -> None:
    value = "a'b\"c $HOME `id` \\ !x"
    for shell, start in (("bash", ["bash", "-ic"]), ("zsh", ["zsh", "-c"]), ("fish", ["fish", "-c"])):
        if shutil.which(shell) is None:
            continue
        home.use("--set", f"GOVCS={value}", "--scope", "shell", "--shell", shell)
        environ = {"HOME": str(home.folder), "PATH": os.environ["PATH"], "TERM": "dumb"}
        words = [*start, 'printf "%s" "$GOVCS"']
        shown = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
        assert shown.stdout == value, shell


@pytest.mark.parametrize(
    ("shell", "line", "gone"),
    [
        ("bash", f"export GOPROXY='{CHAIN}'", "unset GOPROXY"),
        ("zsh", f"export GOPROXY='{CHAIN}'", "unset GOPROXY"),
        ("fish", f'set -gx GOPROXY "{CHAIN}"', "set -e GOPROXY"),
        ("powershell", f"$env:GOPROXY = '{CHAIN}'", "Remove-Item Env:GOPROXY -ErrorAction SilentlyContinue"),
    ],
)
def test_a_session_is_lines_for_the_shell_and_nothing_else(
    home: Home, shell: str, line: str, gone: str
) -> None:
    done = home.use("goproxy.cn", "--scope", "session", "--shell", shell, "--no-check")
    assert done.out == f"{line}\n"
    assert home.use("--unset", "GOPROXY", "--scope", "session", "--shell", shell).out == f"{gone}\n"
    assert not home.goenv.exists()


SETTINGS = """{
    // ask IT
    "editor.fontSize": 14, // big
    "go.toolsEnvVars": {
        "GOFLAGS": "-mod=mod", /* keep */
    },
}
"""


def test_an_editors_settings_get_the_key_and_keep_the_rest(home: Home) -> None:
    home.file(".config/Code/User/settings.json", SETTINGS)
    done = home.use("goproxy.cn", "--scope", "vscode-user", "--no-check", "--json").document
    assert home.settings.read_text() == SETTINGS.replace(
        "/* keep */\n", f'/* keep */\n        "GOPROXY": "{CHAIN}",\n'
    )
    assert not [effect for effect in done["effects"] if effect["hides"]]


def test_the_workspace_that_hides_the_users_settings_is_named(home: Home) -> None:
    home.file(".config/Code/User/settings.json", "{}")
    home.file("work/.vscode/settings.json", '{"go.toolsEnvVars": {"GOPROXY": "https://team.test"}}')
    effects = home.use("goproxy.cn", "--scope", "vscode-user", "--no-check", "--json").document["effects"]
    assert any(effect["hides"] and ".vscode/settings.json:1" in effect["text"] for effect in effects)
    effects = home.use("goproxy.cn", "--no-check", "--json").document["effects"]
    assert any("--scope vscode-user" in effect["text"] for effect in effects)
    assert any("Reload Window" in effect["text"] for effect in effects)


def test_one_editor_of_several_can_be_named(home: Home) -> None:
    home.file(".config/Code/User/settings.json", "{}")
    home.file(".config/VSCodium/User/settings.json", "{}")
    home.use("goproxy.cn", "--scope", "vscode-user", "--editor", "vscodium", "--no-check")
    assert home.settings.read_text() == "{}"
    assert CHAIN in (home.folder / ".config/VSCodium/User/settings.json").read_text()


def test_without_an_editor_the_users_scope_is_refused(home: Home) -> None:
    done = home.use("goproxy.cn", "--scope", "vscode-user", "--no-check")
    assert done.status == 1
    assert "vscode-workspace" in done.err


def test_broken_files_are_named_and_left_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.file(".config/Code/User/settings.json", '{\n"a": 1\n"b": 2}')
    home.file(".bashrc", "# >>> modgate >>>\nexport A=1\nprecious=1\n")
    home.file(".config/go/env", "GOPROXY=x".encode("utf-16"))
    before = _snapshot(home)
    said = [
        home.use("goproxy.cn", "--scope", scope, "--no-check") for scope in ("vscode-user", "shell", "goenv")
    ]
    assert [done.status for done in said] == [1, 1, 1]
    assert "line 3" in said[0].err
    assert "marks" in said[1].err.replace("\n", " ")
    assert "UTF-8" in said[2].err
    monkeypatch.setenv("GOENV", "off")
    assert "GOENV=off" in home.use("goproxy.cn", "--scope", "goenv", "--no-check").err
    assert _snapshot(home) == before


def test_a_slip_in_gos_file_can_be_taken_out(home: Home) -> None:
    home.file(".config/go/env", "GOPROXYS=x\nGOFLAGS=-v\n")
    assert home.use("--unset", "GOPROXYS").status == 0
    assert home.goenv.read_text() == "GOFLAGS=-v\n"
    assert home.use("--unset", "GOPROXYS").status == 1


def test_one_change_sets_and_takes_away(home: Home) -> None:
    home.use("--set", "GOFLAGS=-v", "--set", "GOPRIVATE=a.test", "--scope", "shell")
    home.use("goproxy.cn", "--unset", "GOFLAGS", "--scope", "shell", "--no-check")
    for name in (".bashrc", ".profile"):
        block = (home.folder / name).read_text()
        assert "GOFLAGS" not in block
        assert "GOPRIVATE" in block
        assert CHAIN in block


def test_the_list_tells_which_value_wins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.use("goproxy.cn", "--no-check")
    home.file(".bashrc", "export GOPROXY=https://profile.test\n")
    monkeypatch.setenv("GOPROXY", "https://user:secret@shadow.test")
    places = home.use("--list", "--json").document["settings"]["GOPROXY"]["places"]
    assert [(place["scope"], place["wins"]) for place in places][:2] == [("session", True), ("goenv", False)]
    assert ("shell", "https://profile.test") in [(place["scope"], place["value"]) for place in places]
    shown = home.use()
    assert "secret" not in shown.out
    assert "goproxy.cn" in shown.out


def test_credentials_reach_the_file_and_nothing_else(home: Home) -> None:
    done = home.use("--set", "GOPROXY=https://user:hunter2@corp.test,direct", "--no-check")
    assert "hunter2" in home.goenv.read_text()
    assert "hunter2" not in done.out + done.err + home.modgate("undo", "--list").out
    refused = home.use("https://user:hunter2@corp.test", "--scope", "vscode-workspace", "--no-check")
    assert refused.status == 1
    assert "hunter2" not in refused.out + refused.err
