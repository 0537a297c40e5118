"""What `go env -w` refuses to write, and what no place of a setting can hold.

go catches a handful of values because the next go command would fail on them, `go env -w` itself included;
the same values in a profile or in an editor's settings do the same harm, so the rules hold for every place.
Source: cmd/go/internal/envcmd (checkEnvWrite, runEnvW), cmd/go/internal/cfg (KnownEnv).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.golayers import COMPUTED, KNOWN, is_absolute
from modgate.client.machine.host import System
from modgate.client.machine.lint_names import intended_variable
from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OS_ONLY", "Refused", "asked_of_go", "check_name", "check_value"]

OS_ONLY = frozenset({"GOENV", "GODEBUG", "GOWORK"})
"""What go reads from the OS environment alone (or, for GOWORK, refuses to write)."""

_FOLDERS = ("GOPATH", "GOMODCACHE", "GOBIN", "GOTMPDIR", "GOCACHE", "GOROOT")
_SWITCHES = {"GO111MODULE": ("", "auto", "on", "off"), "CGO_ENABLED": ("", "0", "1")}
_CONTROL = re.compile(r"[\x00\n\v\r]|[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something cannot be written, and the value that was probably meant (empty where none is known)."""

    why: Message
    mended: str = ""


def check_name(name: str, *, in_file: bool) -> Refused | None:
    """Whether go has such a variable, and for `in_file` whether it may stand in the GOENV file."""
    if name in COMPUTED:
        return Refused(Message("use.refused.computed", {"name": name}))
    if name in KNOWN:
        if in_file and name in OS_ONLY:
            return Refused(Message("use.refused.os-only", {"name": name}))
        return None
    right = intended_variable(name)
    if right:
        return Refused(Message("use.refused.misspelt", {"name": safe(name), "right": right}))
    return Refused(Message("use.refused.unknown", {"name": safe(name) or '""'}))


def check_value(system: System, home: str, name: str, value: str) -> Refused | None:
    """Whether go, or the file that it would stand in, can take this value at all."""
    if _CONTROL.search(value):
        return Refused(Message("use.refused.newline", {"name": name}), _CONTROL.sub("", value).strip())
    if not value:
        return Refused(Message("use.refused.empty", {"name": name}))
    if name in _SWITCHES and value not in _SWITCHES[name]:
        right = value.strip().lower()
        words = ", ".join(word for word in _SWITCHES[name] if word)
        why = Message("use.refused.word", {"name": name, "value": safe(value), "words": words})
        return Refused(why, right if right in _SWITCHES[name] else "")
    if name in _FOLDERS:
        return _folder(system, home, name, value)
    if name in {"CC", "CXX"}:
        return _program(system, name, value)
    return None


def _folder(system: System, home: str, name: str, value: str) -> Refused | None:
    if name == "GOCACHE" and value == "off":
        return Refused(Message("use.refused.cache-off"))
    mark = (";" if system is System.WINDOWS else ":") if name == "GOPATH" else ""
    pieces = value.split(mark) if mark else [value]
    slash = "\\" if system is System.WINDOWS else "/"
    expanded = [_at_home(piece, home, slash) for piece in pieces]
    if all(is_absolute(system, piece) for piece in pieces):
        return None
    mended = mark.join(expanded) if all(is_absolute(system, piece) for piece in expanded) else ""
    return Refused(Message("use.refused.relative", {"name": name, "value": safe(value)}), mended)


def _at_home(piece: str, home: str, slash: str) -> str:
    for start in ("~", "$HOME", "${HOME}", "%USERPROFILE%"):
        if piece == start or piece.startswith((f"{start}/", f"{start}{slash}")):
            return home + piece[len(start) :]
    return piece


def _program(system: System, name: str, value: str) -> Refused | None:
    first = (value.split() or [""])[0].strip("\"'")
    slashes = "/\\" if system is System.WINDOWS else "/"
    if first and (is_absolute(system, first) or not any(mark in first for mark in slashes)):
        return None
    return Refused(Message("use.refused.relative", {"name": name, "value": safe(value)}))


def asked_of_go(values: Mapping[str, str]) -> dict[str, str]:
    """Those of the values whose rules only the installed go knows: platforms and experiments."""
    return {name: text for name, text in values.items() if name in {"GOOS", "GOARCH", "GOEXPERIMENT"}}
