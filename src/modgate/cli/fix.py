"""`modgate fix`: move go.mod to the first fixed versions.

Exit status: 0 nothing known affects the build any more, 1 something is left (or --build failed), 2 it could
not
be tried.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.client.fix.fixing import Outcome, Wish
    from modgate.client.fix.gocmd import GoCopy
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_FILES = ("go.sum", "go.mod")
"""In the order in which they are written: a go.sum that knows too much is sound, one that knows too little is
not.
"""


@app.command(context_settings={"max_content_width": 80}, help=text("fix.help.about"))
def fix(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help=text("fix.help.folder"))] = None,
    *,
    advisory: Annotated[
        list[str] | None, typer.Option("--advisory", metavar="ID", help=text("fix.help.advisory"))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("fix.help.dry_run"))] = False,
    everything: Annotated[bool, typer.Option("--all", help=text("fix.help.all"))] = False,
    tidy: Annotated[bool, typer.Option("--tidy", help=text("fix.help.tidy"))] = False,
    build: Annotated[bool, typer.Option("--build", help=text("fix.help.build"))] = False,
    db: Annotated[str | None, typer.Option(metavar="SOURCE", help=text("fix.help.db"))] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Fix a module."""
    from modgate.client.fix.document import diff, document  # noqa: PLC0415  nothing of this is for --help
    from modgate.client.fix.fixing import Wish  # noqa: PLC0415
    from modgate.client.fix.gocmd import go_copy  # noqa: PLC0415
    from modgate.errors import ModgateError  # noqa: PLC0415
    from modgate.wiring.client import local_host  # noqa: PLC0415

    say = catalogue(lang)
    wish = Wish(frozenset(advisory or ()), everything=everything, tidy=tidy, build=build)
    host = local_host()
    module = (Path(str(host.cwd)) / (folder or ".")).resolve()
    try:
        with go_copy(host, module) as copy:
            before = {name: copy.content(name) for name in _FILES}
            outcome, source = _fixed(copy, wish, db, say)
            after = {name: copy.content(name) for name in _FILES}
            changes = diff(before, after)
            written = bool(changes) and not dry_run and not outcome.failed[0]
            if written:
                _write(module, before, after)
    except ModgateError as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json(document(outcome, source=source, written=written, changes=changes))
    else:
        from modgate.cli.fix_show import show  # noqa: PLC0415  rich stays off --help

        show(
            outcome,
            changes,
            say,
            console(),
            source=source,
            written=written,
            dry_run=dry_run,
            vendored=(module / "vendor" / "modules.txt").is_file(),
        )
    raise typer.Exit(FAILED if outcome.left or outcome.failed[0] else 0)


def _fixed(copy: GoCopy, wish: Wish, db: str | None, say: Catalogue) -> tuple[Outcome, str]:
    """What came of it on the copy, and the database that was asked."""
    import asyncio  # noqa: PLC0415  as above

    from modgate.client.fix.fixing import fix as do  # noqa: PLC0415
    from modgate.wiring.advisory_source import open_known  # noqa: PLC0415
    from modgate.wiring.client import local_host  # noqa: PLC0415

    async def fixed(progress: Callable[[str], None]) -> tuple[Outcome, str]:
        async with open_known(local_host(), db) as known:
            return await do(copy, wish, known.about, progress), known.name

    err = errors_console()
    if not err.is_terminal:
        return asyncio.run(fixed(lambda _step: None))
    with err.status(say("fix.step.listing")) as status:
        return asyncio.run(fixed(lambda step: status.update(say(f"fix.step.{step}"))))


def _write(module: Path, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Both files, each whole or not at all. Raises Invalid where somebody changed them meanwhile,
    Unavailable.
    """
    from modgate.client.whole import write_data  # noqa: PLC0415  as above
    from modgate.errors import Invalid, Unavailable  # noqa: PLC0415

    for name in _FILES:
        file = module / name
        try:
            present = file.read_bytes() if file.exists() else b""
        except OSError as error:
            raise Unavailable(f"it cannot be read: {error.strerror}", where=str(file)) from error
        if present != before[name]:
            raise Invalid(
                "it was changed meanwhile; nothing is written", where=str(file), next_step="Run again."
            )
    for name in _FILES:
        if after[name] != before[name]:
            try:
                write_data(module / name, after[name])
            except OSError as error:
                raise Unavailable(
                    f"it cannot be written: {error.strerror}", where=str(module / name)
                ) from error


def run(args: Sequence[str]) -> int:
    """Run `modgate fix` with these arguments."""
    return run_app(app, "fix", args)
