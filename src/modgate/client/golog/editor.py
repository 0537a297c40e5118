"""What gopls and VS Code print, unwrapped to the lines that go said.

gopls logs LSP messages (one JSON document a line, or `Params: {…}` of `-rpc.trace`); go's words stand in
`message` of window/showMessage, window/logMessage, progress and diagnostics, often several lines in one
string, behind `err: exit status 1: stderr: `. For each go command it starts it prints the GOPROXY it gave it:
gopls sets GOPROXY=off itself where it must not touch the network, so `off` is the user's only where every
command has it. Sources: gopls/internal/{cache,server}, internal/gocommand/invoke.go, LSP 3.17.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from modgate.client.golog.prefixes import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Editor"]

_COMMAND = re.compile(r"\bGOROOT=\S* .*?\bGOPROXY=(?P<proxy>\S*) .*?\bgo \w+")
_BROKEN = re.compile(r"could not import (?P<package>[^\s()]+) \((?P<why>.+)\)", re.DOTALL)
_STDERR = re.compile(r"(?:\bstderr:? |err: |error: |Error: |failed: )(?=go: |\S+@v\S+: )")


class Editor:
    """What an editor's log has shown so far."""

    def __init__(self) -> None:
        self.proxies: set[str] = set()
        self.commands: dict[str, tuple[int, str]] = {}
        self.imports: dict[str, tuple[int, str]] = {}
        self.seen = False

    @property
    def only_off(self) -> bool:
        """Whether every go command was given GOPROXY=off: then that is a setting, not gopls's own doing."""
        return self.proxies == {"off"}

    def unwrap(self, line: str, number: int) -> list[str] | None:
        """The lines inside of an LSP message; None where the line is none."""
        start = line.find("{")
        if start < 0 or not (
            start == 0 or line.startswith(("Params: {", "Result: {", "Params: [", "Result: ["))
        ):
            return None
        try:
            document = json.loads(line[start:])
        except (ValueError, RecursionError):
            return None
        if start == 0 and not (
            isinstance(document, dict) and ("jsonrpc" in document or "Output" in document)
        ):
            return None
        self.seen = True
        lines: list[str] = []
        for text in _texts(document, 0):
            lines.extend(self.text(text, number))
        return lines

    def text(self, text: str, number: int) -> list[str]:
        """The lines of one text of gopls's, with what stands before go's words taken off."""
        self.command(text, number)
        text = shortened(text)
        if broken := _BROKEN.search(text):
            self.seen = True
            self.imports.setdefault(broken["package"], (number, text.strip()))
        return _STDERR.sub("\n", text).split("\n")

    def command(self, line: str, number: int) -> bool:
        """Take note of the GOPROXY of a go command that gopls starts; whether the line shows one."""
        found = _COMMAND.search(shortened(line))
        if found is None:
            return False
        self.seen = True
        self.proxies.add(found["proxy"])
        self.commands.setdefault(found["proxy"], (number, line.strip()))
        return True


def _texts(document: Any, depth: int) -> Iterator[str]:
    """Every string under `message`, `text` of an output event, or `data`, wherever it stands."""
    if depth > 12:
        return
    if isinstance(document, list):
        for item in document:
            yield from _texts(item, depth + 1)
    elif isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, str):
                if name in {"message", "Output", "error", "Err", "Error"}:
                    yield value
            elif name != "capabilities":
                yield from _texts(value, depth + 1)
