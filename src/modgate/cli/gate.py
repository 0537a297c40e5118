"""`modgate gate`: may what a lock file names be built with? For CI, where warm caches never ask a proxy.

Exit status: 0 nothing is refused (`--strict`: and nothing warned of or left unjudged), 1 something is,
2 it could not be found out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.gate.judging import Report
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_FORMATS = ("text", "json", "sarif")


@app.command(context_settings={"max_content_width": 80}, help=text("gate.help.about"))
def gate(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="GO.SUM|FOLDER|-", help=text("gate.help.files"))
    ] = None,
    *,
    url: Annotated[str | None, typer.Option("--gate", metavar="URL", help=text("gate.help.gate"))] = None,
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help=text("gate.help.policy"))] = None,
    db: Annotated[str | None, typer.Option(metavar="SOURCE", help=text("gate.help.db"))] = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="SEVERITY", help=text("gate.help.fail_on"))
    ] = "any",
    consumer: Annotated[str, typer.Option(metavar="NAME", help=text("gate.help.consumer"))] = "",
    shape: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help=text("gate.help.format"))
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help=text("gate.help.output"))
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help=text("gate.help.strict"))] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help=text("gate.help.timeout"))
    ] = 60.0,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Judge lock files."""
    from modgate.errors import ModgateError  # noqa: PLC0415  nothing of this is needed for --help

    say = catalogue(lang)
    try:
        form = _form(shape, output, as_json=as_json)
        report = _judge(
            files or [],
            url,
            policy=policy,
            db=db,
            fail_on=fail_on,
            consumer=consumer,
            timeout=timeout,
        )
        _show(report, form, output, say, strict=strict)
    except ModgateError as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    found = report.refused or (strict and (report.warned or report.unjudged or report.malformed))
    raise typer.Exit(FAILED if found else 0)


def _form(asked: str | None, output: Path | None, *, as_json: bool) -> str:
    """The format: as asked, else what the file's name says. Raises Invalid."""
    from modgate.errors import Invalid  # noqa: PLC0415  as above

    by_name = output.suffix.removeprefix(".") if output else ""
    form = asked or ("json" if as_json else by_name if by_name in _FORMATS else "text")
    if form not in _FORMATS or (as_json and form != "json"):
        raise Invalid(f"--format {form[:40]}: there is none", next_step=f"Known: {', '.join(_FORMATS)}.")
    return form


def _judge(
    files: Sequence[str],
    url: str | None,
    *,
    policy: Path | None,
    db: str | None,
    fail_on: str,
    consumer: str,
    timeout: float,
) -> Report:
    """The report. Raises ModgateError for what could not be found out."""
    import asyncio  # noqa: PLC0415  as above

    from modgate.client.gate.judging import judge_places  # noqa: PLC0415
    from modgate.client.sums.places import find_places  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.wiring.client import local_host  # noqa: PLC0415
    from modgate.wiring.judges import gate_judge, local_judge  # noqa: PLC0415

    if url and (policy or db):
        raise Invalid(
            "--gate and --policy or --db exclude each other", next_step="A gate judges by its own files."
        )

    async def judged() -> Report:
        host = local_host()
        places = find_places(host, files, sys.stdin.buffer.read() if "-" in files else b"")
        if policy or db:
            async with local_judge(host, policy, db, fail_on=fail_on, consumer=consumer) as judge:
                return await judge_places(places, judge)
        return await judge_places(places, await gate_judge(host, url, seconds=timeout))

    return asyncio.run(judged())


def _show(report: Report, form: str, output: Path | None, say: Catalogue, *, strict: bool) -> None:
    from modgate.client.gate.document import document, sarif  # noqa: PLC0415  as above

    if form == "json" and output is None:
        print_json(document(report))
        return
    if form == "text" and output is None:
        from modgate.cli.gate_show import show  # noqa: PLC0415  rich stays off --help

        show(report, say, console(), strict=strict)
        return
    if form == "text":
        import io  # noqa: PLC0415

        from rich.console import Console  # noqa: PLC0415

        from modgate.cli.gate_show import show  # noqa: PLC0415

        out = io.StringIO()
        plain = Console(file=out, width=80, highlight=False, markup=False, emoji=False)
        show(report, say, plain, strict=strict)
        made = out.getvalue()
    else:
        found = sarif(report, say) if form == "sarif" else document(report)
        made = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(made)
        return
    from modgate.client.whole import write_report  # noqa: PLC0415

    write_report(output, made)
    errors_console().print(say("gate.text.written", file=str(output)), soft_wrap=True)


def run(args: Sequence[str]) -> int:
    """Run `modgate gate` with these arguments."""
    return run_app(app, "gate", args)
