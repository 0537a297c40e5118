"""`modgate completion`: what the real shells offer at TAB, and what the scripts are made from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.cli import COMMANDS
from modgate.cli.completion import Shell, run, script
from modgate.cli.completion_scripts import bash, fish, zsh
from modgate.cli.completion_tree import Choice, Place, short
from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from pathlib import Path

CASES = [
    ("modgate st", {"status"}, set()),
    ("modgate ", {*COMMANDS}, {"--help"}),
    ("modgate --lang zh stat", {"status"}, set()),
    ("modgate --l", {"--lang"}, {"--version"}),
    ("modgate config ", {"show", "check", "schema", "init"}, {"status"}),
    ("modgate config --lang zh ch", {"check"}, set()),
    ("modgate config check --", {"--config", "--set", "--json"}, {"--force"}),
    ("modgate config init --f", {"--force"}, {"--json"}),
    ("modgate status --lang ", {"en", "zh"}, {"status"}),
    ("modgate status --lang=", {"zh"}, {"status"}),
    ("modgate status --server show --wat", {"--watch"}, set()),
    ("modgate completion ", {"bash", "zsh", "fish"}, set()),
    ("modgate config check --config some-", {"some-file.toml"}, {"status"}),
    ("modgate config check some-", {"some-file.toml"}, set()),
]
"""A line as it is typed, what must be offered, and what must not be."""


def needs(shell: str) -> pytest.MarkDecorator:
    """Skip where the shell is not installed."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three scripts, and something to name."""
    folder = tmp_path_factory.mktemp("completion")
    say = Catalogue(Language.ENGLISH)
    shells: list[Shell] = ["bash", "zsh", "fish"]
    for shell in shells:
        (folder / shell).write_text(script(shell, say), encoding="utf-8")
    (folder / "some-file.toml").write_text("", encoding="utf-8")
    return folder


def _offered(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


def _judge(cases: list[tuple[str, set[str], set[str]]], blocks: list[set[str]]) -> None:
    assert len(blocks) == len(cases)
    for (line, wanted, unwanted), words in zip(cases, blocks, strict=True):
        bare = {word.rpartition("=")[2] for word in words} | words
        assert wanted <= bare, line
        assert not unwanted & bare, line


@needs("bash")
def test_bash_offers_what_fits(scripts: Path) -> None:
    lines = ["source ./bash"]
    for line, _, _ in CASES:
        # As readline splits it, which takes `=` for a word of its own.
        words = [word for part in line.split(" ") for word in part.replace("=", " = ").split(" ")]
        words = words[:-1] if line.endswith("=") else words
        quoted = " ".join(f"'{word}'" for word in words)
        lines += [f"COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}", "_modgate modgate 2>&1"]
        # What a function leaves empty readline completes with names of files (-o default).
        lines += [f"(( ${{#COMPREPLY[@]}} )) || COMPREPLY=($(compgen -f -- '{words[-1]}'))"]
        lines += ["echo 'at:'; printf '%s\\n' \"${COMPREPLY[@]}\""]
    offered = _offered(["bash", "--norc", "-c", "\n".join(lines)], scripts)
    _judge(CASES, [set(block.split()) for block in offered.split("at:\n")[1:]])


@needs("bash")
def test_bash_keeps_to_the_shell_for_a_program_that_is_started(scripts: Path) -> None:
    line = "source ./bash; COMP_WORDS=(modgate run -- st) COMP_CWORD=3; _modgate; echo ${#COMPREPLY[@]}"
    assert _offered(["bash", "--norc", "-c", line], scripts) == "0\n"


@needs("fish")
def test_fish_offers_what_fits_and_says_what_it_does(scripts: Path) -> None:
    lines = ["source ./fish"]
    for line, _, _ in CASES:
        lines += ["echo at:", f"complete -C'{line}'"]
    offered = _offered(["fish", "--no-config", "-c", "\n".join(lines)], scripts)
    blocks = offered.split("at:\n")[1:]
    _judge(CASES, [{line.split("\t")[0] for line in block.splitlines()} for block in blocks])
    assert "status\tShow how a running server is" in blocks[0].splitlines()


# Typed ahead, through a terminal that has keys of its own for editing: ^G is none of them.
ZSH = r"""PS1= PS2=; stty rows 500 cols 200; autoload -Uz compinit; compinit -u -D; source ./zsh
compadd() { local -a offered; if (( ${argv[(I)-[ODA]*]} )) { builtin compadd "$@"; return }
builtin compadd -O offered "$@"; print -rl -- $offered >> ./offered; builtin compadd "$@"; }
bindkey '^I' complete-word; bindkey '^G' kill-whole-line
"""


@needs("zsh")
@needs("script")
def test_zsh_offers_what_fits(scripts: Path) -> None:
    (scripts / "offered").write_text("", encoding="utf-8")
    typed = [f"print -r -- at: >> ./offered\n{line}\t\x07" for line, _, _ in CASES]
    done = subprocess.run(
        ["script", "-qefc", "zsh -f -i", "/dev/null"],
        cwd=scripts,
        env={**os.environ, "HOME": str(scripts), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        input=f"{ZSH}{''.join(typed)}exit\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    offered = (scripts / "offered").read_text(encoding="utf-8")
    assert offered.count("at:\n") == len(CASES), done.stdout[-3000:]
    _judge(CASES, [set(block.split()) for block in offered.split("at:\n")[1:]])


@needs("zsh")
def test_zsh_finds_it_in_its_path_of_functions(scripts: Path) -> None:
    folder = scripts / "functions"
    folder.mkdir()
    shutil.copy(scripts / "zsh", folder / "_modgate")
    code = "fpath=(./functions $fpath); autoload -Uz compinit; compinit -u -D; print ${_comps[modgate]}"
    assert _offered(["zsh", "-f", "-c", code], scripts) == "_modgate\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_of_both_languages_are_read_without_a_word(shell: Shell, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for language in Language:
        file = tmp_path / str(language)
        file.write_text(script(shell, Catalogue(language)), encoding="utf-8")
        assert _offered([shell, "-n", str(file)], tmp_path) == ""


def test_no_program_is_started_at_tab(scripts: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        code = (scripts / shell).read_text(encoding="utf-8").replace("made by `modgate completion", "")
        for way in ("(modgate ", "`modgate ", "command modgate", "python"):
            assert way not in code, shell


def test_odd_words_in_a_help_text_stay_text(tmp_path: Path) -> None:
    odd = 'it\'s $HOME `id` \\ "x" [a:b] 100%'
    place = Place("", {"go": odd}, (Choice(("--odd",), odd, "words", ("a", "b")),), files=False)
    for shell, maker in (("bash", bash), ("zsh", zsh), ("fish", fish)):
        if shutil.which(shell) is None:
            continue
        (tmp_path / shell).write_text(maker([place]), encoding="utf-8")
        assert _offered([shell, "-n", shell], tmp_path) == ""
    if shutil.which("fish"):
        code = "source ./fish; complete -C'modgate g'"
        assert _offered(["fish", "--no-config", "-c", code], tmp_path) == f"go\t{odd}\n"


def test_it_is_written_where_the_shell_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    for shell, file in (
        ("bash", ".local/share/bash-completion/completions/modgate"),
        ("zsh", ".local/share/zsh/site-functions/_modgate"),
        ("fish", "conf/fish/completions/modgate.fish"),
    ):
        assert run([shell, "--install"]) == 0
        assert "modgate" in (tmp_path / file).read_text(encoding="utf-8")
        assert str(tmp_path / file) in capsys.readouterr().out


def test_an_unknown_shell_is_a_slip(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tcsh"]) == 2
    assert "tcsh" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One thing. Another.", "One thing"),
        ("Set any key, as in fetch.retries=3. Repeatable.", "Set any key, as in fetch.retries=3"),
        ("列出全部。第二句。", "列出全部"),
        ("a" * 100, "a" * 59 + "…"),
        ("", ""),
    ],
)
def test_a_text_beside_a_word_is_its_first_sentence(text: str, shown: str) -> None:
    assert short(text) == shown


def test_the_interpreter_is_not_slow_to_make_it() -> None:
    """Making it imports every command, and no command brings the server or the configuration along."""
    code = "import sys\nfrom modgate.cli.completion import script\nfrom modgate.messages import *\n"
    code += "script('bash', Catalogue(Language.ENGLISH))\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"pydantic", "aiohttp", "uvicorn", "sqlalchemy"} & set(done.stdout.split())
