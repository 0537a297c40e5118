"""The keys that the source names exist, and what nobody names is not carried along."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.messages import Language, areas
from tests.messages.reading import every_text

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[2] / "src" / "modgate"
TELLERS = {"Message", "text", "say", "catalogue", "words", "_text", "_say"}
KEYS = every_text(Language.ENGLISH)
GENERAL = ("cause_", "check.")


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def _pattern(node: ast.expr) -> str | None:
    """A string as a regular expression: the holes of an f-string match anything."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in node.values
        ]
        return "".join(parts)
    return None


def _said() -> Iterator[tuple[str, str]]:
    """Where and what: each first argument of a call that says something, as a pattern."""
    for path, tree in _trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            pattern = _pattern(node.args[0]) if name in TELLERS else None
            if pattern and re.match(rf"(?:{'|'.join(areas(Language.ENGLISH))})\\\.", pattern):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", pattern


def test_every_key_that_is_said_exists() -> None:
    unknown = [
        (where, pattern) for where, pattern in _said() if not any(re.fullmatch(pattern, key) for key in KEYS)
    ]
    assert unknown == []


def test_no_text_is_left_that_nobody_says() -> None:
    """Tails count as well: `f"log.phase.{name}"` names them all, and a table may hold the ends alone."""
    patterns: set[str] = set()
    for _, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Constant, ast.JoinedStr)):
                pattern = _pattern(node)
                if pattern and len(pattern) < 200:
                    patterns.add(pattern)
    exact = {pattern.replace("\\", "") for pattern in patterns if ".+" not in pattern}
    open_ones = [re.compile(pattern) for pattern in patterns if ".+" in pattern and r"\." in pattern]
    unused = [
        key
        for key in KEYS
        if not key.startswith(GENERAL)
        and not any(tail in exact for tail in _tails(key))
        and not any(pattern.fullmatch(key) for pattern in open_ones)
    ]
    assert unused == []


def _tails(key: str) -> Iterator[str]:
    while key:
        yield key
        key = key.partition(".")[2]
