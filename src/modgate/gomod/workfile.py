"""go.work files: which modules are worked on together, and what is replaced for all of them.

The lines `go`, `toolchain`, `godebug` and `replace` are those of a go.mod; `use` names a folder that holds a
main module. Anything else is an error. Source: golang.org/x/mod/modfile/work.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modgate.errors import Invalid
from modgate.gomod import modfile
from modgate.gomod.modfile_lex import unquote
from modgate.gomod.modfile_syntax import Block, parse_syntax
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from modgate.gomod.modfile import Replace
    from modgate.gomod.modfile_syntax import Line

__all__ = ["Use", "WorkFile", "parse_work"]

_BLOCKS: Final = frozenset(["godebug", "use", "replace"])
_LINES: Final = _BLOCKS | {"go", "toolchain"}


@dataclass(frozen=True, slots=True)
class Use:
    """A folder, as the file names it."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class WorkFile:
    """A go.work, in the order of the file; `go` and `toolchain` are empty where it has none."""

    go: str = ""
    toolchain: str = ""
    use: tuple[Use, ...] = ()
    replace: tuple[Replace, ...] = ()


def parse_work(data: bytes, *, name: str = "go.work") -> WorkFile:
    """Read a go.work. Raises Invalid for the first error, which says `name:line`."""
    text = data.decode("utf-8", "replace")
    lines = text.split("\n")
    uses: list[Use] = []
    for statement in parse_syntax(text, name):
        where = f"{name}:{statement.number}"
        verb = statement.words[0]
        if isinstance(statement, Block):
            if len(statement.words) != 1 or verb not in _BLOCKS:
                raise Invalid(f"unknown block type: {shown(' '.join(statement.words))}", where=where)
        elif verb not in _LINES:
            raise Invalid(f"unknown directive: {shown(verb)}", where=where)
        if verb != "use":
            continue
        if isinstance(statement, Block):
            uses += [_use(each.words, each, name) for each in statement.lines]
            _blank(lines, statement)
        else:
            uses.append(_use(statement.words[1:], statement, name))
            lines[statement.number - 1] = ""
    # What is left has the form of a go.mod.
    rest = modfile.parse("\n".join(lines).encode(), name=name)
    return WorkFile(rest.go, rest.toolchain, tuple(uses), rest.replace)


def _use(words: list[str], line: Line, name: str) -> Use:
    if len(words) != 1:
        raise Invalid("usage: use local/dir", where=f"{name}:{line.number}")
    path = words[0]
    if path[:1] in {'"', "`"}:
        path = unquote(path)
    return Use(path, line.number)


def _blank(lines: list[str], block: Block) -> None:
    """Take a block away; the numbers of the other lines stay as they are."""
    last = block.lines[-1].number if block.lines else block.number
    while last <= len(lines) and not lines[last - 1].lstrip(" \t\r").startswith(")"):
        if last == block.number and not block.lines and ")" in lines[last - 1].partition("//")[0]:
            break
        last += 1
    lines[block.number - 1 : last] = [""] * (last - block.number + 1)
