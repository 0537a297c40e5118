"""`modgate vcs`: one module version straight from its repository, without a gate or a proxy."""

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

_Repo = Annotated[str | None, typer.Option("--repo", metavar="URL|PATH", help=text("vcs.help.repo"))]
_Root = Annotated[str | None, typer.Option("--root", metavar="PATH", help=text("vcs.help.root"))]


@app.callback(context_settings={"max_content_width": 80}, help=text("vcs.help.group"))
def group() -> None:
    """Modules from their repositories."""


@app.command(context_settings=CONTEXT, help=text("vcs.help.get"))
def get(
    ctx: typer.Context,
    wanted: Annotated[str, typer.Argument(metavar="MODULE@VERSION", help=text("vcs.help.wanted"))],
    *,
    repo: _Repo = None,
    root: _Root = None,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help=text("vcs.help.out"))] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Make one module version."""
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.cli.vcs_ask import asked_for, fetch_version, free_target, named  # noqa: PLC0415  likewise
    from modgate.cli.vcs_show import document, show_version, waiting  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415

    say = catalogue(lang)
    loaded = load_config({}, settings=settings or [], config_file=config, extra=ctx.args)
    try:
        asked = asked_for(wanted)
        target = free_target(out) if out else None
        where = named(repo, root)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    with waiting(say, asked.path):
        got = asyncio.run(fetch_version(loaded.config, where, asked, target))
    if as_json:
        print_json(document(got))
    else:
        show_version(got, say)


@app.command("list", context_settings=CONTEXT, help=text("vcs.help.list"))
def list_(
    ctx: typer.Context,
    module: Annotated[str, typer.Argument(metavar="MODULE", help=text("vcs.help.module"))],
    *,
    repo: _Repo = None,
    root: _Root = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """List the versions."""
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.cli.vcs_ask import fetch_list, named  # noqa: PLC0415  likewise
    from modgate.cli.vcs_show import waiting  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.gomod.module import check_path  # noqa: PLC0415

    say = catalogue(lang)
    loaded = load_config({}, settings=settings or [], config_file=config, extra=ctx.args)
    try:
        path = check_path(module)
        where = named(repo, root)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    with waiting(say, module):
        versions = asyncio.run(fetch_list(loaded.config, where, path))
    if as_json:
        print_json(list(versions))
    else:
        for version in versions:
            print(version)


def run(args: Sequence[str]) -> int:
    """Run `modgate vcs` with these arguments."""
    return run_app(app, "vcs", args)
