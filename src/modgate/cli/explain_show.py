"""How an explanation looks: one line a variable, and under it the places that lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modgate.client.explain.model import Place, State
from modgate.client.machine.editor_values import short
from modgate.client.machine.showing import hidden_value, safe
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.client.explain.experiment import Experiment, Observation
    from modgate.client.explain.model import Explained, Explanation, Source
    from modgate.client.machine.host import Host
    from modgate.messages import Catalogue

__all__ = ["show", "show_experiment"]

_STYLES = {State.WINS: "green", State.HIDDEN: "yellow", State.UNSEEN: "dim"}
_GIVEN = frozenset({Place.GOROOT, Place.BUILT_IN})


def show(explanation: Explanation, say: Catalogue, out: Console, host: Host, *, detailed: bool) -> None:
    """Print it: every place of each row where `detailed`, else one line a row."""
    _Page(explanation, say, out, host).show(detailed=detailed)


class _Page:
    def __init__(self, explanation: Explanation, say: Catalogue, out: Console, host: Host) -> None:
        self._it = explanation
        self._say = say
        self._out = out
        self._host = host

    def show(self, *, detailed: bool) -> None:
        self._head(brief=detailed)
        rows = (*self._it.variables, *self._it.keys)
        if detailed:
            for row in rows:
                self._out.print()
                self._row(row)
        else:
            self._out.print()
            self._summary(rows)
        self._notes()

    def _head(self, *, brief: bool) -> None:
        say, go = self._say, self._it.go
        version = go.version or say("explain.head.no-go")
        consumer = say(f"explain.for.{self._it.consumer.value}")
        self._out.print(Text(say("explain.head.line", version=version, consumer=consumer), "bold"))
        if brief:
            return
        self._out.print(self._goenv())
        if self._it.files:
            files = ", ".join(short(self._host, file) for file in self._it.files)
            self._out.print(say("explain.head.shell", shell=self._it.shell, files=files))

    def _goenv(self) -> str:
        file = self._it.go.goenv_file
        if not file:
            return self._say("explain.head.goenv-off")
        try:
            there = self._host.status(self._host.path(file)) is not None
        except Unavailable:
            there = True
        name = "explain.head.goenv" if there else "explain.head.goenv-missing"
        return self._say(name, file=short(self._host, file))

    def _summary(self, rows: tuple[Explained, ...]) -> None:
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", ratio=1)
        table.add_column(overflow="fold", max_width=34)
        told = [row for row in rows if row.value]
        for row in told:
            name = Text(f"{'•' if row.changed else ' '} {row.name}", "bold" if row.changed else "")
            winner = row.winner
            place = self._place(winner) if winner else ""
            if winner is not None and winner.place is Place.BUILT_IN and winner.why is not None:
                place = self._say.say(winner.why)
            table.add_row(name, hidden_value(row.name, row.value or ""), Text(place, "cyan"))
        self._out.print(table)
        silent = ", ".join(row.name for row in rows if not row.value)
        if silent:
            words = self._say("explain.head.unset", names=silent)
            self._out.print(Padding(words, (0, 0, 0, 2)), style="dim")
        self._without_effect(rows)
        if any(row.changed for row in told):
            self._out.print(self._say("explain.head.legend"), style="dim")

    def _without_effect(self, rows: tuple[Explained, ...]) -> None:
        """What somebody wrote and what does not count here, one line each."""
        lost = [
            (row, source)
            for row in rows
            for source in row.sources
            if source.state is not State.WINS and source.place not in _GIVEN
        ]
        if not lost:
            return
        self._out.print()
        self._out.print(self._say("explain.head.without-effect"))
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", ratio=1)
        for row, source in lost:
            where = Text(self._place(source).replace("\n", " "))
            if source.why is not None:
                where.append(f"  {self._say.say(source.why)}", "dim")
            state = Text(self._say(f"explain.state.{source.state.value}"), _STYLES[source.state])
            table.add_row(f"  {row.name}", state, where)
        self._out.print(table)

    def _row(self, row: Explained) -> None:
        value = hidden_value(row.name, row.value or "")
        title = Text(row.name, "bold").append(" = ").append(value) if value else Text(row.name, "bold")
        if not value:
            words = "explain.value.unset" if row.value is None else "explain.value.empty"
            title.append(f" {self._say(words)}", "dim")
        if row.predicted:
            title.append(f"  [{self._say('explain.head.predicted')}]", "magenta")
        self._out.print(title)
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", max_width=34)
        table.add_column(overflow="fold", ratio=1)
        for source in row.sources:
            style = _STYLES[source.state]
            where = Text(self._place(source), "cyan" if source.state is State.WINS else "")
            if source.why is not None:
                where.append(f"\n{self._say.say(source.why)}", "dim")
            state = Text(self._say(f"explain.state.{source.state.value}"), style)
            table.add_row(state, Text(self._text(source)), where)
        self._out.print(Padding(table, (0, 0, 0, 2)))

    def _text(self, source: Source) -> str:
        if source.text is None:
            removed = source.place is Place.EDITOR
            return self._say("explain.value.removed" if removed else "explain.value.unknown")
        return hidden_value(source.name, source.text) if source.text else self._say("explain.value.empty")

    def _place(self, source: Source) -> str:
        say = self._say
        if source.place is Place.EDITOR:
            words = say(
                "explain.place.editor", setting=source.key, scope=say(f"explain.scope.{source.scope}")
            )
        elif source.place is Place.REGISTRY:
            words = say(f"explain.place.registry-{source.scope}")
        elif source.place is Place.ENVIRONMENT_D:
            words = say("explain.place.environment-d")
        else:
            words = say(f"explain.place.{source.place.value}")
        file = short(self._host, source.file)
        if source.line and source.place is not Place.EDITOR:
            return f"{file}:{source.line}"
        if source.line:
            return f"{words}\n{file}:{source.line}"
        return f"{words} {file}".strip()

    def _notes(self) -> None:
        for note in self._it.notes:
            self._out.print(self._say.say(note), style="dim")
        for problem in self._it.go.problems:
            self._out.print(self._say("explain.problem.line", words=safe(problem)), style="yellow")


def show_experiment(experiment: Experiment, say: Catalogue, out: Console) -> None:
    """Print what was observed beside what was predicted, and how much of it agrees."""
    out.print(Text(say("explain.experiment.head"), "bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("layer", "variable", "predicted", "observed"):
        table.add_column(say(f"explain.experiment.{name}"), overflow="fold")
    table.add_column()
    before = ""
    for one in experiment.layers:
        case = say("explain.experiment.here") if one.case == "*" else one.case
        observed = "=" if one.agrees else one.observed
        table.add_row(
            case if case != before else "", one.what, one.predicted or "-", observed, _mark(one, say)
        )
        before = case
    out.print(table)
    out.print()
    out.print(Text(say("explain.experiment.combos"), "bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("GOROOT", "GOPATH", "GOMODCACHE", "GOPROXY"):
        table.add_column(head)
    for name in ("asks", "writes"):
        table.add_column(say(f"explain.experiment.{name}"), overflow="fold")
    table.add_column()
    for asks, cache in zip(experiment.combinations[::2], experiment.combinations[1::2], strict=True):
        cells = [one.observed if one.agrees else f"{one.observed} ≠ {one.predicted}" for one in (asks, cache)]
        table.add_row(*asks.case.split(), *cells, _mark(asks if not asks.agrees else cache, say))
    out.print(table)
    out.print()
    every = (*experiment.layers, *experiment.combinations)
    wrong = sum(not one.agrees for one in every)
    name = "explain.experiment.some-differ" if wrong else "explain.experiment.all-agree"
    values = {"count": len(every), "runs": experiment.runs, **({"wrong": wrong} if wrong else {})}
    out.print(Text(say(name, **values), "red" if wrong else "green"))
    if not wrong:
        out.print(say("explain.experiment.routing"))


def _mark(one: Observation, say: Catalogue) -> Text:
    if one.agrees:
        return Text("✓", "green")
    return Text(say("explain.experiment.differs"), "bold red")
