"""One statement with a mark before it, its further lines indented."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["line"]


def line(mark: str, text: str, out: Console, style: str = "") -> None:
    """Print it."""
    from rich.table import Table  # noqa: PLC0415  not needed for --json
    from rich.text import Text  # noqa: PLC0415

    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=style), Text(text, overflow="fold"))
    out.print(grid)
