"""What a command line of `modgate use` asks for, and what is wrong with it.

Read here for the ordinary line, because the parser of options takes longer than the change; what this reading
does not understand, it leaves to that parser, which says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.configure.places import CHOICES, Scope
from modgate.client.machine.shell_files import Shell
from modgate.client.machine.showing import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue

__all__ = ["Wish", "misused", "read_wish"]

_ONE = {"--scope": "scope", "--shell": "shell", "--lang": "lang"}
_MANY = {"--set": "settings", "--unset": "unset", "--editor": "editors"}
_FLAGS = {
    "--reset": ("reset", True),
    "--list": ("listing", True),
    "--dry-run": ("dry_run", True),
    "--yes": ("yes", True),
    "-y": ("yes", True),
    "--force": ("force", True),
    "--check": ("check", True),
    "--no-check": ("check", False),
    "--json": ("as_json", True),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """The command line, by the names of `cli/use_command.py`."""

    chain: str | None = None
    scope: str | None = None
    settings: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    reset: bool = False
    listing: bool = False
    dry_run: bool = False
    yes: bool = False
    force: bool = False
    check: bool = True
    shell: str | None = None
    editors: tuple[str, ...] = ()
    as_json: bool = False
    lang: str | None = None


def read_wish(args: Sequence[str]) -> Wish | None:
    """The wish of an ordinary command line, None for one that the option parser has to look at."""
    given: dict[str, object] = {}
    many: dict[str, list[str]] = {name: [] for name in _MANY.values()}
    words = iter(args)
    for word in words:
        option, equals, value = word.partition("=")
        if word in _FLAGS:
            name, flag = _FLAGS[word]
            given[name] = flag
        elif option in _ONE or option in _MANY:
            text = value if equals else next(words, None)
            if text is None or text.startswith("-"):
                return None
            if option in _MANY:
                many[_MANY[option]].append(text)
            else:
                given[_ONE[option]] = text
        elif word.startswith("-") or "chain" in given:
            return None
        else:
            given["chain"] = word
    lists = {name: tuple(texts) for name, texts in many.items()}
    return Wish(**given, **lists)  # type: ignore[arg-type]


def misused(wish: Wish, say: Catalogue) -> str:
    """What is wrong with the command line, empty for nothing."""
    if wish.scope is not None and wish.scope not in CHOICES:
        return say("use.usage.scope", scope=safe(wish.scope), scopes=", ".join(CHOICES))
    if wish.shell is not None and wish.shell not in set(Shell):
        return say("use.usage.shell", shell=safe(wish.shell), shells=", ".join(Shell))
    changes = wish.chain is not None or bool(wish.settings)
    if wish.listing and (changes or wish.unset or wish.reset):
        return say("use.usage.list")
    if wish.reset and changes:
        return say("use.usage.reset")
    if wish.reset and wish.scope == Scope.SESSION:
        return say("use.usage.reset-session")
    if wish.editors and not (wish.scope or "").startswith("vscode"):
        return say("use.usage.editor")
    named = ["GOPROXY"] if wish.chain is not None else []
    for word in wish.settings:
        name, equals, _ = word.partition("=")
        if not equals or not name:
            return say("use.usage.set", word=safe(word))
        named.append(name)
    named += wish.unset
    twice = next((name for name in named if named.count(name) > 1), "")
    return say("use.usage.twice", name=safe(twice)) if twice else ""
