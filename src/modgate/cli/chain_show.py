"""How `modgate chain` is shown: a table of rules, a table of answers, predicted beside observed, JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console
from modgate.client.chain.rules import WANTED, Answer, Move, move_of
from modgate.client.findings import Severity
from modgate.gomod.proxylist import EntryKind, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from modgate.client.chain.ask import Given
    from modgate.client.chain.rehearse import Observed
    from modgate.client.chain.rules import Download, Walk
    from modgate.client.faults.kinds import FaultSpec
    from modgate.client.findings import Finding
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.gomod.types import ModuleVersion
    from modgate.messages import Catalogue

__all__ = ["Story", "document", "show"]

_ROWS = (
    ("good", Answer.GOOD),
    ("absent", Answer.ABSENT),
    ("status", Answer.ERROR),
    ("network", Answer.ERROR),
    ("portal_info", Answer.ERROR),
    ("portal_zip", Answer.SPOILT),
    ("silent", Answer.SILENT),
)
_STYLES = {
    Move.TAKES: "green",
    Move.FALLS: "yellow",
    Move.STOPS: "red",
    Move.ENDS: "red",
    Move.WAITS: "magenta",
}
_ANSWER_STYLES = {
    Answer.GOOD: "green",
    Answer.ABSENT: "yellow",
    Answer.UNKNOWN: "dim",
}


@dataclass(slots=True)
class Story:
    """Everything that is known of one chain.

    Attributes:
        text: As given or found.
        lint: What is wrong with the text.
        broken: Why it cannot be read at all, empty where it can.
        entries: The entries in order.
        version: What was asked for, None for the rules alone.
        private: Whether GONOPROXY keeps this module away from the chain.
        faults: Staged, by index from 0.
        asked: What each entry gave.
        predicted: What go would do.
        observed: What it did in the rehearsal.
    """

    text: str
    lint: tuple[Finding, ...] = ()
    broken: str = ""
    entries: tuple[ProxyEntry, ...] = ()
    version: ModuleVersion | None = None
    private: bool = False
    faults: Mapping[int, FaultSpec] = field(default_factory=dict)
    asked: Mapping[tuple[int, str], Given] = field(default_factory=dict)
    predicted: Download | None = None
    observed: Observed | None = None

    @property
    def good(self) -> bool:
        """Whether the exit status is 0: nothing broken, and the download succeeds as far as known."""
        if self.broken:
            return False
        if self.observed is not None:
            return self.observed.good
        if self.predicted is None:
            return not any(finding.shown_severity is Severity.ERROR for finding in self.lint)
        return self.predicted.good or self.open_end

    @property
    def open_end(self) -> bool:
        """Whether it depends on version control, which was not asked."""
        steps = self.predicted.walks[-1].steps if self.predicted else ()
        return bool(steps) and steps[-1].answer is Answer.UNKNOWN

    @property
    def agrees(self) -> bool | None:
        """Whether go did what was predicted; None where nothing was rehearsed or it cannot be told."""
        if self.predicted is None or self.observed is None or self.open_end:
            return None
        proxies = {index for index, entry in enumerate(self.entries) if entry.kind is EntryKind.PROXY}
        asked = {
            name: tuple(index for index in steps if index in proxies)
            for name, steps in self.predicted.asked.items()
        }
        return (
            {name: steps for name, steps in asked.items() if steps} == dict(self.observed.asked)
            and self.predicted.good == self.observed.good
            and self.predicted.waits == self.observed.waited
        )


def show(story: Story, say: Catalogue) -> None:
    """Print the story on standard output."""
    out = console()
    _show_lint(story, say, out)
    if story.broken:
        if not any(finding.shown_severity is Severity.ERROR for finding in story.lint):
            out.print(Text(story.broken, "red"), soft_wrap=True)
        return
    _show_entries(story, say, out)
    if story.predicted is None:
        _show_rules(story, say, out)
        return
    if story.private:
        out.print()
        out.print(Text(say("chain.private", module=str(story.version)), "yellow"))
    if story.asked:
        _show_asked(story, say, out)
    _show_walks(story, say, out)


def _show_lint(story: Story, say: Catalogue, out: Console) -> None:
    for finding in story.lint:
        style = {Severity.ERROR: "red", Severity.WARNING: "yellow"}.get(finding.shown_severity, "dim")
        line = Text(f"{finding.cause.id} ", f"bold {style}")
        line.append(say.say(finding.message("text")), style)
        out.print(line)
    if story.lint:
        out.print()


def _show_entries(story: Story, say: Catalogue, out: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column(overflow="fold")
    table.add_column(style="dim")
    for index, entry in enumerate(story.entries):
        spec = story.faults.get(index)
        name = Text(_shown(entry))
        if spec is not None:
            name.append(f"  ← {spec}", "magenta")
        table.add_row(str(index + 1), name, _after(story, index, say))
    out.print(table)


def _after(story: Story, index: int, say: Catalogue) -> str:
    entry = story.entries[index]
    if entry.kind is not EntryKind.PROXY:
        return say(f"chain.entry.{entry.kind.value}")
    if index == len(story.entries) - 1:
        return say("chain.entry.last")
    return say("chain.entry.pipe" if entry.falls_back_on_error else "chain.entry.comma")


def _show_rules(story: Story, say: Catalogue, out: Console) -> None:
    proxies = [index for index, entry in enumerate(story.entries) if entry.kind is EntryKind.PROXY]
    out.print()
    if proxies:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(say("chain.rules.head"))
        for index in proxies:
            table.add_column(str(index + 1), no_wrap=True)
        for name, answer in _ROWS:
            cells = [_cell(story, index, answer, say) for index in proxies]
            table.add_row(say(f"chain.rules.{name}"), *cells)
        out.print(table)
        out.print()
    for key in ("reported", "anew", "limits"):
        out.print(say(f"chain.notes.{key}"))


def _cell(story: Story, index: int, answer: Answer, say: Catalogue) -> Text:
    move = move_of(story.entries, index, answer)
    name = "spoilt" if answer is Answer.SPOILT else move.value
    return Text(say(f"chain.move.{name}", next=index + 2), "red" if name == "spoilt" else _STYLES[move])


def _show_asked(story: Story, say: Catalogue, out: Console) -> None:
    out.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(say("chain.asked.head", module=str(story.version)), overflow="fold")
    for endpoint in WANTED:
        table.add_column(f".{endpoint}", no_wrap=True)
    for index, entry in enumerate(story.entries):
        if entry.kind is EntryKind.PROXY:
            cells = [_given(story.asked[index, endpoint], say) for endpoint in WANTED]
            table.add_row(f"{index + 1} {_shown(entry)}", *cells)
        else:
            table.add_row(
                f"{index + 1} {entry.kind.value}", Text(say("chain.asked.not_asked"), "dim"), "", ""
            )
    out.print(table)


def _given(given: Given, say: Catalogue) -> Text:
    if given.failure is not None:
        words = say(f"chain.failure.{given.failure.kind.value}")
    elif given.html:
        words = f"{given.status} HTML"
    else:
        words = str(given.status) if given.status else say(f"chain.folder.{given.answer.value}")
    made = Text(words, _ANSWER_STYLES.get(given.answer, "red"))
    if given.seconds:
        made.append(f" {_seconds(given.seconds)}", "dim")
    return made


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}s" if seconds >= 1 else f"{seconds * 1000:.0f}ms"


def _show_walks(story: Story, say: Catalogue, out: Console) -> None:
    assert story.predicted is not None
    out.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column(say("chain.walk.predicted"), overflow="fold")
    if story.observed is not None:
        table.add_column(say("chain.walk.observed"))
    walks = {one.endpoint: one for one in story.predicted.walks}
    for endpoint in WANTED:
        row = [Text(f".{endpoint}"), _way(walks.get(endpoint), story, say)]
        if story.observed is not None:
            row.append(_way_seen(endpoint, story, say))
        table.add_row(*row)
    row = [Text(say("chain.walk.end"), "bold"), _end(story, say)]
    if story.observed is not None:
        row.append(_observed_end(story.observed, say))
    table.add_row(*row)
    out.print(table)
    if story.observed is not None:
        if story.observed.error:
            out.print()
            out.print(Text(story.observed.error, "dim"), soft_wrap=True)
        out.print()
        key = {True: "agree", False: "differ", None: "open"}[story.agrees]
        out.print(Text(say(f"chain.walk.{key}"), "green" if key == "agree" else "yellow"))


def _way_seen(endpoint: str, story: Story, say: Catalogue) -> Text:
    assert story.observed is not None
    seen = list(story.observed.asked.get(endpoint, ()))
    end = story.observed.reported
    # `direct` and `off` are no requests to a proxy; that they were reached shows in go's error.
    last = list(story.observed.asked)[-1:] == [endpoint]
    if last and end is not None and story.entries[end].kind is not EntryKind.PROXY:
        seen.append(end)
    return Text(" → ".join(str(index + 1) for index in seen) if seen else say("chain.walk.none"))


def _way(one: Walk | None, story: Story, say: Catalogue) -> Text:
    if one is None:
        return Text(say("chain.walk.none"), "dim")
    made = Text()
    for place, step in enumerate(one.steps):
        made.append(" → " if place else "")
        made.append(str(step.entry + 1), "bold")
        fault = story.faults.get(step.entry)
        if fault is not None and fault.hits(one.endpoint):
            made.append(f" {fault.fault.name}", "magenta")
        elif story.entries[step.entry].kind is not EntryKind.PROXY:
            made.append(f" {story.entries[step.entry].kind.value}", "dim")
        elif step.answer is not Answer.GOOD:
            made.append(f" {say(f'chain.answer.{step.answer.value}')}", "dim")
    return made


def _end(story: Story, say: Catalogue) -> Text:
    assert story.predicted is not None
    if story.open_end:
        return Text(say("chain.end.open"), "yellow")
    if story.predicted.waits:
        return Text(say("chain.end.waits"), "magenta")
    if story.predicted.good:
        return Text(say("chain.end.good"), "green")
    reported = story.predicted.reported
    return Text(say("chain.end.fails", entry=(reported or 0) + 1), "red")


def _observed_end(observed: Observed, say: Catalogue) -> Text:
    if observed.waited:
        return Text(say("chain.end.waits"), "magenta")
    if observed.good:
        return Text(say("chain.end.good"), "green")
    if observed.reported is None:
        return Text(say("chain.end.fails_unnamed"), "red")
    return Text(say("chain.end.fails", entry=observed.reported + 1), "red")


def _shown(entry: ProxyEntry) -> str:
    return redacted(entry.display)


def document(story: Story, say: Catalogue) -> dict[str, object]:
    """The story as JSON, schema 1; entries count from 1."""
    made: dict[str, object] = {
        "schema": 1,
        "chain": redacted(story.text),
        "broken": story.broken or None,
        "lint": [
            {"id": one.cause.id, "severity": one.shown_severity.value, "text": say.say(one.message("text"))}
            for one in story.lint
        ],
        "entries": [_entry_json(story, index) for index in range(len(story.entries))],
        "module": str(story.version) if story.version else None,
        "private": story.private,
        "asked": [
            {
                "entry": index + 1,
                "endpoint": endpoint,
                "answer": given.answer.value,
                "status": given.status or None,
                "seconds": round(given.seconds, 4),
                "failure": given.failure.kind.value if given.failure else None,
            }
            for (index, endpoint), given in story.asked.items()
        ],
        "predicted": _download_json(story.predicted),
        "observed": _observed_json(story.observed),
        "agrees": story.agrees,
    }
    return made


def _entry_json(story: Story, index: int) -> dict[str, object]:
    entry = story.entries[index]
    spec = story.faults.get(index)
    moves = {name: move_of(story.entries, index, answer).value for name, answer in _ROWS}
    return {
        "entry": index + 1,
        "kind": entry.kind.value,
        "url": _shown(entry) if entry.url else None,
        "falls_back_on_error": entry.falls_back_on_error,
        "fault": str(spec) if spec else None,
        "moves": moves if entry.kind is EntryKind.PROXY else None,
    }


def _number(index: int | None) -> int | None:
    return None if index is None else index + 1


def _download_json(predicted: Download | None) -> dict[str, object] | None:
    if predicted is None:
        return None
    return {
        "good": predicted.good,
        "waits": predicted.waits,
        "reported": _number(predicted.reported),
        "walks": [
            {
                "endpoint": one.endpoint,
                "steps": [
                    {"entry": step.entry + 1, "answer": step.answer.value, "move": step.move.value}
                    for step in one.steps
                ],
                "used": _number(one.used),
            }
            for one in predicted.walks
        ],
    }


def _observed_json(observed: Observed | None) -> dict[str, object] | None:
    if observed is None:
        return None
    return {
        "good": observed.good,
        "waits": observed.waited,
        "reported": _number(observed.reported),
        "asked": {name: [index + 1 for index in steps] for name, steps in observed.asked.items()},
        "error": observed.error,
    }
