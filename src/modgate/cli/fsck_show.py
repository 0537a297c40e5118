"""How the faults of a store look: one row each, then the counts.

Rows come as faults are found; where a bar stands on the terminal they wait until it is gone. With repair a
row tells what was done, so it comes then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from rich.table import Table
from rich.text import Text

from modgate.cli.imports import size_text
from modgate.cli.speech import console, errors_console
from modgate.messages import Language

if TYPE_CHECKING:
    from types import TracebackType

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["Shown"]

_SHOWN = 1000


class Shown:
    """Takes the items of a run. Leaving the context shows what has not been shown, however the run ended."""

    def __init__(self, say: Catalogue, *, as_json: bool, repair: bool) -> None:
        self._say = say
        self._as_json = as_json
        self._repair = repair
        self._waits = errors_console().is_terminal
        self._printed = 0
        self.rows: list[dict[str, Any]] = []
        self._repaired = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._as_json:
            while self._printed < min(len(self.rows), _SHOWN):
                self._print(self.rows[self._printed])
            if len(self.rows) > _SHOWN:
                console().print(self._say("fsck.text.more", count=len(self.rows) - _SHOWN))

    def item(self, item: Item) -> None:
        """One more fault, or what was done about the first that nothing was said of yet."""
        if item.kind == "fault":
            self.rows.append({"where": item.subject, **item.facts})
            if not self._repair:
                self._soon(len(self.rows))
        elif item.kind == "repair" and self._repaired < len(self.rows):
            self.rows[self._repaired] = {"where": item.subject, **item.facts}
            self._repaired += 1
            self._soon(self._repaired)

    def _soon(self, ready: int) -> None:
        if not (self._as_json or self._waits):
            while self._printed < min(ready, _SHOWN):
                self._print(self.rows[self._printed])

    def _print(self, row: dict[str, Any]) -> None:
        self._printed += 1
        say = self._say
        reason = say(f"fsck.reason.{row['reason']}", **row["values"])
        if "done" in row:
            done = say(f"fsck.done.{row['done']}", why=row["why"])
            text = say("fsck.text.mended", where=row["where"], reason=reason, done=done)
        else:
            text = say("fsck.text.fault", where=row["where"], reason=reason)
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, min_width=10)
        table.add_column(overflow="fold")
        style = "green" if row.get("repaired") else "red"
        table.add_row(Text(say(f"fsck.kind.{row['kind']}"), style=style), Text(text))
        console().print(table)

    def end(self, summary: Summary) -> None:
        """The counts."""
        say, facts, out = self._say, summary.facts, console()
        if not facts["faults"]:
            out.print(say("fsck.text.clean"))
        else:
            comma = "、" if say.language is Language.CHINESE else ", "
            kinds = comma.join(
                f"{say(f'fsck.kind.{kind}')} {count}" for kind, count in facts["kinds"].items()
            )
            values = {"count": facts["faults"], "kinds": kinds}
            if facts["repair"]:
                values |= {"repaired": facts["repaired"], "remaining": facts["remaining"]}
            out.print(say("fsck.text.repaired" if facts["repair"] else "fsck.text.found", **values))
        stored = size_text(facts["stored"])
        out.print(
            say(
                "fsck.text.checked",
                versions=f"{facts['versions']:,}",
                objects=f"{facts['objects']:,}",
                stored=stored,
            )
        )
        out.print(
            say(
                "fsck.text.read",
                read=size_text(facts["read"]),
                seconds=f"{facts['seconds']:.1f}",
                speed=f"{facts['mb_per_second']:.1f}",
            )
        )
        quarantine = facts["quarantine"]
        if quarantine["objects"]:
            size = size_text(quarantine["size"])
            out.print(say("fsck.text.quarantine", objects=quarantine["objects"], size=size))
        if facts["faults"] and not facts["repair"]:
            out.print(say("fsck.text.next"))
