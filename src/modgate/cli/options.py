"""What the commands share: flags that stand for configuration keys, and how their slips are told.

Unknown flags are not left to the option parser: they are collected, named together with every other
problem of the configuration, and translated where another proxy has a flag of that name.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate.cli import USAGE
from modgate.cli.speech import catalogue, text
from modgate.messages import Language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.config import Loaded
    from modgate.errors import ModgateError

__all__ = ["CONTEXT", "ConfigFile", "Settings", "config_loader", "first_load", "load_config", "run_app"]

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "max_content_width": 80}

ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help=text("cli.option.config")),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help=text("cli.option.set")),
]


_running: ContextVar[tuple[str, tuple[str, ...]]] = ContextVar("running", default=("modgate serve", ()))
"""The words of the command that runs, and its flags: what a slip is compared with."""


def run_app(app: typer.Typer, name: str, args: Sequence[str]) -> int:
    """Run a command of typer's and return its exit status; ModgateError passes through."""
    command = typer.main.get_command(app)
    words = f"modgate {name}"
    asked: Any = command
    if hasattr(command, "commands"):
        args = _group_language_aside(args)
        inner = next((word for word in args if not word.startswith("-")), "")
        if inner in command.commands:
            asked, words = command.commands[inner], f"{words} {inner}"
    _running.set((words, tuple(option for each in asked.params for option in each.opts if option[:1] == "-")))
    if catalogue().language is Language.CHINESE:
        from modgate.cli.wide import speak_chinese  # noqa: PLC0415  for help in Chinese alone

        speak_chinese(command)
    try:
        command.main(list(args), prog_name=f"modgate {name}", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    return 0


def _group_language_aside(args: Sequence[str]) -> list[str]:
    """The arguments of a group without a `--lang` before its command, which is not the group's own option.

    What it asks for goes into MODGATE_LANG, where the group's help and its commands find it.
    """
    for index, word in enumerate(args):
        option, equals, value = word.partition("=")
        if option == "--lang":
            after = index + 1 if equals else index + 2
            os.environ["MODGATE_LANG"] = value or "".join(args[index + 1 : after])
            return [*args[:index], *args[after:]]
        if not word.startswith("-") or word == "--":
            break
    return list(args)


def config_loader(
    flags: Mapping[str, object],
    *,
    settings: Sequence[str],
    config_file: str | None,
    extra: Sequence[str],
) -> Callable[[], Loaded]:
    """What reads the configuration under these flags (flag -> value; None where it was not given), each time
    it is called. It raises ConfigInvalid with every problem.

    `extra` are the arguments that the parser did not know.
    """
    from modgate.wiring.quick import importing  # noqa: PLC0415  likewise

    with importing():
        from modgate.config import FLAGS, load  # noqa: PLC0415  pydantic stays off --help

    given: dict[str, tuple[object, str]] = {}
    problems = _unknown_arguments(extra)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if equals:
            given[key.strip()] = (value, "--set")
        else:
            problems.append(f"--set {setting}: write KEY=VALUE")
    given |= {FLAGS[flag]: (value, flag) for flag, value in flags.items() if value is not None}
    return lambda: load(given, config_file=Path(config_file) if config_file else None, problems=problems)


def load_config(
    flags: Mapping[str, object],
    *,
    settings: Sequence[str],
    config_file: str | None,
    extra: Sequence[str],
) -> Loaded:
    """The configuration, as `config_loader` reads it. Exits with status 2 after telling every problem."""
    return first_load(config_loader(flags, settings=settings, config_file=config_file, extra=extra))


def first_load(loader: Callable[[], Loaded]) -> Loaded:
    """What it reads. Exits with status 2 after telling every problem."""
    from modgate.config import ConfigInvalid  # noqa: PLC0415  pydantic stays off --help

    try:
        return loader()
    except ConfigInvalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None


def tell(error: ModgateError) -> None:
    """Each line of the error on standard error, with the program's name in front."""
    for line in error.lines():
        print(f"modgate: {line}", file=sys.stderr)


def _unknown_arguments(extra: Sequence[str]) -> list[str]:
    from modgate.config import unknown  # noqa: PLC0415  pydantic stays off --help

    command, flags = _running.get()
    problems = []
    after_flag = False
    for argument in extra:
        if argument.startswith("-") and argument != "-":
            flag, equals, _ = argument.partition("=")
            hint = unknown(flag.lstrip("-"), shown="flag", flags=flags, command=command)
            problems.append(f"{flag}: no such flag; {hint}")
            after_flag = not equals
        else:
            if not after_flag:
                problems.append(f"{argument}: this command takes no arguments")
            after_flag = False
    return problems
