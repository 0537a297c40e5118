"""Assignments in a shell's file, read without running anything.

A file of a shell is a program and cannot be understood without running it; what is read here are the lines
that people copy from articles: assignments, exports, includes. What stands in a block, behind `&&` or in a
function is marked as conditional and not judged. A test that only asks whether a file exists, or whether this
is bash or interactive, is taken as passed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.shell_files import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Export", "Include", "Line", "Set", "Stop", "Unset", "parse_file"]


@dataclass(frozen=True, slots=True)
class Set:
    """`name=value`. `value` is None where only the shell could tell it; `own` where it refers to itself."""

    name: str
    value: str | None
    exported: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """A variable is exported (or taken back where `exported` is false) without a value."""

    name: str
    exported: bool = True


@dataclass(frozen=True, slots=True)
class Unset:
    """A variable is taken away."""

    name: str


@dataclass(frozen=True, slots=True)
class Include:
    """Another file is read here."""

    path: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A shell that is not interactive reads no further."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a line does."""

    number: int
    does: Does
    conditional: bool = False


Does = Set | Export | Unset | Include | Stop
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_OPENS = re.compile(
    r"(?:if|case|for|while|until|select|switch|begin|function)\b|.*\)\s*\{\s*$|(?:.*(?:&&|\|\|)\s*)?[{(]\s*$"
)
_CLOSES = re.compile(r"(?:fi|esac|done|end)\b|[})]")
_ONE_LINE = re.compile(r"\b(?:fi|done|esac|end)\b\s*(?:[<>|].*)?;?$|;\s*\}$")
_BENIGN = re.compile(
    r"\s*(?:if\s+)?(?:\[\[?|test)\s+(?:!\s+)?(?:-[fresdn]|-z)\s+[\"']?[$~/\w{}.:-]+[\"']?\s*\]?\]?\s*;?\s*(?:then)?\s*$"
)
_INTERACTIVE = re.compile(r"\$-|PS1|status (?:--?)?is-interactive")
_RETURN = re.compile(r"(?:&&|\|\||\)|;|then)\s*(?:return|exit)\b")
_REFERENCE = re.compile(rf"\\([\"\\$`])|\$(?:\{{({_NAME})\}}|({_NAME}))")
_FUNCTION = re.compile(r"(?:function\s+)?[\w-]+\s*\(\)\s*\{\s*|function\s+[\w-]+\s*\{\s*")
_ARM = re.compile(r"\A\(?[^\s()'\"=]+\)\s+")
_JOINT = re.compile(r";;?|&&|\|\||&(?=\s|\Z)")
_DOLLAR_QUOTE = re.compile(r"\A\$['\"]|=\$['\"]")
_TILDE = re.compile(r"(?<=:)~(?=[/:])")
_LONGEST_VALUE = 50
_FISH_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_CODED = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")
_HERE = re.compile(r"(?<!<)<<-?\s*[\"']?(\w+)[\"']?(?!<)")
_WORD = re.compile(r"""(?:[^\s'"\\;&|]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""")


def parse_file(text: str, shell: Shell, variables: dict[str, str]) -> Iterator[Line]:
    """What the file does, line by line, as it is asked for.

    `variables` are those known so far; they expand `$NAME`. What the file sets is added, and what the caller
    adds between two lines (from an include) counts for the next.
    """
    return _Parser(shell, variables).parse(text)


class _Parser:
    def __init__(self, shell: Shell, variables: dict[str, str]) -> None:
        self._shell = shell
        self._known = variables
        self._lines: list[Line] = []
        self._blocks: list[bool] = []
        self._all_exported = False
        self._in_guard = False

    def parse(self, text: str) -> Iterator[Line]:
        number, pending, first, here, waits_until = 0, "", 0, "", 0
        lines = text.replace("\r\n", "\n").split("\n")
        for raw in lines:
            number += 1
            if here:
                here = "" if raw.strip() == here else here
                continue
            if not pending:
                first = number
                waits_until = min(number + _LONGEST_VALUE, len(lines))
            if raw.endswith("\\") and not raw.endswith("\\\\"):
                pending += raw[:-1]
                continue
            joined = pending + raw
            if number < waits_until and _open_quote(joined, self._shell):
                pending = joined + "\n"
                continue
            if self._shell is Shell.FISH:
                joined = _FISH_QUOTED.sub(_as_posix, joined)
            line = _without_comment(joined) if "\n" not in joined else joined.strip()
            pending = ""
            document = _HERE.search(line) if self._shell is not Shell.POWERSHELL else None
            here = document[1] if document else ""
            if line:
                for _ in self._line(first, line):
                    yield from self._lines
                    self._lines.clear()

    def _line(self, number: int, line: str) -> Iterator[None]:
        """Stops after each command, so that an include is read before the next one."""
        guard = bool(_INTERACTIVE.search(line)) or self._in_guard
        if guard and (_RETURN.search(line) or re.match(r"(?:\*\)\s*)?return\b", line)):
            self._add(number, Stop(), conditional=False)
            yield
        if re.match(r"case\s+\$-", line):
            self._in_guard = True
        if line.startswith("esac"):
            self._in_guard = False
        # fish's `case` is a part of `switch` and has no end of its own.
        opens = _OPENS.match(line) and not (self._shell is Shell.FISH and re.match(r"case\b", line))
        one_line = opens and _ONE_LINE.search(line)
        if _CLOSES.match(line) and self._blocks:
            self._blocks.pop()
        elif re.match(r"(?:else|elif)\b", line) and self._blocks:
            self._blocks[-1] = True
        elif opens and not one_line:
            self._blocks.append(not (_BENIGN.match(line) or _INTERACTIVE.search(line)))
            return
        for command, judged in _commands(line, in_line_block=bool(one_line)):
            self._command(number, command, conditional=any(self._blocks) or not judged)
            yield

    def _add(self, number: int, does: Does, *, conditional: bool) -> None:
        self._lines.append(Line(number, does, conditional))
        if isinstance(does, Set) and does.value is not None and not conditional:
            self._known[does.name] = does.value

    def _command(self, number: int, command: str, *, conditional: bool) -> None:
        words = _WORD.findall(command)
        if self._shell is Shell.FISH and words and words[0] in {"and", "or", "not"}:
            words, conditional = words[1:], True
        if not words:
            return
        match self._shell:
            case Shell.FISH:
                found = self._fish(words)
            case Shell.POWERSHELL:
                found = self._powershell(command)
            case _:
                found = self._posix(words)
        for does in found:
            self._add(number, does, conditional=conditional)

    def _posix(self, words: list[str]) -> list[Does]:
        if words[0] in {".", "source"} and len(words) > 1:
            path = self._expanded(words[1])
            return [Include(path)] if path else []
        if words[:2] in (["set", "-a"], ["set", "-o"]) and words[-1] in {"-a", "allexport"}:
            self._all_exported = True
            return []
        if words[0] == "setenv" and len(words) > 2:
            return [self._set(words[1], words[2], exported=True)]
        if words[0] == "unset":
            return [Unset(word) for word in words[1:] if re.fullmatch(_NAME, word)]
        exported = self._all_exported
        names = words
        if words[0] in {"export", "declare", "typeset", "readonly", "local"}:
            flags = "".join(word for word in words[1:] if word.startswith("-"))
            exported = exported or words[0] == "export" or "x" in flags
            names = [word for word in words[1:] if not word.startswith("-")]
            if words[0] == "export" and "n" in flags:
                return [Export(name, exported=False) for name in names]
        elif not all(re.match(rf"{_NAME}\+?=", word) for word in words):
            # `NAME=value program` sets it for that program alone.
            return []
        found: list[Does] = []
        for word in names:
            match = re.match(rf"({_NAME})(\+?)=(.*)\Z", word, re.DOTALL)
            if match:
                text = f"${match[1]}{match[3]}" if match[2] else match[3]
                found.append(self._set(match[1], text, exported=exported))
            elif exported and re.fullmatch(_NAME, word):
                found.append(Export(word))
        return found

    def _fish(self, words: list[str]) -> list[Does]:
        if words[0] in {"source", "."} and len(words) > 1:
            path = self._expanded(words[1])
            return [Include(path)] if path else []
        if words[0] == "setenv" and len(words) > 2:
            return [self._set(words[1], words[2], exported=True)]
        if words[0] == "export":
            return self._posix(words)
        if words[0] == "SETUVAR":
            return _universal(words)
        if words[0] != "set":
            return []
        flags = [word for word in words[1:] if word.startswith("-")]
        rest = [word for word in words[1:] if not word.startswith("-")]
        short = "".join(flag for flag in flags if not flag.startswith("--"))
        if "e" in short or "--erase" in flags:
            return [Unset(name) for name in rest]
        if "q" in short or "--query" in flags or len(rest) < 2:
            return []
        exported = "x" in short or "--export" in flags
        # A list leaves fish with colons where its name says that it is a path, else with spaces.
        words = [re.sub(r"\A~(?=/|\Z)", "$HOME", word) for word in rest[1:]]
        text = (":" if rest[0].endswith("PATH") else " ").join(words)
        if set(short) & {"a", "p"} or set(flags) & {"--append", "--prepend"}:
            return [Set(rest[0], None, exported, own=True)]
        return [self._set(rest[0], text, exported=exported)]

    def _powershell(self, command: str) -> list[Does]:
        match = re.match(rf"\$env:({_NAME})\s*\+?=\s*(.*?)\s*\Z", command, re.IGNORECASE)
        if match is None:
            match = re.match(
                rf"\[(?:System\.)?Environment\]::SetEnvironmentVariable\(\s*['\"]({_NAME})['\"]\s*,\s*([^,)]*)",
                command,
                re.IGNORECASE,
            )
        if match:
            value = match[2].strip()
            plain = re.fullmatch(r"'((?:[^']|'')*)'|\"([^\"$`]*)\"", value)
            text = ((plain[1] or "").replace("''", "'") or plain[2] or "") if plain else None
            own = re.search(rf"\$env:{match[1]}\b", value, re.IGNORECASE) is not None
            return [Set(match[1], text, exported=True, own=own)]
        dotted = re.match(r"\.\s+['\"]?([^'\"$]+)['\"]?\s*\Z", command)
        return [Include(dotted[1])] if dotted else []

    def _set(self, name: str, text: str, *, exported: bool) -> Set:
        own = re.search(rf"\$\{{?{name}\b", text) is not None
        return Set(name, self._expanded(text), exported, own)

    def _expanded(self, text: str) -> str | None:
        """The value with quotes removed and known variables filled in; None where the shell is needed."""
        out: list[str] = []
        if _DOLLAR_QUOTE.search(text):
            return None
        for piece in re.findall(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^'"\\]+""", text, re.DOTALL):
            if piece.startswith("'"):
                out.append(piece[1:-1])
                continue
            if piece.startswith("\\"):
                out.append(piece[1:])
                continue
            body = piece[1:-1] if piece.startswith('"') else piece
            if not piece.startswith('"') and not out and re.match(r"~(?:/|\Z)", body):
                body = "$HOME" + body[1:]
            if not piece.startswith('"') and self._shell is not Shell.FISH:
                body = _TILDE.sub("$HOME", body)
            if re.search(r"(?<!\\)(?:`|\$\(|\$\{[^}]*[^A-Za-z0-9_}])", body) or (
                self._shell is Shell.FISH and not piece.startswith('"') and "(" in body
            ):
                return None
            named = [one or other for _, one, other in _REFERENCE.findall(body) if one or other]
            if {name for name in named if name not in self._known} - {"PATH"}:
                return None
            out.append(_REFERENCE.sub(self._value, body))
        return "".join(out)

    def _value(self, match: re.Match[str]) -> str:
        name = match[2] or match[3]
        return self._known.get(name, f"${name}") if name else match[1]


def _as_posix(match: re.Match[str]) -> str:
    """Fish's single quotes, in which a backslash shields a quote, as sh would have them."""
    text = match[0]
    if text.startswith('"') or "\\" not in text:
        return text
    body = re.sub(r"\\(['\\])", r"\1", text[1:-1])
    return "'" + body.replace("'", "'\\''") + "'"


def _universal(words: list[str]) -> list[Does]:
    """A line of fish_variables, in which `set -U` is kept, with everything but plain letters coded."""
    name, colon, coded = words[-1].partition(":")
    if not colon:
        return []
    text = _CODED.sub(lambda match: chr(int(match[1] or match[2], 16)), coded)
    joint = ":" if name.endswith("PATH") else " "
    return [Set(name, text.replace("\x1d", "").replace("\x1e", joint), exported="--export" in words)]


def _open_quote(text: str, shell: Shell) -> bool:
    """Whether a quote is still open at the end; an apostrophe in a comment opens none."""
    quote, index = "", 0
    while index < len(text):
        char = text[index]
        if char == "\\" and shell is not Shell.POWERSHELL and (quote != "'" or shell is Shell.FISH):
            index += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#" and (index == 0 or text[index - 1] in " \t;\n"):
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
            continue
        index += 1
    return bool(quote)


def _without_comment(line: str) -> str:
    """The line without its comment and the spaces around it; a `#` within a word or quotes is none."""
    quote = ""
    for index, char in enumerate(line):
        if quote:
            if char == quote and (quote == "'" or line[index - 1] != "\\"):
                quote = ""
        elif char in "\"'" and (index == 0 or line[index - 1] != "\\"):
            quote = char
        elif char == "#" and (index == 0 or line[index - 1] in " \t;"):
            return line[:index].strip()
    return line.strip()


def _commands(line: str, *, in_line_block: bool) -> list[tuple[str, bool]]:
    """The commands of a line, each with whether it is certain to run."""
    parts = _split(line)
    found: list[tuple[str, bool]] = []
    function = _FUNCTION.match(line)
    certain = function is None
    if function:
        parts[0] = parts[0][function.end() :]
    for index in range(0, len(parts), 2):
        command = _ARM.sub("", re.sub(r"\A(?:then|do|else)\s+", "", parts[index].strip()), count=1)
        joint = parts[index - 1] if index else ""
        if joint == "&&":
            certain = certain and bool(_BENIGN.match(parts[index - 2].strip()))
        elif joint == "||":
            certain = False
        elif joint.startswith(";") and not in_line_block:
            certain = True
        elif joint.startswith(";") and index >= 2:
            certain = certain and bool(_BENIGN.match(parts[0].strip()))
        if command:
            found.append((command, certain))
    return found


def _split(line: str) -> list[str]:
    """Commands and what joins them, in turn; what stands in quotes joins nothing."""
    parts, start, index, quote = [], 0, 0, ""
    while index < len(line):
        char = line[index]
        if char == "\\" and quote != "'":
            index += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif joint := _JOINT.match(line, index):
            parts += [line[start:index], joint[0]]
            start = index = joint.end()
            continue
        index += 1
    return [*parts, line[start:]]
