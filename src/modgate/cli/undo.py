"""`modgate undo`: take back what modgate changed in files of yours.

Exit status: 0 taken back, 1 it could not be, 2 the command line is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli.options import run_app
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.repair.journal import Change
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("undo.about"))
def undo(
    change_id: Annotated[str | None, typer.Argument(metavar="ID", help=text("undo.help.id"))] = None,
    *,
    listing: Annotated[bool, typer.Option("--list", help=text("undo.help.list"))] = False,
    force: Annotated[bool, typer.Option("--force", help=text("undo.help.force"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Take back what modgate changed."""
    from modgate.cli import FAILED  # noqa: PLC0415  what follows is not needed for --help
    from modgate.cli.doctor_fix import print_diff  # noqa: PLC0415
    from modgate.cli.speech import console, print_json  # noqa: PLC0415
    from modgate.client.repair.apply import ChangedSince, last_change  # noqa: PLC0415
    from modgate.client.repair.apply import undo as take_back  # noqa: PLC0415
    from modgate.errors import Absent  # noqa: PLC0415
    from modgate.wiring.client import journal, local_host  # noqa: PLC0415

    say = catalogue(lang)
    out = console()
    kept = journal(local_host())
    if listing:
        if as_json:
            print_json({"schema": 1, "changes": [_change_json(item) for item in kept.changes()]})
        else:
            _list(kept.changes(), say)
        return
    try:
        change = kept.change(change_id) if change_id else last_change(kept)
        done = take_back(change.id, kept, force=force, reason=say("undo.reason", id=change.id))
    except Absent:
        print(f"modgate: {say('undo.none_left')}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except ChangedSince as error:
        if not as_json:
            out.print(say("undo.changed"), style="bold")
            for edit in error.edits:
                print_diff(edit, out, say)
        _tell(error, say, as_json=as_json)
        raise typer.Exit(FAILED) from None
    if as_json:
        files = [str(file.path) for file in change.files]
        print_json({"schema": 1, "undone": change.id, "change": done, "files": files})
        return
    for file in change.files:
        out.print(say("undo.file", path=str(file.path)), style="green")
    out.print(say("undo.done", id=change.id), style="bold")
    if done != change.id:
        out.print(say("undo.back", id=done), style="dim")


def _tell(error: Exception, say: Catalogue, *, as_json: bool) -> None:
    line = str(error).splitlines()[0] if as_json else say("undo.refused")
    print(f"modgate: {line}", file=sys.stderr)


def _list(changes: Sequence[Change], say: Catalogue) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415  not needed for --help

    from modgate.cli.speech import console  # noqa: PLC0415

    out = console()
    if not changes:
        out.print(say("undo.none"))
    for change in reversed(changes):
        when = datetime.fromtimestamp(change.time, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        state = "undone" if change.undone_by else change.state.replace("-", "_")
        out.print(f"{change.id}  {when}  {say(f'undo.state.{state}')}", style="bold")
        out.print(f"    {change.reason}")
        for file in change.files:
            out.print(f"    {file.path}", style="dim", soft_wrap=True)


def _change_json(change: Change) -> dict[str, object]:
    return {
        "id": change.id,
        "time": change.time,
        "reason": change.reason,
        "state": change.state,
        "undoes": change.undoes,
        "undone_by": change.undone_by,
        "files": [str(file.path) for file in change.files],
    }


def run(args: Sequence[str]) -> int:
    """Run `modgate undo` with these arguments."""
    return run_app(app, "undo", args)
