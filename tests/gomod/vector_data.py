"""The checked-in answers of golang.org/x/mod."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent.parent / "vectors"


@functools.cache
def _document(file: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / "data" / file).read_text("utf-8"))
    return document


def tables(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = _document(file)["tables"]
    return found


def cases(file: str, table: str) -> list[Any]:
    """The cases of a table, of which there must be as many as in Go's."""
    found = tables(file)[table]
    rows: list[Any] = found["cases"]
    assert len(rows) == found["rows"]
    return rows
