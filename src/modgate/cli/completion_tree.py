"""What can be typed: commands, their options and what these take, read from the commands themselves.

All commands are imported for it, once, when the script is made: pressing TAB then starts no program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Choice", "Place", "places"]

_WORDS = re.compile(r"[a-z0-9][a-z0-9.-]*(?:\|[a-z0-9][a-z0-9.-]*)+")
_FOLDERS = ("FOLDER", "DIR")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """An option.

    Attributes:
        names: How it is written: `--verbose`, `-v`.
        told: What it does, in a few words.
        value: What follows it: `""` (nothing), `file`, `folder`, `words`, or `text`.
        words: The values of `words`.
    """

    names: tuple[str, ...]
    told: str
    value: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What may follow `modgate NAME`; `name` has two words for a command of a group, none for modgate itself.

    `next` maps the words that may come next to what they do; `files` says whether an argument may be a file.
    """

    name: str
    next: Mapping[str, str]
    options: tuple[Choice, ...]
    files: bool


def places(commands: Mapping[str, tuple[str, str]], told: Mapping[str, str]) -> list[Place]:
    """Every place; `told` are the commands' lines in the language of this run."""
    head = (
        Choice(("--lang",), told["--lang"], "words", ("en", "zh")),
        Choice(("--version",), told["--version"], ""),
        Choice(("--help",), told["--help"], ""),
    )
    found = [Place("", {name: told[name] for name in commands}, head, files=False)]
    for name, (module, _) in commands.items():
        found += _below(name, typer.main.get_command(_app(module)))
    return found


def _app(module: str) -> Any:
    """The command's own; where it often does without the option parser, that lies beside it."""
    app = getattr(import_module(module), "app", None)
    return import_module(f"{module}_command").app if app is None else app


def _below(name: str, command: Any) -> Iterator[Place]:
    inner = {each: one for each, one in getattr(command, "commands", {}).items() if not one.hidden}
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    files = any(
        "FILE" in str(each.metavar or "") or "FOLDER" in str(each.metavar or "") for each in arguments
    )
    files = files or any(each.nargs == -1 for each in arguments)
    following = {each: short(one.get_short_help_str(200)) for each, one in inner.items()}
    for each in arguments:
        if _WORDS.fullmatch(str(each.metavar or "")):
            following |= dict.fromkeys(str(each.metavar).split("|"), "")
    yield Place(
        name,
        following,
        tuple(_options(command)),
        files=files,
    )
    for each, one in inner.items():
        yield from _below(f"{name} {each}", one)


def _options(command: Any) -> Iterator[Choice]:
    for each in command.params:
        if each.param_type_name != "option" or each.hidden:
            continue
        value, words = ("", ()) if each.is_flag else _value(each)
        yield Choice((*each.opts, *each.secondary_opts), short(each.help or ""), value, words)
    yield Choice(("--help",), "", "")


def _value(option: Any) -> tuple[str, tuple[str, ...]]:
    metavar = str(option.metavar or "")
    choices = getattr(getattr(option, "type", None), "choices", None)
    if choices:
        return "words", tuple(map(str, choices))
    if _WORDS.fullmatch(metavar):
        return "words", tuple(metavar.split("|"))
    if metavar.startswith("["):
        # What may be left out is not waited for.
        return "", ()
    if any(word in metavar for word in _FOLDERS):
        return "folder", ()
    return ("file" if "FILE" in metavar else "text"), ()


def short(text: str) -> str:
    """The first sentence, or so much of it as fits beside a word."""
    flat = " ".join(text.split())
    first = re.split(r"(?<=\.)\s|(?<=。)|:\s|：", flat, maxsplit=1)[0].rstrip(".。:：")
    return first if len(first) <= _LONGEST else first[: _LONGEST - 1].rstrip() + "…"
