"""Variables that Linux gives to a session before any shell runs: environment.d and /etc/environment.

environment.d: files `*.conf` of several folders in the order of their names, one that stands in a stronger
folder in place of its namesake; later lines win, `$NAME`, `${NAME}`, `${NAME:-text}` and `${NAME:+text}` are
expanded. /etc/environment belongs to PAM: no expansion, an `export` in front is allowed. Sources:
environment.d(5), pam_env(8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath

    from modgate.client.machine.host import Host

__all__ = [
    "SetLine",
    "parse_environment_d",
    "parse_etc_environment",
    "parse_show_environment",
    "read_environment_d",
]

_FOLDERS = (
    "/etc/environment.d",
    "/run/environment.d",
    "/usr/local/lib/environment.d",
    "/usr/lib/environment.d",
)
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_REFERENCE = re.compile(r"\\(.)|\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))")
_ANSI = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|(.))")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}


@dataclass(frozen=True, slots=True)
class SetLine:
    """An assignment and where it stands; `line` counts from 1."""

    name: str
    text: str
    file: str
    line: int


def read_environment_d(host: Host) -> tuple[SetLine, ...]:
    """Every assignment in the order of being read: /etc/environment first, then environment.d."""
    found: list[SetLine] = []
    etc = host.path("/etc/environment")
    found.extend(parse_etc_environment(_text(host, etc), str(etc)))
    known = {"HOME": str(host.home), **{line.name: line.text for line in found}}
    for path in _files(host):
        for line in parse_environment_d(_text(host, path), str(path), known):
            known[line.name] = line.text
            found.append(line)
    return tuple(found)


def parse_environment_d(text: str, file: str, known: Mapping[str, str]) -> Iterator[SetLine]:
    """The assignments of one file; `known` are the variables so far."""
    values = dict(known)
    for number, line in _joined(text):
        match = _ASSIGNMENT.fullmatch(line.strip())
        if match is None:
            continue
        values[match[1]] = _expanded(_unquoted(match[2]), values)
        yield SetLine(match[1], values[match[1]], file, number)


def parse_etc_environment(text: str, file: str) -> Iterator[SetLine]:
    """The assignments of /etc/environment."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _ASSIGNMENT.fullmatch(line.strip())
        if match is not None:
            yield SetLine(match[1], _unquoted(match[2].partition(" #")[0].strip()), file, number)


def parse_show_environment(text: str) -> dict[str, str]:
    """What `systemctl --user show-environment` prints; values with special characters stand in `$'…'`."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            quoted = len(value) > 2 and value.startswith("$'") and value.endswith("'")
            found[name] = _ANSI.sub(_character, value[2:-1]) if quoted else value
    return found


def _files(host: Host) -> list[PurePath]:
    config = host.environ.get("XDG_CONFIG_HOME")
    own = (host.path(config) if config else host.home / ".config") / "environment.d"
    by_name: dict[str, PurePath] = {}
    for folder in (own, *map(host.path, _FOLDERS)):
        try:
            names = host.listdir(folder)
        except Unavailable:
            continue
        for name in names:
            if name.endswith(".conf"):
                by_name.setdefault(name, folder / name)
    return [by_name[name] for name in sorted(by_name)]


def _text(host: Host, path: PurePath) -> str:
    try:
        return (host.read(path) or b"").decode(errors="replace")
    except Unavailable:
        return ""


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, a backslash at the end joins; comments left out."""
    waiting, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not waiting and line.lstrip()[:1] in {"#", ";"}:
            continue
        start = start or number
        if line.endswith("\\") and not line.endswith("\\\\"):
            waiting += line[:-1]
            continue
        yield start, waiting + line
        waiting, start = "", 0
    if waiting:
        yield start, waiting


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _expanded(text: str, known: Mapping[str, str]) -> str:
    def filled(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        given = known.get(match[2] or match[5], "")
        if match[3] == "-":
            return given or match[4]
        if match[3] == "+":
            return match[4] if given else ""
        return given

    return _REFERENCE.sub(filled, text)


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2], 8))
    return _LETTERS.get(match[3], match[3])
