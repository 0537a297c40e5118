"""No output of explain, use, sums or toolchain holds a secret of the machine that it reads and changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modgate.client.configure.profile import block_values, with_values
from modgate.client.configure.session import lines_for
from modgate.client.machine.shell_files import Shell
from tests.client.test_secrets import _CONTROLS, Home, home, server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["home", "server"]


def _planted(home: Home) -> dict[str, str]:
    """Further places, and the variables of the operating system."""
    secret, at = home.secret, f"127.0.0.1:{home.port}"
    more = home.folder / "project"
    with (home.folder / ".bashrc").open("a") as file:
        file.write(f"export GOPROXY='http://{at}/p?token={secret('query in a profile')}'\n")
        file.write(f"export GOAUTH='/bin/x --password {secret('GOAUTH in a profile')}'\n")
    (more / "go.mod").write_text(
        "module git.corp.test/a\n\ngo 1.21\n\nrequire git.corp.test/b v1.0.0\n"
        f"replace git.corp.test/b => https://me:{secret('replace')}@git.corp.test/b v1.0.0\n"
    )
    (more / "go.sum").write_text(
        "git.corp.test/b v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "example.com/x v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        f"https://u:{secret('go.sum')}@h.test/x v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        f"bad\x1b[31m\u202e https://u:{secret('go.sum line')}@h.test/x\n"
    )
    (more / "CODEOWNERS").write_text(f"* https://u:{secret('owner')}@h.test \x1b]0;x\x07\u202e@all\n")
    return {
        "GOPROXY": f"http://u:{secret('GOPROXY')}@{at}",
        "GOSUMDB": f"sum.golang.org http://u:{secret('GOSUMDB')}@{at}",
        "HTTPS_PROXY": f"http://u:{secret('HTTPS_PROXY')}@127.0.0.1:9",
        "GOAUTH": f"/bin/x --token {secret('GOAUTH')}; netrc",
        "GOFLAGS": f"-modcacherw -ldflags=-X=main.key={secret('GOFLAGS')}",
        "GONOPROXY": f"https://u:{secret('GONOPROXY')}@git.corp.test",
        "GITHUB_TOKEN": secret("GITHUB_TOKEN"),
        "CI_AUTHORIZATION": secret("CI_AUTHORIZATION"),
        "GOVCS": "git.corp.test:\x1b[31mall\u202e",
    }


COMMANDS = [
    ("explain",),
    ("explain", "--all"),
    ("explain", "--all", "--lang", "zh", "--for", "gopls"),
    ("explain", "--json", "--all", "--for", "vscode-terminal"),
    ("explain", "--json", "--for", "gui", "--all"),
    ("explain", "GOPROXY", "HTTPS_PROXY", "GOAUTH", "GOFLAGS", "GOSUMDB", "GITHUB_TOKEN", "CI_AUTHORIZATION"),
    ("explain", "http.proxy", "http.proxyAuthorization", "go.toolsEnvVars", "--json"),
    ("explain", "http.proxy", "http.proxyAuthorization", "go.toolsEnvVars"),
    ("explain", "--experiment"),
    ("explain", "--experiment", "--json"),
    ("use", "--list"),
    ("use", "--list", "--json"),
    ("sums", "--timeout", "2", "--no-state"),
    ("sums", "--timeout", "2", "-v", "--lang", "zh", "--no-state"),
    *[
        ("sums", "--timeout", "2", "--no-state", "--format", kind)
        for kind in ("json", "csv", "html", "sarif")
    ],
    ("toolchain",),
    ("toolchain", "--json", "--sizes"),
    ("toolchain", "--all", "--updates"),
    ("toolchain", "--network", "--json"),
]


def test_what_is_only_read_is_shown_without_its_secrets(home: Home) -> None:
    environ = _planted(home)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda args: home.run(*args, **environ), COMMANDS))
    found = {" ".join(args): home.leaked(text) for args, text in zip(COMMANDS, said, strict=True)}
    assert {args: places for args, places in found.items() if places} == {}
    assert [args for args, text in zip(COMMANDS, said, strict=True) if _CONTROLS.search(text)] == []


@pytest.mark.parametrize("scope", ["goenv", "shell", "vscode-user", "vscode-workspace"])
def test_a_change_is_told_without_its_secrets_and_kept_for_its_owner(home: Home, scope: str) -> None:
    environ = {"GITHUB_TOKEN": home.secret("GITHUB_TOKEN")}
    new = f"https://u:{home.secret('new')}@127.0.0.1:{home.port},direct"
    flags = f"GOFLAGS=-ldflags=-X=main.key={home.secret('new flags')}"
    auth = f"GOAUTH=/bin/x --password {home.secret('new auth')}"
    state = home.folder / ".local" / "state" / "modgate"
    said, used = "", []
    for args in (
        (new, "--dry-run"),
        (new, "--dry-run", "--json"),
        ("--set", f"GOPROXY={new}", "--set", flags, "--set", auth, "--force", "--yes"),
        ("--reset", "--dry-run"),
        ("--reset", "--yes", "--json"),
    ):
        said += home.run("use", "--no-check", "--scope", scope, *args, **environ)
        kept = [path for path in state.rglob("*") if path.is_file()]
        used += [path for path in kept if path.parent.name == "used"]
        assert [path for path in kept if path.stat().st_mode & 0o077] == []
    assert home.leaked(said) == []
    # What is committed with the project never gets a secret, not even with --force.
    assert bool(used) is (scope != "vscode-workspace")


VALUES = [
    "a b",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    "(touch pwned)",
    "a\\",
    "\\'; touch pwned #",
    "!! $HOME ${HOME} %PATH% ~ * {a,b}",
    "$$ \\$HOME \\\\",
    "’; touch pwned; ‘",
]


@pytest.mark.parametrize("shell", [Shell.BASH, Shell.ZSH, Shell.FISH, Shell.SH])
def test_a_real_shell_gets_each_value_as_it_is_and_runs_nothing_of_it(shell: Shell, tmp_path: Path) -> None:
    program = shutil.which(shell.value)
    if program is None:
        pytest.skip(f"{shell.value} is not installed")
    values = {f"V{number}": text for number, text in enumerate(VALUES)}
    data = with_values(b"", shell, values)
    assert block_values(data, shell) == values
    lines = "\n".join(lines_for(shell, values)).encode() + b"\n"
    for name, text in (("profile", data), ("session", lines)):
        (tmp_path / name).write_bytes(text)
        ran = subprocess.run(
            [program, "-c", f". ./{name}; env -0"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
            capture_output=True,
            check=True,
            timeout=30,
        )
        told = dict(item.split("=", 1) for item in ran.stdout.decode().split("\0") if item)
        assert {key: told[key] for key in values} == values
    assert not (tmp_path / "pwned").exists()


def test_powershell_takes_each_of_its_quotes_as_text() -> None:
    values = {f"V{number}": text for number, text in enumerate(VALUES)}
    data = with_values(b"", Shell.POWERSHELL, values)
    assert block_values(data, Shell.POWERSHELL) == values
    assert "'’’; touch pwned; ‘‘'" in data.decode()
