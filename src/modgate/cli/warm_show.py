"""How a warm cache is told: what a query meant, what failed and why, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from modgate.cli.speech import console, print_json

if TYPE_CHECKING:
    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["Shown", "amount"]

_FAULTS = 20


class Shown:
    """Takes the results as they come and prints them; `as_json` keeps them for one document."""

    def __init__(self, say: Catalogue, *, as_json: bool) -> None:
        self._say = say
        self._as_json = as_json
        self._console = console()
        self._faults: list[dict[str, Any]] = []
        self._resolved: dict[str, str] = {}

    def take(self, item: Item) -> None:
        """One result."""
        if item.kind == "resolved":
            self._resolved[item.subject] = str(item.facts.get("version", ""))
        else:
            self._faults.append({"subject": item.subject, **item.facts})

    def end(self, summary: Summary) -> None:
        """How it ended."""
        if self._as_json:
            print_json({**summary.facts, "resolved": self._resolved, "failures": self._faults})
            return
        for subject, version in sorted(self._resolved.items()):
            self._console.print(self._say("warm.text.resolved", subject=subject, version=version))
        self._show_faults()
        facts = summary.facts
        rate = facts["bytes"] / facts["seconds"] if facts["seconds"] > 0 else 0.0
        values = {name: facts[name] for name in ("modules", "versions", "fetched", "there")}
        self._console.print(
            self._say(
                "warm.text.done",
                **values,
                size=amount(facts["bytes"]),
                seconds=f"{facts['seconds']:.1f}",
                rate=amount(rate),
            )
        )
        if facts.get("absent"):
            self._console.print(self._say("warm.text.absent", count=facts["absent"]))
        if facts.get("left_out"):
            self._console.print(self._say("warm.text.left_out", count=facts["left_out"]))
        if not summary.ok:
            self._console.print(self._say("warm.text.failed", count=facts["failed_versions"]), style="red")

    def _show_faults(self) -> None:
        for fault in self._faults[:_FAULTS]:
            kind = f" .{fault['kind']}" if fault.get("kind") else ""
            self._console.print(Text(f"{fault['subject']}{kind}", style="red"), soft_wrap=True)
            lines = [f"{fault['where']}: {fault['what']}" if fault.get("where") else fault["what"]]
            lines += [fault["next_step"]] if fault.get("next_step") else []
            for line in "\n".join(lines).splitlines():
                self._console.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
        if len(self._faults) > _FAULTS:
            self._console.print(self._say("warm.text.more", count=len(self._faults) - _FAULTS))


def amount(size: float) -> str:
    """Bytes for people: `412.3 MB`."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
