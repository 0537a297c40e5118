"""`modgate completion`: what the TAB key offers, as a script for the shell.

The script holds all words, so that TAB is as quick as the shell; it is made again after an upgrade.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from modgate.cli import COMMANDS
from modgate.cli.options import run_app
from modgate.cli.speech import Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue

__all__ = ["app", "run", "script"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Shell = Literal["bash", "zsh", "fish"]


@app.command(context_settings={"max_content_width": 80}, help=text("completion.help.command"))
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help=text("completion.help.shell"))],
    *,
    install: Annotated[bool, typer.Option("--install", help=text("completion.help.install"))] = False,
    lang: Lang = None,
) -> None:
    """The script of a shell."""
    say = catalogue(lang)
    made = script(shell, say)
    if not install:
        print(made, end="")
        return
    from modgate.client.whole import write_report  # noqa: PLC0415  for --install alone

    target = _target(shell)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_report(target, made)
    print(say("completion.installed.file", file=str(target)))
    print(say(f"completion.installed.{shell}", folder=str(target.parent)))


def script(shell: Shell, say: Catalogue) -> str:
    """The whole script."""
    from modgate.cli import completion_scripts  # noqa: PLC0415  it stays off --help
    from modgate.cli.completion_tree import places  # noqa: PLC0415  likewise

    told = {name: say(f"cli.command.{name}") for name in COMMANDS}
    told |= {f"--{name}": say(f"completion.option.{name}") for name in ("lang", "version", "help")}
    makers = {
        "bash": completion_scripts.bash,
        "zsh": completion_scripts.zsh,
        "fish": completion_scripts.fish,
    }
    return makers[shell](places(COMMANDS, told))


def _target(shell: Shell) -> Path:
    """Where the shell looks by itself; zsh has no such folder of the user's."""
    home = Path(os.environ.get("HOME") or "~").expanduser()
    if shell == "fish":
        return _folder("XDG_CONFIG_HOME", home / ".config") / "fish" / "completions" / "modgate.fish"
    data = _folder("XDG_DATA_HOME", home / ".local" / "share")
    if shell == "zsh":
        return data / "zsh" / "site-functions" / "_modgate"
    return data / "bash-completion" / "completions" / "modgate"


def _folder(variable: str, default: Path) -> Path:
    chosen = os.environ.get(variable, "")
    return Path(chosen) if chosen.startswith("/") else default


def run(args: Sequence[str]) -> int:
    """Run `modgate completion` with these arguments."""
    return run_app(app, "completion", args)
