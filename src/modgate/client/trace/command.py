"""Which flag and which variables make a go command tell what it downloads.

`-x` goes right behind the subcommand (behind `-C dir`, which go wants first) where the subcommand knows it.
Where it does not (`go mod vendor`, `go work sync`), and for a program that only calls go (make), it is handed
over in GOFLAGS, which each go command reads and from which it ignores what it does not know. Checked with go
1.26: `go help build`, `go help mod download`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Command", "prepared"]

_KNOW_X = frozenset(
    {"build", "clean", "fix", "generate", "get", "install", "list", "run", "test", "vet"}
    | {"mod download", "mod graph", "mod tidy"}
)
_NO_X_AT_ALL = frozenset({"mod vendor", "mod why", "mod verify", "work sync", "work vendor", "tool"})
"""They download, and no flag makes them say so: only a tap sees their requests."""
_GROUPS = frozenset({"mod", "work"})
_RUN_OTHERS = frozenset({"generate", "run", "test", "tool"})
_GO = re.compile(r"go(?:\d+(?:\.\d+)*(?:rc\d+|beta\d+)?)?(?:\.exe)?")


@dataclass(frozen=True, slots=True)
class Command:
    """A command ready to be run.

    Attributes:
        argv: With `-x` where it belongs.
        environ: With GOFLAGS and GODEBUG extended.
        subcommand: `mod download`, `build`; empty where the program is not go.
        ours: Whether `-x` was added here, so that what it prints may be taken away again.
        blind: Whether go will not tell its requests, so that a tap is needed.
        alone: Whether nothing but go itself writes to the terminal.
    """

    argv: tuple[str, ...]
    environ: dict[str, str]
    subcommand: str
    ours: bool
    blind: bool
    alone: bool


def prepared(argv: Sequence[str], environ: Mapping[str, str], *, http2: bool = False) -> Command:
    """The command with everything that makes go talk; `argv` must not be empty."""
    made = dict(environ)
    if not _GO.fullmatch(PurePath(argv[0]).name):
        ours = _add_to_flags(made)
        _debug(made, http2=http2, dns=False)
        return Command(tuple(argv), made, "", ours=ours, blind=False, alone=False)
    subcommand, place = _subcommand(argv)
    rest = list(argv)
    ours = False
    if subcommand in _KNOW_X:
        if not _has_x(argv[place:]):
            rest.insert(_behind_chdir(argv, place), "-x")
            ours = True
    else:
        ours = _add_to_flags(made)
    _debug(made, http2=http2, dns=subcommand not in _RUN_OTHERS)
    return Command(
        tuple(rest),
        made,
        subcommand,
        ours=ours,
        blind=subcommand in _NO_X_AT_ALL,
        alone=subcommand not in _RUN_OTHERS,
    )


def _subcommand(argv: Sequence[str]) -> tuple[str, int]:
    """(the subcommand, the index behind its last word)."""
    place = _behind_chdir(argv, 1)
    word = argv[place] if place < len(argv) else ""
    if word in _GROUPS and place + 1 < len(argv):
        return f"{word} {argv[place + 1]}", place + 2
    return word, min(place + 1, len(argv))


def _behind_chdir(argv: Sequence[str], place: int) -> int:
    if place < len(argv):
        if argv[place] in {"-C", "--C"}:
            return min(place + 2, len(argv))
        if argv[place].startswith(("-C=", "--C=")):
            return place + 1
    return place


def _has_x(arguments: Sequence[str]) -> bool:
    for argument in arguments:
        if argument in {"-x", "--x", "-x=true", "--x=true"}:
            return True
        if argument in {"-args", "--args", "--"}:
            break
    return False


def _add_to_flags(environ: dict[str, str]) -> bool:
    flags = environ.get("GOFLAGS", "")
    if "-x" in flags.split():
        return False
    environ["GOFLAGS"] = f"{flags} -x".strip()
    return True


def _debug(environ: dict[str, str], *, http2: bool, dns: bool) -> None:
    """netdns=2 says which resolver was used and chooses none; programs that go runs would print it too."""
    given = environ.get("GODEBUG", "")
    wanted = [*(["netdns=2"] if dns and "netdns=" not in given else []), *(["http2debug=1"] if http2 else [])]
    if wanted:
        environ["GODEBUG"] = ",".join(filter(None, [given, *wanted]))
