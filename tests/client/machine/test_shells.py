"""Which files a shell reads, and what their lines say: against bash and zsh where they are there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.machine.host import System
from modgate.client.machine.local import LocalHost
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.shells import (
    EDITOR,
    Session,
    Shell,
    assignment_line,
    current_shell,
    profile_files,
    profile_to_write,
    read_session,
    terminal_session,
    with_block,
)

TERMINAL = Session(login=False)


def _host(files: dict[str, str], system: System = System.LINUX, **environ: str) -> RecordedHost:
    return RecordedHost(system, environ=environ, files=files)


def _value(
    host: RecordedHost, name: str, shell: Shell = Shell.BASH, session: Session = TERMINAL
) -> str | None:
    last = read_session(host, shell, session).last(name)
    return last.value if last else None


def test_bash_reads_only_the_first_login_file_that_is_there() -> None:
    host = _host({"/home/me/.profile": "", "/home/me/.bash_login": "", "/home/me/.bashrc": ""})
    login = [str(path) for path in profile_files(host, Shell.BASH, EDITOR)]
    assert login == ["/etc/profile", "/home/me/.bash_login"]
    assert [path.name for path in profile_files(host, Shell.BASH, TERMINAL)] == ["bash.bashrc", ".bashrc"]
    assert profile_files(host, Shell.BASH, Session(login=False, interactive=False)) == ()


def test_zsh_reads_its_files_from_zdotdir_in_order() -> None:
    host = _host({"/z/.zshrc": ""}, ZDOTDIR="/z")
    names = [str(path) for path in profile_files(host, Shell.ZSH, EDITOR) if str(path).startswith("/z")]
    assert names == ["/z/.zshenv", "/z/.zprofile", "/z/.zshrc", "/z/.zlogin"]
    plain = [path.name for path in profile_files(host, Shell.ZSH, Session(login=False, interactive=False))]
    assert plain == ["zshenv", ".zshenv"]


def test_fish_reads_its_drop_ins_before_config_fish() -> None:
    folder = "/home/me/.config/fish"
    host = _host({f"{folder}/conf.d/b.fish": "", f"{folder}/conf.d/a.fish": "", f"{folder}/config.fish": ""})
    names = [path.name for path in profile_files(host, Shell.FISH, TERMINAL)]
    assert names == ["fish_variables", "a.fish", "b.fish", "config.fish", "config.fish"]


def test_powershell_has_its_profiles_in_documents() -> None:
    host = RecordedHost(System.WINDOWS)
    assert current_shell(host) is Shell.POWERSHELL
    last = profile_files(host, Shell.POWERSHELL, TERMINAL)[-1]
    assert str(last) == r"C:\Users\me\Documents\PowerShell\Microsoft.PowerShell_profile.ps1"


def test_a_terminal_is_a_login_shell_on_macos_alone() -> None:
    assert terminal_session(System.MACOS).login
    assert not terminal_session(System.LINUX).login


@pytest.mark.parametrize(
    ("text", "value", "exported"),
    [
        ("export GOPROXY=https://a.test,direct", "https://a.test,direct", True),
        ("GOPROXY=x; export GOPROXY", "x", True),
        ("GOPROXY=x", "x", False),
        ("GOPROXY=x\nexport GOPROXY", "x", True),
        ('declare -x GOPROXY="https://a.test"', "https://a.test", True),
        ("typeset -gx GOPROXY='a b'", "a b", True),
        ("set -a\nGOPROXY=x", "x", True),
        ("export A=1 GOPROXY=x", "x", True),
        ("export GOPROXY=x # a comment, with 'quote", "x", True),
        ("export GOPROXY=$HOME/p", "/home/me/p", True),
        ("export GOPROXY=~/p", "/home/me/p", True),
        ('BASE=https://a.test\nexport GOPROXY="${BASE}/go,direct"', "https://a.test/go,direct", True),
        ("export GOPROXY=$(cat x)", None, True),
        ("export GOPROXY=$UNKNOWN", None, True),
        ("export GOPROXY=a\\\nb", "ab", True),
        ("export GOPROXY='a#b'", "a#b", True),
        ("  export  GOPROXY=x", "x", True),
    ],
)
def test_an_assignment_is_read_with_its_export(text: str, value: str | None, *, exported: bool) -> None:
    reading = read_session(_host({"/home/me/.bashrc": text}), Shell.BASH, TERMINAL)
    last = reading.last("GOPROXY")
    assert last is not None
    assert last.value == value
    assert ("GOPROXY" in reading.exported) is exported


@pytest.mark.parametrize(
    "text",
    [
        "GOPROXY=x go build",
        "echo GOPROXY=x",
        "# export GOPROXY=x",
        "alias g='GOPROXY=x go'",
        "unset GOPROXY",
        "cat >x <<EOF\nexport GOPROXY=x\nEOF\n",
        "cat <<-'END' >x\n  GOPROXY=x\n  END\n",
        "export GOPROXY",
    ],
)
def test_what_assigns_nothing_is_not_read_as_an_assignment(text: str) -> None:
    assert read_session(_host({"/home/me/.bashrc": text}), Shell.BASH, TERMINAL).of("GOPROXY") == ()


@pytest.mark.parametrize(
    "text",
    [
        "if [ $(hostname) = x ]; then\n  export GOPROXY=x\nfi",
        "proxy_on() {\n  export GOPROXY=x\n}",
        "function proxy_on {\n  export GOPROXY=x\n}",
        "[ $(hostname) = x ] && export GOPROXY=x",
        "case $TERM in\n  xterm) export GOPROXY=x ;;\nesac",
        "if [ -f x ]; then\n  :\nelse\n  export GOPROXY=x\nfi",
        "proxy_on() { export GOPROXY=x; }",
        "if true; then export GOPROXY=x; fi",
    ],
)
def test_what_stands_in_a_block_is_conditional(text: str) -> None:
    reading = read_session(_host({"/home/me/.bashrc": text}), Shell.BASH, TERMINAL)
    assert [one.conditional for one in reading.of("GOPROXY")] == [True]
    assert reading.last("GOPROXY") is None


def test_includes_are_followed_and_a_loop_of_them_ends() -> None:
    files = {
        "/home/me/.profile": 'if [ -n "$BASH_VERSION" ]; then\n  if [ -f "$HOME/.bashrc" ]; then\n'
        '    . "$HOME/.bashrc"\n  fi\nfi\n',
        "/home/me/.bashrc": "[ -f ~/.env ] && source ~/.env\n",
        "/home/me/.env": "export GOPROXY=x\n. ~/.bashrc\n",
    }
    reading = read_session(_host(files), Shell.BASH, EDITOR)
    assert [Path(name).name for name in reading.files] == [".profile", ".bashrc", ".env"]
    last = reading.last("GOPROXY")
    assert last is not None
    assert last.place == "/home/me/.env:1"


@pytest.mark.parametrize(
    "guard",
    [
        "case $- in\n    *i*) ;;\n      *) return;;\nesac",
        '[ -z "$PS1" ] && return',
        "[[ $- != *i* ]] && return",
        "case $- in *i*) ;; *) return;; esac",
    ],
)
def test_a_shell_that_is_not_interactive_leaves_bashrc_early(guard: str) -> None:
    host = _host({"/home/me/.bashrc": f"{guard}\nexport GOPROXY=x\n"}, BASH_ENV="/home/me/.bashrc")
    silent = read_session(host, Shell.BASH, Session(login=False, interactive=False))
    assert silent.of("GOPROXY") == ()
    assert silent.stopped
    assert _value(host, "GOPROXY") == "x"


@pytest.mark.parametrize(
    ("text", "value", "exported"),
    [
        ("set -gx GOPROXY https://a.test,direct", "https://a.test,direct", True),
        ("set -Ux GOPROXY x", "x", True),
        ("set --export GOPROXY x", "x", True),
        ("set GOPROXY x", "x", False),
        ("set -x GOPROXY (cat x)", None, True),
        ("setenv GOPROXY x", "x", True),
        ("export GOPROXY=x", "x", True),
    ],
)
def test_fish_sets_with_set(text: str, value: str | None, *, exported: bool) -> None:
    host = _host({"/home/me/.config/fish/config.fish": text})
    reading = read_session(host, Shell.FISH, TERMINAL)
    last = reading.last("GOPROXY")
    assert last is not None
    assert last.value == value
    assert ("GOPROXY" in reading.exported) is exported


def test_powershell_sets_through_env() -> None:
    path = r"C:\Users\me\Documents\PowerShell\profile.ps1"
    text = "$env:GOPROXY = 'https://a.test,direct'\r\n$env:GOSUMDB=\"off\"\r\n"
    host = RecordedHost(System.WINDOWS, files={path: text})
    reading = read_session(host, Shell.POWERSHELL, TERMINAL)
    assert [(one.name, one.value) for one in reading.assignments] == [
        ("GOPROXY", "https://a.test,direct"),
        ("GOSUMDB", "off"),
    ]


@pytest.mark.parametrize("shell", [Shell.BASH, Shell.ZSH, Shell.FISH, Shell.SH, Shell.POWERSHELL])
def test_the_line_to_write_is_read_back_as_it_was_meant(shell: Shell) -> None:
    value = "https://a.test/it's $HOME,direct"
    host = RecordedHost(System.LINUX)
    path = profile_to_write(host, shell)
    written = RecordedHost(System.LINUX, files={str(path): assignment_line(shell, "GOPROXY", value)})
    session = EDITOR if shell is Shell.SH else TERMINAL
    reading = read_session(written, shell, session)
    assert [one.value for one in reading.of("GOPROXY")] == [value]


def test_a_block_is_written_replaced_and_taken_out_without_touching_the_rest() -> None:
    begin, end = "# >>> modgate >>>", "# <<< modgate <<<"
    text = "export A=1"
    first = with_block(text, ("export B=2",), begin=begin, end=end)
    assert first == f"{text}\n{begin}\nexport B=2\n{end}\n"
    second = with_block(first + "export C=3\n", ("export B=9",), begin=begin, end=end)
    assert second == f"{text}\n{begin}\nexport B=9\n{end}\nexport C=3\n"
    assert with_block(second, (), begin=begin, end=end) == f"{text}\nexport C=3\n"


PROGRAMS = [
    "export GOPROXY=https://a.test,direct\n",
    "GOPROXY=plain\n",
    "X=a\nexport GOPROXY=\"$X b\"'$X c'\\ d\n",
    "export GOPROXY=one\nexport GOPROXY=two # three\n",
    "export GOPROXY=~/x\nPATH=$PATH:/q\n",
    "cat >/dev/null <<EOF\nexport GOPROXY=no\nEOF\nexport GOPROXY='yes; no' OTHER=\"a && b\"\n",
    "declare -x GOPROXY='it is #1'\n",
    "X=a\nexport GOPROXY=$X:~/y:b~/c:\"~/z\":'~/q'\n",
    "GOPROXY=a:~/y:~:z\nexport GOPROXY\n",
    "set -o allexport\nGOPROXY=all\n",
    ". ~/other\nexport GOPROXY=$BASE/x\n",
    "test -r ~/other && . ~/other; export GOPROXY=${BASE}y\n",
]


@pytest.mark.parametrize("text", PROGRAMS)
@pytest.mark.parametrize("name", [name for name in ("bash", "zsh") if shutil.which(name)])
def test_the_reading_agrees_with_the_shell_itself(tmp_path: Path, text: str, name: str) -> None:
    program = shutil.which(name) or name
    (tmp_path / (".bashrc" if name == "bash" else ".zshrc")).write_text(text)
    (tmp_path / "other").write_text("BASE=base\n")
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TERM": "dumb"}
    said = subprocess.run(
        [program, "-i", "-c", "env"], env=environ, capture_output=True, text=True, check=False, timeout=30
    ).stdout
    told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    reading = read_session(LocalHost(environ, home=tmp_path), Shell(name), TERMINAL)
    last = reading.last("GOPROXY")
    assert last is not None
    expected = last.value if "GOPROXY" in reading.exported else None
    assert told.get("GOPROXY") == expected


@given(text=st.text(max_size=300), shell=st.sampled_from(list(Shell)))
def test_no_text_makes_the_reading_fail(text: str, shell: Shell) -> None:
    path = str(profile_to_write(RecordedHost(System.LINUX), shell))
    host = RecordedHost(System.LINUX, files={path: text.encode(errors="replace")})
    for session in (TERMINAL, EDITOR):
        read_session(host, shell, session)


def test_a_very_long_line_is_read_in_reasonable_time() -> None:
    text = "export A='x'; " * 20_000 + "export GOPROXY=x"
    assert _value(_host({"/home/me/.bashrc": text}), "GOPROXY") == "x"
