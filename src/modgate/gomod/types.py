"""The nouns of Go modules as checked types: whoever holds one need not check again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

__all__ = ["ModulePath", "ModuleVersion", "Version"]

ModulePath = NewType("ModulePath", str)
"""A module path that passed `module.check_path`."""

Version = NewType("Version", str)
"""A canonical version (`semver.canonical(v) == v`, `+incompatible` kept) that passed `module.check`."""


@dataclass(frozen=True, slots=True, order=True)
class ModuleVersion:
    """One version of one module: the noun that everything in modgate is about."""

    path: ModulePath
    version: Version

    def __str__(self) -> str:
        return f"{self.path}@{self.version}"
