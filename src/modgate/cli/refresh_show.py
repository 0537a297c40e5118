"""How refreshed modules are told: what is new in each; a module without news only where it was named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from modgate.cli.speech import console, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["Shown"]

_FAULTS = 20
_QUIET = 20
_NAMED = 8


class Shown:
    """Keeps the results and prints them, the modules by name."""

    def __init__(self, say: Catalogue, *, as_json: bool) -> None:
        self._say = say
        self._as_json = as_json
        self._console = console()
        self._modules: dict[str, dict[str, Any]] = {}
        self._faults: dict[str, dict[str, Any]] = {}

    def take(self, item: Item) -> None:
        """One module."""
        (self._modules if item.kind == "module" else self._faults)[item.subject] = item.facts

    def end(self, summary: Summary) -> None:
        """How it ended."""
        if self._as_json:
            modules = [{"module": path, **facts} for path, facts in sorted(self._modules.items())]
            failures = [{"module": path, **facts} for path, facts in sorted(self._faults.items())]
            print_json({**summary.facts, "results": modules, "failures": failures})
            return
        quiet = len(self._modules) > _QUIET
        for path, facts in sorted(self._modules.items()):
            self._show(path, facts, quiet=quiet)
        for path, facts in sorted(self._faults.items())[:_FAULTS]:
            self._console.print(Text(path, style="red"), soft_wrap=True)
            where = f"{facts['where']}: " if facts.get("where") else ""
            self._line(f"{where}{facts['what']}")
        if len(self._faults) > _FAULTS:
            self._console.print(self._say("refresh.text.more", count=len(self._faults) - _FAULTS))
        facts = summary.facts
        values = {name: facts[name] for name in ("modules", "changed", "new_versions", "failed")}
        self._console.print(self._say("refresh.text.done", **values, seconds=f"{facts['seconds']:.1f}"))

    def _show(self, path: str, facts: dict[str, Any], *, quiet: bool) -> None:
        lines = []
        if facts["new"]:
            lines.append(self._say("refresh.text.new", versions=_some(facts["new"], facts["new_count"])))
        if facts["gone"]:
            lines.append(self._say("refresh.text.gone", versions=_some(facts["gone"], len(facts["gone"]))))
        for text, (before, after) in facts["moved"].items():
            lines.append(
                self._say(
                    "refresh.text.moved",
                    query=f"@{text}",
                    before=before or self._say("refresh.text.unknown"),
                    after=after or self._say("refresh.text.nothing"),
                )
            )
        if quiet and not lines:
            return
        count = ""
        if "after" in facts:
            count = self._say("refresh.text.count", before=facts["before"], after=facts["after"])
        self._console.print(Text(f"{path}  {count}".rstrip()), soft_wrap=True)
        for line in lines or [self._say("refresh.text.same")]:
            self._line(line)

    def _line(self, text: str) -> None:
        self._console.print(Padding(Text(text), (0, 0, 0, 2), expand=False))


def _some(versions: Sequence[str], count: int) -> str:
    """The highest few."""
    told = " ".join(reversed(versions[-_NAMED:]))
    return told if count <= _NAMED else f"{told} … ({count})"
