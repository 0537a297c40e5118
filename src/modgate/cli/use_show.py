"""What `modgate use` shows: the difference before, the result and its limits after."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from modgate.cli import FAILED
from modgate.cli.doctor_fix import print_diff
from modgate.cli.speech import console, errors_console, print_json
from modgate.cli.use_lines import line
from modgate.client.configure.places import Scope
from modgate.client.configure.session import how_to_eval
from modgate.client.machine.editor_values import short
from modgate.client.machine.shell_files import Shell, current_shell
from modgate.client.machine.showing import safe
from modgate.client.repair.diff import unified
from modgate.messages import Message
from modgate.wiring.client import local_host

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.cli.use_run import Outcome
    from modgate.cli.use_wish import Wish
    from modgate.client.configure.judging import Objection
    from modgate.messages import Catalogue

__all__ = ["agreed", "told"]


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
    for command in outcome.lines:
        sys.stdout.write(command + "\n")
    if session and sys.stdout.isatty():
        shell = Shell(wish.shell) if wish.shell else current_shell(local_host())
        out.print(say("use.eval", command=how_to_eval(shell, "modgate use … --scope session")), style="dim")
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
            line("!", say.say(tried.text), out, "yellow")
    for item in outcome.warnings:
        line("!", say.say(item.why), out, "yellow")
    for effect in outcome.effects:
        line("!" if effect.hides else "·", say.say(effect.text), out, "yellow" if effect.hides else "")
    for note in outcome.notes:
        line("·", say.say(note), out, "")


def _refusal(item: Objection, outcome: Outcome, out: Console, say: Catalogue) -> None:
    line("✗", f"{say.say(item.why)}{f'  {item.cause}' if item.cause else ''}", out, "red")
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
        "diff": [text for edit in outcome.plan.edits for text in unified(edit) or ()],
        "lines": [safe(text) for text in outcome.lines],
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
