"""modgate's marked block in a file that a shell reads: bytes in, bytes out, and nothing else touched.

    # >>> modgate >>>
    export GOPROXY='https://goproxy.cn,direct'
    # <<< modgate <<<

One line a variable, sorted. The block keeps its place; where a line behind it would override it, it moves to
the end. A file of bytes that are no UTF-8 keeps them; one with CRLF line ends gets CRLF.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.machine.shell_files import Shell, assignment_line, with_block
from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BEGIN", "END", "block_values", "shell_of", "with_values"]

BEGIN = "# >>> modgate >>>"
END = "# <<< modgate <<<"

_POSIX = re.compile(r"export (?P<name>\w+)='(?P<value>(?:[^']|'\\'')*)'\Z")
_FISH = re.compile(r'set -gx (?P<name>\w+) "(?P<value>(?:[^"\\]|\\.)*)"\Z')
_POWERSHELL = re.compile(r"\$env:(?P<name>\w+) = '(?P<value>(?:[^']|'')*)'\Z")


def shell_of(path: str, shell: Shell) -> Shell:
    """The shell whose language a profile is written in; `shell` is the person's."""
    if path.endswith(".fish"):
        return Shell.FISH
    if path.endswith(".ps1"):
        return Shell.POWERSHELL
    return Shell.SH if shell in {Shell.FISH, Shell.POWERSHELL} else shell


def block_values(data: bytes, shell: Shell) -> dict[str, str]:
    """What modgate's block sets; lines in it that are not modgate's count for nothing.

    Raises Invalid for a block that has lost one of its marks.
    """
    found: dict[str, str] = {}
    for line in _inside(data.decode("utf-8", "surrogateescape")):
        if shell is Shell.FISH:
            match, unquote = _FISH.match(line), _unfish
        elif shell is Shell.POWERSHELL:
            match, unquote = _POWERSHELL.match(line), _unpower
        else:
            match, unquote = _POSIX.match(line), _unposix
        if match:
            found[match["name"]] = unquote(match["value"])
    return found


def with_values(data: bytes, shell: Shell, values: Mapping[str, str], *, at_end: bool = False) -> bytes:
    """The file with a block of these values, or without one where there are none.

    Raises Invalid for a block that has lost one of its marks: what stands behind it is not modgate's.
    """
    text = data.decode("utf-8", "surrogateescape")
    _inside(text)
    end = "\r\n" if _is_crlf(text) else "\n"
    if text and not text.endswith("\n") and (values or text.endswith(END)):
        # What is behind the last line would become a part of it.
        text += end
    mark = end[:-1]
    begin, close = BEGIN + mark, END + mark
    lines = tuple(assignment_line(shell, name, values[name]) + mark for name in sorted(values))
    if at_end:
        text = with_block(text, (), begin=begin, end=close)
    return with_block(text, lines, begin=begin, end=close).encode("utf-8", "surrogateescape")


def _inside(text: str) -> list[str]:
    """The lines of the block, none where there is none."""
    found: list[str] = []
    opened = closed = 0
    for line in text.splitlines():
        if line == BEGIN:
            opened += 1
        elif line == END:
            closed += 1
        elif opened > closed:
            found.append(line)
        if closed > opened or opened > closed + 1:
            break
    if opened != closed or opened > 1:
        raise Invalid(
            "modgate's block has lost one of its two marks",
            next_step=f"Put `{BEGIN}` before it and `{END}` behind it, or take it out by hand.",
        )
    return found


def _is_crlf(text: str) -> bool:
    """As the block's own lines end, else as the file's first one does."""
    begin = text.find(f"{BEGIN}\r\n")
    if begin >= 0 or f"{BEGIN}\n" in text:
        return begin >= 0
    return text.partition("\n")[0].endswith("\r")


def _unposix(text: str) -> str:
    return text.replace("'\\''", "'")


def _unfish(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _unpower(text: str) -> str:
    return re.sub(r"(['‘’‚‛])\1", r"\1", text)
