"""Which files a configuration depends on beside its own: certificates, keys, tokens, secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modgate.config.keys import PATH_KEYS, TABLE_PATHS

if TYPE_CHECKING:
    from modgate.config.model import Config

__all__ = ["watched_files"]

_FOLDERS = frozenset({"store", "vcs.cache"})
_APART = frozenset({"policy.file"})
"""Looked at by whoever reads them."""


def watched_files(config: Config) -> list[Path]:
    """The files whose content counts, each once, in a fixed order; whether they exist is not looked at."""
    found: list[Any] = []
    for key in sorted(PATH_KEYS - _FOLDERS - _APART):
        section, _, leaf = key.rpartition(".")
        found.append(getattr(getattr(config, section) if section else config, leaf))
    for tables, keys in sorted(TABLE_PATHS.items()):
        for table in getattr(config, tables):
            found += [getattr(table, key) for key in keys]
    return list(dict.fromkeys(each for each in found if isinstance(each, Path)))
