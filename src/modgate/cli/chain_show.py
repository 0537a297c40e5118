"""How `modgate chain` is shown: a table of rules, a table of answers, predicted beside observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console
from modgate.client.chain.agreement import Verdict, open_end
from modgate.client.chain.expected import visible
from modgate.client.chain.rules import ROWS, WANTED, Answer, Move, Walk, move_of
from modgate.client.findings import Severity
from modgate.client.machine.showing import safe
from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modgate.cli.chain_story import Story
    from modgate.client.chain.ask import Given
    from modgate.client.chain.rehearse import Observed
    from modgate.client.faults.kinds import FaultSpec
    from modgate.client.findings import Finding
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.messages import Catalogue

__all__ = ["show"]

_ACTS_ON = {"badzip": "zip", "wrong-version": "info", "moved": "mod"}
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


def show(story: Story, say: Catalogue) -> None:
    """Print the story on standard output."""
    out = console()
    notes = tuple(one for one in story.lint if one.shown_severity is Severity.NOTE)
    slips = tuple(one for one in story.lint if one not in notes)
    _show_lint(slips, say, out)
    if slips and not story.broken:
        out.print()
    if story.broken:
        if not any(finding.shown_severity is Severity.ERROR for finding in story.lint):
            out.print(Text(story.broken, "red"), soft_wrap=True)
        return
    _show_entries(story, say, out)
    if story.predicted is None:
        _show_rules(story, say, out)
    else:
        _show_answers(story, say, out)
    if notes:
        out.print()
        _show_lint(notes, say, out)


def _show_answers(story: Story, say: Catalogue, out: Console) -> None:
    if story.private:
        out.print()
        key = "private_rehearsal" if story.faults else "private"
        out.print(Text(say(f"chain.{key}", module=story.module), "yellow"))
    if story.asked:
        _show_asked(story, say, out)
    seen = [index for index in sorted(story.made_up) if visible(story.faults[index])]
    if seen:
        out.print()
        places = say("chain.made_up.and").join(str(index + 1) for index in seen)
        out.print(say("chain.made_up.line", entries=places))
    _show_walks(story, say, out)


def _show_lint(findings: Sequence[Finding], say: Catalogue, out: Console) -> None:
    for finding in findings:
        style = {Severity.ERROR: "red", Severity.WARNING: "yellow"}.get(finding.shown_severity, "dim")
        line = Text(f"{finding.cause.id} ", f"bold {style}")
        line.append(say.say(finding.message("text")), style)
        out.print(line)
        fix = Text(say("chain.fix", fix=say.say(finding.message("fix"))))
        out.print(Padding(fix, (0, 0, 0, 3), expand=False))


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
        for name, answer in ROWS:
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
    table.add_column(say("chain.asked.head", module=story.module), overflow="fold")
    for endpoint in story.endpoints:
        table.add_column(_file(endpoint), no_wrap=True)
    for index, entry in enumerate(story.entries):
        if entry.kind is EntryKind.PROXY:
            cells = [_answered(story, index, endpoint, say) for endpoint in story.endpoints]
            table.add_row(f"{index + 1} {_shown(entry)}", *cells)
        else:
            word = "chain.asked.not_asked" if entry.kind is EntryKind.DIRECT else "chain.answer.absent"
            table.add_row(f"{index + 1} {entry.kind.value}", Text(say(word), "dim"))
    out.print(table)


def _file(endpoint: str) -> str:
    return endpoint if endpoint in {"list", "latest"} else f".{endpoint}"


def _answered(story: Story, index: int, endpoint: str, say: Catalogue) -> Text:
    given = story.asked.get((index, endpoint))
    if given is None:
        return Text(say("chain.walk.none"), "dim")
    made = _given(given, say)
    return Text.assemble(given.version, " ", made) if endpoint == "list" and given.version else made


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
    seen = story.observed.asked if story.observed is not None else {}
    followed = [name for name in ("info", "latest") if name in story.predicted.asked or name in seen]
    endpoints = ("list", *followed, "mod", "zip") if story.latest else WANTED
    for endpoint in endpoints:
        row = [Text(_file(endpoint)), _way(walks.get(endpoint) or _beside(story, endpoint), story, say)]
        if story.observed is not None:
            row.append(_way_seen(endpoint, story, say))
        table.add_row(*row)
    row = [Text(say("chain.walk.end"), "bold"), _end(story, say)]
    if story.observed is not None:
        row.append(_observed_end(story, story.observed, say))
    table.add_row(*row)
    out.print(table)
    if story.observed is not None:
        if story.observed.error:
            out.print()
            out.print(Text(story.observed.error, "dim"), soft_wrap=True)
        out.print()
        if story.verdict is not None:
            style = "green" if story.verdict is Verdict.AGREES else "yellow"
            out.print(Text(say(f"chain.walk.{story.verdict.value}"), style))


def _way_seen(endpoint: str, story: Story, say: Catalogue) -> Text:
    assert story.observed is not None
    seen = list(story.observed.asked.get(endpoint, ()))
    end = story.observed.reported
    # `direct` and `off` are no requests to a proxy; that they were reached shows in go's error.
    last = list(story.observed.asked)[-1:] == [endpoint]
    if last and end is not None and story.entries[end].kind is not EntryKind.PROXY:
        seen.append(end)
    return Text(" → ".join(str(index + 1) for index in seen) if seen else say("chain.walk.none"))


def _beside(story: Story, endpoint: str) -> Walk | None:
    """What the entries of the first walk are asked for besides, shown like a walk of its own."""
    assert story.predicted is not None
    query = story.predicted.walks[0]
    steps = tuple(
        step
        for index, name in query.followed
        for step in query.steps
        if (step.entry, name) == (index, endpoint)
    )
    return Walk(endpoint, steps) if steps else None


def _way(one: Walk | None, story: Story, say: Catalogue) -> Text:
    if one is None:
        return Text(say("chain.walk.none"), "dim")
    made = Text()
    for place, step in enumerate(one.steps):
        made.append(" → " if place else "")
        made.append(str(step.entry + 1), "bold")
        fault = story.faults.get(step.entry)
        if fault is not None and fault.hits(one.endpoint) and _shows(fault, one.endpoint):
            made.append(f" {fault.fault.name}", "magenta")
        elif story.entries[step.entry].kind is not EntryKind.PROXY:
            made.append(f" {story.entries[step.entry].kind.value}", "dim")
        elif step.answer is not Answer.GOOD:
            made.append(f" {say(f'chain.answer.{step.answer.value}')}", "dim")
    return made


def _shows(fault: FaultSpec, endpoint: str) -> bool:
    return _ACTS_ON.get(fault.fault.name, endpoint) == endpoint


def _end(story: Story, say: Catalogue) -> Text:
    assert story.predicted is not None
    if open_end(story.predicted):
        return Text(say("chain.end.open"), "yellow")
    if story.predicted.waits:
        return Text(say("chain.end.waits"), "magenta")
    if story.predicted.good:
        return Text(say("chain.end.good"), "green")
    reported = story.predicted.reported
    return Text(say("chain.end.fails", entry=(reported or 0) + 1), "red")


def _observed_end(story: Story, observed: Observed, say: Catalogue) -> Text:
    if observed.waited:
        if story.predicted is None or not story.predicted.waits:
            return Text(say("chain.end.interrupted"), "yellow")
        return Text(say("chain.end.waits"), "magenta")
    if observed.good:
        return Text(say("chain.end.good"), "green")
    if observed.reported is None:
        return Text(say("chain.end.fails_unnamed"), "red")
    return Text(say("chain.end.fails", entry=observed.reported + 1), "red")


def _shown(entry: ProxyEntry) -> str:
    return safe(entry.display)
