"""One TOML file as flat keys with the line each stands on.

`tomllib` gives values without places; the places are found by a second, forgiving look at the
text. A line that is not found costs the line number in a message, nothing else.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["flatten", "key_lines", "parse_toml"]

_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"\s*((?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="
)
_BARE = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*")


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of the file. Raises ValueError with the line and the column."""
    return tomllib.loads(text)


def flatten(tables: dict[str, Any], sections: frozenset[str], keys: Container[str] = ()) -> dict[str, Any]:
    """Values by dotted key. Tables that are no section are followed down, so that each key inside
    can be named; an empty unknown table stands for itself, and so does a table that is the value of
    one of the `keys`.
    """
    flat: dict[str, Any] = {}

    def walk(name: str, value: object) -> None:
        if isinstance(value, dict) and name not in keys and (value or name not in sections):
            for inner, below in value.items():
                walk(f"{name}.{inner}" if name else inner, below)
            if not value and name:
                flat[name] = value
        elif not isinstance(value, dict) or name in keys:
            flat[name] = value

    walk("", tables)
    return flat


def key_lines(text: str) -> dict[str, int]:
    """The line (from 1) of each table and key, by dotted name."""
    lines: dict[str, int] = {}
    table = ""
    inside = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            if inside in line:
                inside = ""
            continue
        if depth <= 0:
            depth = 0
            if match := _HEADER.match(line):
                table = _dotted(match[1])
                lines.setdefault(table, number)
                continue
            if match := _KEY.match(line):
                key = _dotted(match[1])
                lines.setdefault(f"{table}.{key}" if table else key, number)
                line = line[match.end() :]  # noqa: PLW2901  only the value is left to look at
        for fence in ('"""', "'''"):
            if line.count(fence) % 2:
                inside = fence
        bare = _QUOTED.sub("", line)
        depth += bare.count("[") - bare.count("]")
    return lines


def _dotted(written: str) -> str:
    return ".".join(part.strip("\"'") for part in _BARE.findall(written))
