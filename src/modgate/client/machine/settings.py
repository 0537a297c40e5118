"""Go's variables with the layer that each value comes from.

The order: an OS variable that is not empty, the GOENV file, `GOROOT/go.env`, the built-in default. What
shadows what is kept, because "I set it and nothing changed" is the commonest complaint. Source:
cmd/go/internal/cfg.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GoSettings", "Layer", "Setting", "Value"]


class Layer(StrEnum):
    """Where a value stands, strongest first."""

    OS = "os"
    GOENV = "goenv"
    GOROOT = "goroot"
    BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True)
class Value:
    """One value in one layer. `file` and `line` (from 1) say where; empty and 0 for OS variables and
    defaults.
    """

    layer: Layer
    text: str
    file: str = ""
    line: int = 0

    @property
    def source(self) -> str:
        """`file:line`, or the layer's name: what a person is told."""
        return f"{self.file}:{self.line}" if self.file else self.layer.value


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable: the value that wins, and the weaker ones that it hides, strongest first."""

    name: str
    value: Value
    hidden: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class GoSettings:
    """Every variable that is set somewhere or has a default.

    Attributes:
        settings: By name.
        goenv_file: The GOENV file's path, empty where GOENV=off.
        goroot: Empty where no go was found.
        version: As `go version` says it (`go1.26.8`), empty where no go was found.
        problems: What was wrong while reading, in plain words (a file that may not be read).
        failure: What `go env` printed when it failed, empty where it did not or no go was found.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    goenv_file: str = ""
    goroot: str = ""
    version: str = ""
    problems: tuple[str, ...] = ()
    failure: str = ""

    def __getitem__(self, name: str) -> str:
        """The value that wins; empty where the variable is unknown."""
        found = self.settings.get(name)
        return found.value.text if found else ""

    def source(self, name: str) -> str:
        """Where the winning value stands, for texts; empty where the variable is unknown."""
        found = self.settings.get(name)
        return found.value.source if found else ""
