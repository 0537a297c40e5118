"""`modgate chain`: what go does with a GOPROXY chain, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app
from modgate.cli.speech import AsJson, Lang, catalogue, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("chain.help.command"))
def chain(
    given: Annotated[str | None, typer.Argument(metavar="CHAIN", help=text("chain.help.chain"))] = None,
    module: Annotated[
        str | None, typer.Argument(metavar="MODULE[@VERSION]", help=text("chain.help.module"))
    ] = None,
    *,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="ENTRY=FAULT", help=text("chain.help.fault"))
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience", metavar="SECONDS", min=0.1, show_default=False, help=text("chain.help.patience")
        ),
    ] = 15.0,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Explain a chain, ask it, or rehearse it."""
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.cli.chain_json import document  # noqa: PLC0415  not needed for --help
    from modgate.cli.chain_show import show  # noqa: PLC0415  rich stays off --help
    from modgate.cli.chain_told import told  # noqa: PLC0415  likewise
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    try:
        story = asyncio.run(told(given, module, fault or [], patience))
    except Invalid as error:
        errors_console().print(f"modgate: {'; '.join(error.lines())}", soft_wrap=True)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json(document(story, say))
    else:
        show(story, say)
    raise typer.Exit(0 if story.good else FAILED)


def run(args: Sequence[str]) -> int:
    """Run `modgate chain` with these arguments."""
    return run_app(app, "chain", args)
