"""`modgate mirrors`: which public mirrors there are, and how they do from here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, INTERRUPTED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.client.mirrors.campaign import Campaign, Progress, Target
    from modgate.client.mirrors.document import Document
    from modgate.client.mirrors.subject import Limits, Subject
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_DEFAULT = "-"
_CONTEXT = {"max_content_width": 80}


@app.callback(context_settings=_CONTEXT, help=text("mirrors.help.group"))
def group() -> None:
    """The two commands."""


@app.command(help=text("mirrors.help.ls"), context_settings=_CONTEXT)
def ls(
    as_json: AsJson = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help=text("mirrors.help.verbose-ls"))] = False,
    lang: Lang = None,
) -> None:
    """The known mirrors and the bogus ones."""
    from modgate.client.mirrors import tables  # noqa: PLC0415  rich stays off --help
    from modgate.client.mirrors.listing import listing  # noqa: PLC0415

    say = catalogue(lang)
    if as_json:
        print_json(listing(say))
        return
    out = console()
    tables.show_known(say, out)
    if verbose:
        tables.show_known_details(say, out)


@app.command("test", help=text("mirrors.help.test"), context_settings=_CONTEXT)
def measure(
    mirrors: Annotated[
        list[str] | None, typer.Argument(metavar="[URL|NAME]", help=text("mirrors.help.mirrors"))
    ] = None,
    *,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help=text("mirrors.help.rounds"))] = 10,
    module: Annotated[
        str | None, typer.Option(metavar="PATH[@VERSION]", help=text("mirrors.help.module"))
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=120, help=text("mirrors.help.timeout"))
    ] = 5.0,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help=text("mirrors.help.html"))] = None,
    save: Annotated[str | None, typer.Option(metavar="[=FILE]", help=text("mirrors.help.save"))] = None,
    compare: Annotated[Path | None, typer.Option(metavar="FILE", help=text("mirrors.help.compare"))] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help=text("mirrors.help.verbose"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Measure mirrors side by side."""
    import os  # noqa: PLC0415  nothing of this is needed for --help

    from modgate.client.mirrors.saved import last_run, read_run, save_run, state_folder  # noqa: PLC0415
    from modgate.client.mirrors.subject import Limits  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415

    say = catalogue(lang)
    folder = state_folder(os.environ)
    try:
        targets = _targets(mirrors or [], say)
        subject = _subject(module, os.environ)
        before = read_run(compare) if compare else last_run(folder)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    found, broken_off = _measure(targets, subject, Limits(rounds=rounds, timeout=timeout), say)
    if before is not None:
        from modgate.client.mirrors.compare import compare as compared  # noqa: PLC0415

        found["comparison"] = compared(before, found)
    _show(found, say, as_json=as_json, verbose=verbose)
    # A run that was broken off, or reached nobody, would make a poor yardstick.
    if save is not None and (found["complete"] or save != _DEFAULT):
        kept = save_run(found, folder, None if save == _DEFAULT else Path(save))
        errors_console().print(say("mirrors.text.saved", file=str(kept)))
    if html is not None:
        from modgate.client.mirrors.page import write_page  # noqa: PLC0415

        write_page(found, say, html)
        errors_console().print(say("mirrors.text.page", file=str(html)))
    if broken_off:
        raise typer.Exit(INTERRUPTED)
    if _nobody(found):
        raise typer.Exit(FAILED)


def _nobody(found: Document) -> bool:
    return all(mirror["tier"] == "unmeasured" for mirror in found["mirrors"])


def _show(found: Document, say: Catalogue, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        print_json(found)
        return
    from modgate.client.mirrors import tables  # noqa: PLC0415  rich stays off --help

    out = console()
    if not found["complete"]:
        out.print(say("mirrors.text.partial", rounds=found["method"]["rounds"]))
    if _nobody(found):
        tables.show_nobody(found, say, out)
        return
    tables.show(found, say, out)
    if verbose:
        tables.show_details(found, say, out)
    if found["comparison"] is not None:
        tables.show_changes(found, say, out)


def _targets(named: Sequence[str], say: Catalogue) -> list[Target]:
    """What is to be measured: the named ones, else every known one. Raises Invalid."""
    from modgate.client.mirrors.known import known_bogus, known_mirrors  # noqa: PLC0415
    from modgate.client.mirrors.naming import target_for, unique  # noqa: PLC0415
    from modgate.gomod.proxylist import redacted  # noqa: PLC0415

    for word in named:
        bogus = known_bogus(word)
        if bogus is not None:
            errors_console().print(f"{redacted(word)}: {say.say(bogus.reason)}")
    return unique([target_for(word, say) for word in named or [it.name for it in known_mirrors()]])


def _subject(module: str | None, environ: Mapping[str, str]) -> Subject:
    """What is asked for: GOSUMDB says whose signatures are trusted, `off` and what is malformed aside."""
    from dataclasses import replace  # noqa: PLC0415

    from modgate.client.mirrors.subject import DEFAULT, subject_of  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.sumdb.spec import parse_gosumdb  # noqa: PLC0415

    found = subject_of(module) if module else DEFAULT
    try:
        spec = parse_gosumdb(environ.get("GOSUMDB") or found.database)
    except Invalid:
        spec = None
    return found if spec is None else replace(found, database=spec.name, verifier_key=spec.verifier_key)


def _measure(
    targets: Sequence[Target], subject: Subject, limits: Limits, say: Catalogue
) -> tuple[Document, bool]:
    """The document, and whether Ctrl-C broke the measuring off."""
    import asyncio  # noqa: PLC0415  the network stays off --help

    from modgate.client.mirrors.campaign import Campaign  # noqa: PLC0415
    from modgate.client.mirrors.document import document  # noqa: PLC0415
    from modgate.wiring.client import clock, outfit  # noqa: PLC0415

    broken_off = False

    def go(progress: Callable[[Progress], None]) -> Campaign:
        nonlocal broken_off
        campaign = Campaign(targets, subject, limits, outfit(), clock=clock, progress=progress)
        try:
            asyncio.run(campaign.run())
        except KeyboardInterrupt:
            broken_off = True
        return campaign

    campaign = _with_bar(go, say)
    return document(campaign, say, now=clock(), complete=not broken_off), broken_off


def _with_bar(go: Callable[[Callable[[Progress], None]], Campaign], say: Catalogue) -> Campaign:
    """Run it with a bar on standard error, where that is a terminal."""
    err = errors_console()
    if not err.is_terminal:
        return go(lambda _: None)
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawing takes time that would otherwise go to measuring.
    with Bar(*columns, console=err, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(say("mirrors.stage.meet"), total=None)

        def step(progress: Progress) -> None:
            described = say(f"mirrors.stage.{progress.stage}")
            bar.update(task, description=described, completed=progress.done, total=progress.total)

        return go(step)


def run(args: Sequence[str]) -> int:
    """Run `modgate mirrors` with these arguments.

    Without `ls` or `test` it is the list; `--save` takes a file only as `--save=FILE`.
    """
    given = [f"--save={_DEFAULT}" if arg == "--save" else arg for arg in args]
    if not given or (given[0].startswith("-") and given[0] != "--help"):
        given.insert(0, "ls")
    return run_app(app, "mirrors", given)
