"""`modgate refresh`: ask upstream for new versions now."""

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


@app.command(context_settings=CONTEXT, help=text("refresh.help.about"))
def refresh(
    ctx: typer.Context,
    modules: Annotated[
        list[str] | None, typer.Argument(metavar="MODULE|PATTERN", help=text("refresh.help.modules"))
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help=text("refresh.help.everything"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Ask for what may have changed."""
    from modgate.cli.refresh_show import Shown  # noqa: PLC0415  rich stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    flags = [each for each in modules or [] if each.startswith("-")]
    loaded = load_config(
        {"--store": store}, settings=settings or [], config_file=config, extra=[*ctx.args, *flags]
    )
    if everything == bool(modules):
        tell(Invalid(say("refresh.text.which")))
        raise typer.Exit(USAGE)
    shown = Shown(say, as_json=as_json)
    summary = run_operation(
        loaded.config,
        "refresh",
        {"modules": modules or [], "all": everything},
        server=server,
        token_file=token_file,
        title=say("refresh.text.title"),
        quiet=as_json,
        item=shown.take,
    )
    shown.end(summary)
    raise typer.Exit(0 if summary.ok else FAILED)


def run(args: Sequence[str]) -> int:
    """Run `modgate refresh` with these arguments."""
    return run_app(app, "refresh", args)
