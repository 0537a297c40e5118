"""`modgate route`: which rule of the routing table counts for a module, and what would be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import USAGE
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback(context_settings={"max_content_width": 80}, help=text("route.help.group"))
def group() -> None:
    """Where modules come from."""


@app.command(context_settings=CONTEXT, help=text("route.help.explain"))
def explain(
    ctx: typer.Context,
    module: Annotated[str, typer.Argument(metavar="MODULE[@VERSION]", help=text("route.help.module"))],
    *,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show which rule matches and what would be asked."""
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.cli.route_show import document, show  # noqa: PLC0415  rich stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise
    from modgate.gomod.module import check_path  # noqa: PLC0415  likewise
    from modgate.wiring.routing import explained  # noqa: PLC0415  likewise

    say = catalogue(lang)
    loaded = load_config({}, settings=settings or [], config_file=config, extra=ctx.args)
    try:
        found = asyncio.run(explained(loaded.config, check_path(module.partition("@")[0])))
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json(document(found, say))
    else:
        show(found, say)


def run(args: Sequence[str]) -> int:
    """Run `modgate route` with these arguments."""
    return run_app(app, "route", args)
