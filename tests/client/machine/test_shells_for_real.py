"""What is read of a shell's files, against bash, zsh and fish themselves: order, values, export."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from modgate.client.machine.local import LocalHost
from modgate.client.machine.shells import Reading, Session, Shell, read_session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOGIN, TERMINAL, SCRIPT, REMOTE = (
    Session(login=True),
    Session(login=False),
    Session(login=False, interactive=False),
    Session(login=True, interactive=False),
)
SESSIONS = (LOGIN, TERMINAL, SCRIPT, REMOTE)
NAMES = {
    Shell.BASH: (".bash_profile", ".bash_login", ".profile", ".bashrc", ".bash_aliases"),
    Shell.ZSH: (
        ".zshenv",
        ".zprofile",
        ".zshrc",
        ".zlogin",
        "z/.zshenv",
        "z/.zprofile",
        "z/.zshrc",
        "z/.zlogin",
    ),
    Shell.FISH: (
        ".config/fish/conf.d/b.fish",
        ".config/fish/conf.d/a.fish",
        ".config/fish/conf.d/a.txt",
        ".config/fish/config.fish",
    ),
}


def _program(shell: Shell) -> str:
    found = shutil.which(shell.value)
    if found is None:
        pytest.skip(f"no {shell.value} here")
    return found


def _environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb"} | more


def _told(shell: Shell, session: Session, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program that this shell starts."""
    flags = [*(["-l"] if session.login else []), *(["-i"] if session.interactive else [])]
    said = subprocess.run(
        [_program(shell), *flags, "-c", "env -0"],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    ).stdout
    return dict(line.split("=", 1) for line in said.split("\0") if "=" in line)


def _read(shell: Shell, session: Session, home: Path, environ: Mapping[str, str]) -> Reading:
    return read_session(LocalHost(environ, home=home), shell, session)


def _write(home: Path, name: str, text: str) -> None:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(text)


def _trace(shell: Shell, name: str) -> str:
    if shell is Shell.FISH:
        return f'set -gx READ "$READ {name}"\n'
    return f'export READ="$READ {name}"\n'


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("missing", range(3))
@pytest.mark.parametrize("shell", [Shell.BASH, Shell.ZSH, Shell.FISH])
def test_files_are_read_in_the_order_of_the_shell(
    tmp_path: Path, shell: Shell, session: Session, missing: int
) -> None:
    for name in NAMES[shell][missing:]:
        _write(tmp_path, name, _trace(shell, name))
    environ = _environ(tmp_path)
    order = _told(shell, session, environ).get("READ", "").split()
    read = [name.removeprefix(f"{tmp_path}/") for name in _read(shell, session, tmp_path, environ).files]
    assert [name for name in read if name in NAMES[shell]] == order
    assert order or (shell is Shell.BASH and session == SCRIPT) or missing


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("by", ["file", "environment"])
def test_zdotdir_moves_what_zsh_reads(tmp_path: Path, session: Session, by: str) -> None:
    for name in NAMES[Shell.ZSH]:
        _write(tmp_path, name, _trace(Shell.ZSH, name))
    environ = _environ(tmp_path)
    if by == "file":
        _write(tmp_path, ".zshenv", _trace(Shell.ZSH, ".zshenv") + "export ZDOTDIR=$HOME/z\n")
    else:
        environ["ZDOTDIR"] = str(tmp_path / "z")
    order = _told(Shell.ZSH, session, environ)["READ"].split()
    read = [name.removeprefix(f"{tmp_path}/") for name in _read(Shell.ZSH, session, tmp_path, environ).files]
    assert [name for name in read if name in NAMES[Shell.ZSH]] == order


def test_fish_reads_its_folder_where_xdg_puts_it(tmp_path: Path) -> None:
    environ = _environ(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "x"))
    for name in ("x/fish/config.fish", ".config/fish/config.fish"):
        _write(tmp_path, name, _trace(Shell.FISH, name))
    order = _told(Shell.FISH, TERMINAL, environ)["READ"].split()
    read = [
        name.removeprefix(f"{tmp_path}/") for name in _read(Shell.FISH, TERMINAL, tmp_path, environ).files
    ]
    assert [name for name in read if name.endswith("config.fish") and "etc" not in name] == order


POSIX = (
    "export GOPROXY=a\n",
    "GOPROXY=a\n",
    "export GOPROXY=a\nunset GOPROXY\n",
    "export GOPROXY=a; unset GOPROXY; GOPROXY=b\n",
    "GOPROXY=a; export GOPROXY; GOPROXY=b\n",
    "export GOPROXY='a,\nb'\nexport OTHER=1\n",
    'export GOPROXY="a\n# no comment\nexport GOSUMDB=off\n"\n',
    "# don't stop here\nexport GOPROXY=a # it's a\n",
    "export GOPROXY=$'a\\tb'\n",
    "export GOPROXY=a\\\n,b\n",
    "for x in a b; do\n  export GOPROXY=$x\ndone\n",
    "for x in a b; do export GOPROXY=$x; done\nexport GOSUMDB=off\n",
    "n=0\nwhile [ $n -lt 2 ]\ndo\n  n=$((n+1))\n  export GOPROXY=$n\ndone < /dev/null\nexport GOSUMDB=off\n",
    "while read x; do export GOPROXY=$x; done </dev/null\nexport GOSUMDB=off\n",
    "(\n  export GOPROXY=a\n)\nexport GOSUMDB=off\n",
    "(export GOPROXY=a)\n",
    '[ -n "$NOTHING" ] && {\n  export GOPROXY=a\n}\nexport GOSUMDB=off\n',
    "if false; then\n  export GOPROXY=a\nelse\n  export GOPROXY=b\nfi\n",
    "case x in\n  y) export GOPROXY=a;;\n  x) export GOPROXY=b;;\nesac\nexport GOSUMDB=off\n",
    "f() {\n  export GOPROXY=a\n}\n",
    "f() {\n  export GOPROXY=a\n}\nf\n",
    "export GOPROXY=a\nif true; then\n  unset GOPROXY\nfi\n",
    "cat >/dev/null <<'EOF'\nexport GOPROXY='a\nEOF\nexport GOPROXY=b\n",
    "export GOPROXY=\"$(printf '%s' a)\"\n",
    "export GOPROXY=`echo a`\n",
    "export GOPROXY=${NOTHING:-a}\n",
    "eval 'export GOPROXY=a'\n",
    "readonly GOPROXY=a\nexport GOPROXY\n",
    "export -n GOPROXY 2>/dev/null; export GOPROXY=b\n",
    "typeset -x GOPROXY=a\n",
    "export A='one\ntwo' GOPROXY=b\n",
)
FISH = (
    "set -gx GOPROXY a\n",
    "set -x GOPROXY a b\n",
    "set -gx MYPATH a b\n",
    "set GOPROXY a\n",
    "set -gx GOPROXY a\nset -e GOPROXY\n",
    "set -gx GOPROXY a\nset -ge GOPROXY\n",
    "set -gx GOPROXY a\nset -gxa GOPROXY b\n",
    "set -gx GOPROXY a\nset -a GOPROXY b\n",
    "set -gx GOPROXY 'a,\nb'\n",
    'set -gx GOPROXY "a\n# no comment\nset -gx GOSUMDB off\n"\n',
    "# don't stop here\nset -gx GOPROXY a # it's a\n",
    "set -gx GOPROXY 'it\\'s a'\n",
    "for x in a b\n  set -gx GOPROXY $x\nend\nset -gx GOSUMDB off\n",
    "for x in a b; set -gx GOPROXY $x; end\nset -gx GOSUMDB off\n",
    "while false\n  set -gx GOPROXY a\nend\nset -gx GOSUMDB off\n",
    "if false\n  set -gx GOPROXY a\nelse\n  set -gx GOPROXY b\nend\n",
    (
        "switch x\n  case y\n    set -gx GOPROXY a\n  case '*'\n    set -gx GOPROXY b\nend\n"
        "set -gx GOSUMDB off\n"
    ),
    "function f\n  set -gx GOPROXY a\nend\n",
    "begin\n  set -gx GOPROXY a\nend\nset -gx GOSUMDB off\n",
    "begin; set -lx GOPROXY a; end\n",
    "set -gx GOPROXY (echo a)\n",
    "set -gx GOPROXY $HOME/a\n",
    "set -gx GOPROXY ~/a\n",
    "set -q GOPROXY; or set -gx GOPROXY a\n",
    "status is-interactive; and set -gx GOPROXY a\n",
    "if status is-interactive\n  set -gx GOPROXY a\nend\n",
    "set -gx GOPROXY a; set -gx GOSUMDB off\n",
    "export GOPROXY=a\n",
    "set -gx GOPROXY a \\\n  b\n",
    "set -Ux GOPROXY a,direct\n",
    "set --export --global GOPROXY a\n",
    'set -gx GOPROXY "a\\$b"\n',
)
CASES = [
    *((shell, text) for shell in (Shell.BASH, Shell.ZSH) for text in POSIX),
    *((Shell.FISH, text) for text in FISH),
]
FILES = {Shell.BASH: ".bashrc", Shell.ZSH: ".zshrc", Shell.FISH: ".config/fish/config.fish"}


@pytest.mark.parametrize(("shell", "text"), CASES)
def test_what_is_judged_is_what_the_shell_exports(tmp_path: Path, shell: Shell, text: str) -> None:
    _write(tmp_path, FILES[shell], text)
    environ = _environ(tmp_path)
    told = _told(shell, TERMINAL, environ)
    reading = _read(shell, TERMINAL, tmp_path, environ)
    for name in ("GOPROXY", "GOSUMDB", "MYPATH"):
        found, last = reading.of(name), reading.last(name)
        if found and (last is None or last.value is None):
            continue  # It was not judged.
        judged = last.value if last is not None and name in reading.exported else None
        if not found and name in told:
            assert "eval" in text
            continue
        assert judged == told.get(name), name


@pytest.mark.parametrize(
    ("shell", "text"),
    [(shell, text) for shell, text in CASES if text.split()[0] in {"for", "while", "case", "switch", "f()"}],
)
def test_what_a_loop_or_a_function_sets_is_not_judged(tmp_path: Path, shell: Shell, text: str) -> None:
    _write(tmp_path, FILES[shell], text)
    reading = _read(shell, TERMINAL, tmp_path, _environ(tmp_path))
    assert reading.of("GOPROXY")
    assert reading.last("GOPROXY") is None
    other = reading.last("GOSUMDB")
    assert (other is not None) == ("GOSUMDB" in text)


def test_what_set_u_keeps_is_read_in_the_next_fish(tmp_path: Path) -> None:
    environ, value = _environ(tmp_path), "https://a.test:8443/x_y,direct|é '"
    subprocess.run(
        [_program(Shell.FISH), "-c", "set -Ux GOPROXY $argv[1]; set -U GOSUMDB off", value],
        env=environ,
        check=True,
        timeout=60,
    )
    told = _told(Shell.FISH, TERMINAL, environ)
    reading = _read(Shell.FISH, TERMINAL, tmp_path, environ)
    last = reading.last("GOPROXY")
    assert told["GOPROXY"] == value == (last.value if last else None)
    assert "GOSUMDB" not in told
    assert reading.exported >= {"GOPROXY"}
    assert "GOSUMDB" not in reading.exported
