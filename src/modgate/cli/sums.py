"""`modgate sums`: the audit of go.sum files.

Exit status, made for CI: 0 nothing contradicts the files (`--strict`: and everything is vouched for or
declared private), 1 something does, 2 the audit itself was not possible.
"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from modgate.client.sums.rows import Report
    from modgate.client.sums.run import Wish
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_FORMATS = ("text", "json", "csv", "html", "sarif")


@app.command(context_settings={"max_content_width": 80}, help=text("sums.help.command"))
def sums(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="GO.SUM|FOLDER|-", help=text("sums.help.files"))
    ] = None,
    *,
    sumdb: Annotated[str | None, typer.Option(metavar="GOSUMDB", help=text("sums.help.sumdb"))] = None,
    proxy: Annotated[str | None, typer.Option(metavar="GOPROXY", help=text("sums.help.proxy"))] = None,
    offline: Annotated[bool, typer.Option("--offline", help=text("sums.help.offline"))] = False,
    versions: Annotated[
        bool, typer.Option("--versions/--no-versions", help=text("sums.help.versions"))
    ] = True,
    graph: Annotated[bool, typer.Option("--graph/--no-graph", help=text("sums.help.graph"))] = True,
    state: Annotated[bool, typer.Option("--state/--no-state", help=text("sums.help.state"))] = True,
    accept: Annotated[bool, typer.Option("--accept", help=text("sums.help.accept"))] = False,
    owners: Annotated[Path | None, typer.Option(metavar="FILE", help=text("sums.help.owners"))] = None,
    shape: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=text("sums.help.format"))
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help=text("sums.help.output"))
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help=text("sums.help.strict"))] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help=text("sums.help.timeout"))
    ] = 10.0,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help=text("sums.help.verbose"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Audit go.sum files."""
    from modgate.client.sums.judge import failed  # noqa: PLC0415  nothing of this is needed for --help
    from modgate.client.sums.run import Wish  # noqa: PLC0415
    from modgate.errors import ModgateError  # noqa: PLC0415

    say = catalogue(lang)
    named = files or []
    try:
        form = _form(shape, output, as_json=as_json)
        wish = Wish(
            files=named,
            stdin=sys.stdin.buffer.read() if "-" in named else b"",
            sumdb=sumdb,
            proxy=proxy,
            offline=offline,
            versions=versions,
            graph=graph,
            state=state,
            owners=owners,
            timeout=timeout,
            accept=accept,
        )
        report = _audit(wish, say)
        _show(report, form, output, say, strict=strict, verbose=verbose)
    except ModgateError as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    raise typer.Exit(FAILED if failed(report, strict=strict) else 0)


def _form(asked: str | None, output: Path | None, *, as_json: bool) -> str:
    """The format: as asked, else what the file's name says. Raises Invalid."""
    from modgate.errors import Invalid  # noqa: PLC0415  as above

    by_name = output.suffix.removeprefix(".") if output else ""
    form = asked or ("json" if as_json else by_name if by_name in _FORMATS else "text")
    if form not in _FORMATS or (as_json and form != "json"):
        raise Invalid(f"--format {form[:40]}: there is none", next_step=f"Known: {', '.join(_FORMATS)}.")
    return form


def _audit(wish: Wish, say: Catalogue) -> Report:
    """The report, with a line on standard error while it takes its time."""
    import asyncio  # noqa: PLC0415  as above

    from modgate.client.sums.run import run_audit  # noqa: PLC0415
    from modgate.wiring.client import clock, local_host, upstream  # noqa: PLC0415

    def audit(progress: Callable[[int, int], None]) -> Report:
        return asyncio.run(
            run_audit(local_host(), wish, lambda url: upstream(url, seconds=wish.timeout), clock, progress)
        )

    err = errors_console()
    if not err.is_terminal:
        return audit(lambda _done, _total: None)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(say("sums.text.asking"), total=None)
        return audit(lambda done, total: bar.update(task, completed=done, total=total))


def _show(
    report: Report, form: str, output: Path | None, say: Catalogue, *, strict: bool, verbose: bool
) -> None:
    from modgate.client.sums.document import document  # noqa: PLC0415  as above

    found = document(report, say, strict=strict)
    if form == "json" and output is None:
        print_json(found)
        return
    if form == "text" and output is None:
        from modgate.client.sums.tables import show  # noqa: PLC0415  rich stays off --help

        show(found, say, console(), verbose=verbose)
        return
    made = _made(report, found, form, say, verbose=verbose)
    if output is None:
        sys.stdout.write(made)
        return
    from modgate.client.whole import write_report  # noqa: PLC0415

    write_report(output, made)
    errors_console().print(say("sums.text.written", file=str(output)), soft_wrap=True)


def _made(report: Report, found: dict[str, Any], form: str, say: Catalogue, *, verbose: bool) -> str:
    """The report in a format, as text."""
    import json  # noqa: PLC0415  as above

    if form == "csv":
        from modgate.client.sums.sheet import sheet  # noqa: PLC0415

        return sheet(found)
    if form == "html":
        from modgate.client.sums.page import page  # noqa: PLC0415

        return page(found, say)
    if form == "text":
        import io  # noqa: PLC0415

        from rich.console import Console  # noqa: PLC0415

        from modgate.client.sums.tables import show  # noqa: PLC0415

        out = io.StringIO()
        show(
            found,
            say,
            Console(file=out, width=80, highlight=False, markup=False, emoji=False),
            verbose=verbose,
        )
        return out.getvalue()
    if form == "sarif":
        from modgate.client.sums.sarif import sarif  # noqa: PLC0415

        found = sarif(report, say)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def run(args: Sequence[str]) -> int:
    """Run `modgate sums` with these arguments."""
    return run_app(app, "sums", args)
