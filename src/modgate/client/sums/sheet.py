"""The audit as CSV: one line a version, then the faults of lines.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` (or a tab) for a formula, and module names,
reasons and owners are strangers' text: such a cell gets an apostrophe in front. Source: OWASP, CSV injection.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMNS", "sheet"]

COLUMNS = (
    *("file", "lines", "module", "version", "h1", "h1_go_mod", "status", "cause", "text", "verified_by"),
    *("database", "record", "verified_at", "first_seen", "published", "relation", "owners", "retracted"),
    *("deprecated", "newest", "newer", "unused", "changed_from"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sheet(found: Mapping[str, Any]) -> str:
    """The document as CSV with a head line, lines ended with CRLF (RFC 4180)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in found["rows"]:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    for fault in found["faults"]:
        cells = {
            "file": fault["file"],
            "lines": fault["line"],
            "status": "fault",
            "cause": fault["kind"],
            "text": fault["text"],
        }
        writer.writerow([_cell(cells.get(name)) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
