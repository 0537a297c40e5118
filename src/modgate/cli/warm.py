"""`modgate warm`: fill the cache with all that go will ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.operate import Server, Store, TokenFile, run_operation
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=CONTEXT, help=text("warm.help.about"))
def warm(
    ctx: typer.Context,
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|DIR|MODULE@VERSION", help=text("warm.help.wanted")),
    ] = None,
    *,
    toolchains: Annotated[
        str, typer.Option("--toolchains", metavar="NAMES", help=text("warm.help.toolchains"))
    ] = "",
    platforms: Annotated[
        str, typer.Option("--platforms", metavar="OS/ARCH", help=text("warm.help.platforms"))
    ] = "",
    all_sums: Annotated[bool, typer.Option("--all-sums", help=text("warm.help.all_sums"))] = False,
    alone: Annotated[bool, typer.Option("--alone", help=text("warm.help.alone"))] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=96, metavar="N", help=text("warm.help.jobs"))
    ] = None,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Fill the cache ahead."""
    from modgate.cli.warm_files import read_wish  # noqa: PLC0415  not needed for --help
    from modgate.cli.warm_show import Shown  # noqa: PLC0415  rich stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    flags = [each for each in wanted or [] if each.startswith("-")]
    loaded = load_config(
        {"--store": store}, settings=settings or [], config_file=config, extra=[*ctx.args, *flags]
    )
    names = [each.strip() for each in toolchains.split(",") if each.strip()]
    try:
        wish = read_wish(wanted or [], every_line=all_sums, toolchains=names, platforms=platforms)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    params = {**wish.params(), "alone": alone, "jobs": jobs}
    shown = Shown(say, as_json=as_json)
    summary = run_operation(
        loaded.config,
        "warm",
        params,
        server=server,
        token_file=token_file,
        title=say("warm.text.title"),
        quiet=as_json,
        item=shown.take,
    )
    shown.end(summary)
    raise typer.Exit(0 if summary.ok else FAILED)


def run(args: Sequence[str]) -> int:
    """Run `modgate warm` with these arguments."""
    return run_app(app, "warm", args)
