"""What a command line of `modgate run` asks for, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Misused", "Wish"]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)([smh]?)")
_WEB = re.compile(r"(?:https?|socks5h?)://[^\s/?#]+/?", re.IGNORECASE)


class Misused(Exception):
    """The command line cannot be obeyed; `why` says so."""

    def __init__(self, key: str, word: str = "") -> None:
        super().__init__(key)
        self.why = Message(f"run.usage.{key}", {"word": safe(word)} if word else {})


@dataclass(frozen=True, slots=True)
class Wish:
    """The command line, by the names of `cli/run.py`. Raises Misused."""

    command: tuple[str, ...]
    proxy: str | None = None
    settings: tuple[str, ...] = ()
    web: str | None = None
    isolate: bool = False
    allow: tuple[str, ...] = ()
    time: str | None = None
    desktop: bool = False
    report: str | None = None
    verbose: bool = False
    dry_run: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if not self.command and not self.desktop:
            raise Misused("command")
        if self.desktop and not self.command and self.proxy is None and not self.settings and not self.web:
            raise Misused("nothing")
        for word in self.settings:
            name, equals, _ = word.partition("=")
            if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise Misused("set", word)
        if self.time is not None and not _TIME.fullmatch(self.time):
            raise Misused("timeout", self.time)
        if (self.report is not None or self.allow) and not self.isolate:
            raise Misused("json")
        if self.web is not None and self.web != "none" and not _WEB.fullmatch(self.web):
            raise Misused("web", self.web)

    @property
    def seconds(self) -> float | None:
        """The time limit."""
        match = _TIME.fullmatch(self.time or "")
        return float(match[1]) * _UNITS[match[2]] if match else None

    @property
    def values(self) -> Mapping[str, str]:
        """The variables of `--set`."""
        return {name: text for name, _, text in (word.partition("=") for word in self.settings)}
