"""What a fix came to, as JSON (schema 1) and as a diff."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.fix.fixing import Outcome

__all__ = ["diff", "document"]


def diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """The unified diff of the files by name, without line ends."""
    lines: list[str] = []
    for name, old in before.items():
        new = after[name]
        if old != new:
            lines += difflib.unified_diff(
                old.decode("utf-8", "replace").splitlines(),
                new.decode("utf-8", "replace").splitlines(),
                f"a/{name}",
                f"b/{name}",
                lineterm="",
            )
    return lines


def document(outcome: Outcome, *, source: str, written: bool, changes: list[str]) -> dict[str, Any]:
    """Everything that was found and done."""
    step, words = outcome.failed
    return {
        "schema": 1,
        "database": source,
        "checked": outcome.checked,
        "aside": outcome.aside,
        "moves": [
            {
                "module": move.path,
                "before": move.before,
                "after": move.after or None,
                "advisories": list(move.advisories),
                "indirect": move.indirect,
            }
            for move in outcome.moves
        ],
        "left": [
            {
                "module": left.path,
                "version": left.version,
                "advisories": list(left.advisories),
                "why": left.why,
                "words": left.words or None,
            }
            for left in outcome.left
        ],
        "failed": {"step": step, "words": words} if step else None,
        "written": written,
        "diff": changes,
    }
