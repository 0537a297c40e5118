"""The ids behind each row of docs/failures.md, as the causes say it.

`python -m tests.docs.failures` writes them into the page.
"""

from __future__ import annotations

from pathlib import Path

from modgate.client.causes import CAUSES
from modgate.messages import Catalogue, Language

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
BEGIN = "<!-- ids: written by python -m tests.docs.failures -->"
END = "<!-- end of ids -->"
ROWS = range(1, 26)


def identifiers() -> str:
    """A table: row and ids with their titles; ids without a row last."""
    say = Catalogue(Language.ENGLISH)
    lines = ["| row | ids |", "|---|---|"]
    for row in (*ROWS, None):
        ids = [f"`{cause.id}` {say(cause.key('title'))}" for cause in CAUSES.values() if cause.row == row]
        lines.append(f"| {row or 'none'} | {'<br>'.join(ids)} |")
    return "\n".join(lines)


def written() -> str:
    """The page with its table as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{identifiers()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
