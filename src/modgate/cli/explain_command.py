"""The options of `modgate explain`: its help, and what is said about a slip."""

from __future__ import annotations

from typing import Annotated

import typer

from modgate.cli.explain import Order, carry_out
from modgate.cli.speech import AsJson, Lang, text

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("explain.help.about"))
def explain(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[VAR|KEY]", help=text("explain.help.names"))
    ] = None,
    *,
    consumer: Annotated[
        str, typer.Option("--for", metavar="CONSUMER", show_default=False, help=text("explain.help.consumer"))
    ] = "terminal",
    everything: Annotated[bool, typer.Option("--all", help=text("explain.help.everything"))] = False,
    editor: Annotated[
        str, typer.Option("--editor", metavar="NAME", show_default=False, help=text("explain.help.editor"))
    ] = "",
    experiment: Annotated[bool, typer.Option("--experiment", help=text("explain.help.experiment"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Explain the settings."""
    order = Order(
        names=tuple(names or ()),
        consumer=consumer,
        everything=everything,
        editor=editor,
        experiment=experiment,
        as_json=as_json,
        lang=lang,
    )
    raise typer.Exit(carry_out(order))
