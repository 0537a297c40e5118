"""Records of CSV (RFC 4180) that a spreadsheet takes for what they are.

Rule: a cell that a spreadsheet would take for a formula begins with an apostrophe, since names and texts in
it come from outside.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["csv_record"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_record(cells: Sequence[object]) -> str:
    """One record, its line end included; objects become JSON."""
    out = io.StringIO()
    csv.writer(out).writerow(map(_cell, cells))
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, dict):
        value = msgspec.json.encode(value, order="sorted").decode() if value else ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
