"""The checked-in answers of golang.org/x/mod about notes, logs and tiles."""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path
from typing import Any

__all__ = ["FILES", "VECTORS", "cases", "tables", "unb64"]

VECTORS = Path(__file__).parent.parent / "vectors"
FILES = ("note", "tlog", "tiles")


@functools.cache
def tables(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((VECTORS / "data" / f"{file}.json").read_text("utf-8"))[
        "tables"
    ]
    return found


def cases(file: str, *names: str) -> list[Any]:
    """The cases of some tables of a file."""
    return [case for name in names for case in tables(file)[name]["cases"]]


def unb64(text: str) -> bytes:
    return base64.b64decode(text)
