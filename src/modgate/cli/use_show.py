"""What `modgate use` shows: the difference before, the result and its limits after, the list of mirrors."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from modgate.cli import FAILED
from modgate.cli.doctor_fix import print_diff
from modgate.cli.speech import console, errors_console, print_json
from modgate.client.configure.listing import rows
from modgate.client.configure.places import Scope
from modgate.client.machine.editor_values import short
from modgate.client.machine.showing import safe
from modgate.client.mirrors.known import bogus_mirrors, data_date, known_mirrors
from modgate.client.repair.diff import unified
from modgate.messages import Message
from modgate.wiring.client import local_host

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.cli.use_run import Outcome, Wish
    from modgate.client.configure.judging import Objection
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.client.machine.shell_files import Shell
    from modgate.messages import Catalogue

__all__ = ["agreed", "listing", "told"]

_SHOWN = ("GOPROXY", "GOSUMDB", "GOPRIVATE")
_DATABASE = {"yes": "yes", "no": "no"}


def agreed(outcome: Outcome, wish: Wish, say: Catalogue) -> bool:
    """Show the difference, and ask on a terminal: the command itself is the wish, a person may look again."""
    if not wish.as_json:
        out = console()
        out.print(say("use.intro"), style="bold")
        for edit in outcome.plan.edits:
            print_diff(edit, out, say)
    if wish.dry_run:
        return False
    if wish.yes or wish.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    try:
        answer = input(f"{say('use.ask')} ").strip().lower()
    except EOFError:
        answer = "n"
    if answer in {"", "y", "yes", "是", "好"}:
        return True
    outcome.stopped = Message("use.declined")
    return False


def told(outcome: Outcome, wish: Wish, say: Catalogue) -> int:
    """Show what came of it; returns the exit status."""
    status = FAILED if outcome.refusals or outcome.stopped else 0
    if wish.as_json:
        print_json(_document(outcome, wish, say))
        return status
    session = outcome.scope is Scope.SESSION
    # What a session prints is run by a shell: everything for people goes beside it.
    out = errors_console() if session or status else console()
    if outcome.refusals:
        for item in outcome.refusals:
            _refusal(item, outcome, out, say)
        out.print(say("use.not-written"), style="bold")
        return status
    if outcome.stopped is not None:
        out.print(f"modgate: {say.say(outcome.stopped)}")
        return status
    for line in outcome.lines:
        sys.stdout.write(line + "\n")
    if not session:
        _result(outcome, wish, out, say)
    _around(outcome, out, say)
    return status


def _result(outcome: Outcome, wish: Wish, out: Console, say: Catalogue) -> None:
    host = local_host()
    if wish.dry_run and outcome.plan.edits:
        out.print(say("use.dry-run"), style="bold")
    elif wish.reset:
        done = outcome.change is not None
        out.print(
            say("use.done-reset" if done else "use.nothing-reset"), style="bold green" if done else "bold"
        )
    else:
        files = [str(edit.path) for edit in outcome.plan.edits] or list(outcome.plan.files)
        place = ", ".join(short(host, file) for file in files)
        key = "use.done" if outcome.change else "use.nothing"
        style = "bold green" if outcome.change else "bold"
        out.print(say(key, values=_spoken(outcome, say), place=place), style=style, soft_wrap=True)
    if outcome.change:
        out.print(say("use.undo", id=outcome.change), style="dim")


def _around(outcome: Outcome, out: Console, say: Catalogue) -> None:
    for tried in outcome.tried:
        if tried.text is None:
            ms = f"{tried.seconds * 1000:.0f}"
            if tried.seconds:
                out.print(f"✓ {say('use.tried.good', url=tried.url, seconds=ms)}", style="green")
        else:
            _line("!", say.say(tried.text), out, "yellow")
    for item in outcome.warnings:
        _line("!", say.say(item.why), out, "yellow")
    for effect in outcome.effects:
        _line("!" if effect.hides else "·", say.say(effect.text), out, "yellow" if effect.hides else "")
    for note in outcome.notes:
        _line("·", say.say(note), out, "")


def _line(mark: str, text: str, out: Console, style: str) -> None:
    from rich.padding import Padding  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=style), Text(text))
    out.print(Padding(grid, 0))


def _refusal(item: Objection, outcome: Outcome, out: Console, say: Catalogue) -> None:
    _line("✗", f"{say.say(item.why)}{f'  {item.cause}' if item.cause else ''}", out, "red")
    if item.mended:
        out.print(f"  {say('use.offer', command=_command(item, outcome))}", soft_wrap=True)
    if item.forceable:
        out.print(f"  {say('use.force')}", style="dim")


def _command(item: Objection, outcome: Outcome) -> str:
    scope = (
        f" --scope {outcome.scope.value}"
        if outcome.scope not in {None, Scope.GOENV} and outcome.scope
        else ""
    )
    if item.variable == "GOPROXY":
        return f"modgate use {shlex.quote(item.mended)}{scope}"
    return f"modgate use --set {shlex.quote(f'{item.variable}={item.mended}')}{scope}"


def _spoken(outcome: Outcome, say: Catalogue) -> str:
    return ", ".join(
        say("use.is", name=name, value=safe(text)) if text is not None else say("use.is-unset", name=name)
        for name, text in outcome.values.items()
    )


def _document(outcome: Outcome, wish: Wish, say: Catalogue) -> dict[str, object]:
    def objections(items: tuple[Objection, ...]) -> list[dict[str, object]]:
        return [
            {
                "variable": item.variable,
                "id": item.cause or None,
                "text": say.say(item.why),
                "instead": item.mended or None,
                "forceable": item.forceable,
            }
            for item in items
        ]

    return {
        "schema": 1,
        "kind": "modgate-use",
        "scope": outcome.scope.value if outcome.scope else None,
        "values": {name: None if text is None else safe(text) for name, text in outcome.values.items()},
        "changed": outcome.change is not None,
        "change": outcome.change,
        "dry_run": wish.dry_run,
        "files": [str(edit.path) for edit in outcome.plan.edits],
        "diff": [line for edit in outcome.plan.edits for line in unified(edit) or ()],
        "lines": [safe(line) for line in outcome.lines],
        "refused": objections(outcome.refusals),
        "stopped": say.say(outcome.stopped) if outcome.stopped else None,
        "warnings": objections(outcome.warnings),
        "effects": [
            {"variable": item.variable or None, "hides": item.hides, "text": say.say(item.text)}
            for item in outcome.effects
        ],
        "checked": [
            {
                "url": item.url,
                "good": item.good,
                "gate": item.gate,
                "seconds": round(item.seconds, 3),
                "text": say.say(item.text) if item.text else None,
            }
            for item in outcome.tried
        ],
        "notes": [say.say(note) for note in outcome.notes],
    }


def listing(host: Host, go: GoSettings, shell: Shell, say: Catalogue, *, as_json: bool) -> None:
    """`--list`: the mirrors, and every place that sets the three variables that matter most."""
    found = {name: rows(host, go, shell, name) for name in _SHOWN}
    if as_json:
        print_json(
            {
                "schema": 1,
                "kind": "modgate-use-list",
                "date": data_date(),
                "mirrors": [
                    {"name": mirror.name, "url": mirror.url, "operator": mirror.operator}
                    for mirror in known_mirrors()
                ],
                "settings": {
                    name: {
                        "value": safe(go[name]),
                        "source": go.source(name),
                        "places": [
                            {
                                "scope": row.kind,
                                "value": row.value,
                                "place": row.place,
                                "wins": row.wins,
                                "editor": row.editor or None,
                            }
                            for row in found[name]
                        ],
                    }
                    for name in _SHOWN
                },
            }
        )
        return
    out = console()
    _mirrors(go["GOPROXY"], out, say)
    for name in _SHOWN:
        out.print()
        out.print(say("use.list.now", name=name, value=safe(go[name]) or '""'), style="bold", soft_wrap=True)
        for row in found[name]:
            if row.wins:
                note = say("use.wins")
            elif row.editor:
                note = say("use.list.editor-only", editor=row.editor)
            else:
                note = say("use.list.new-terminals" if row.kind == "shell" else "use.list.shadowed")
            kind = say(f"use.kind.{row.kind}")
            _line("→" if row.wins else " ", f"{kind}: {row.value}  {row.place}  ({note})", out, "green")
    out.print()
    out.print(say("use.list.example", name="goproxy.cn"), style="dim")


def _mirrors(chain: str, out: Console, say: Catalogue) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    out.print(say("use.list.mirrors", date=data_date()), style="bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    for column in ("name", "url", "sumdb"):
        table.add_column(say(f"use.list.{column}"), overflow="fold")
    for mirror in known_mirrors():
        stated = mirror.stated("sumdb")
        word = _DATABASE.get(stated.value if stated else "", "unknown")
        used = "→" if mirror.url in chain else ""
        table.add_row(used, mirror.name, mirror.url, say(f"use.list.{word}"))
    out.print(table)
    real = {mirror.host for mirror in known_mirrors()}
    hosts = ", ".join(dict.fromkeys(entry.host for entry in bogus_mirrors() if entry.host not in real))
    out.print(say("use.list.bogus", hosts=hosts), style="dim")
