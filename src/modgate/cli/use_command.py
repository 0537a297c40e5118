"""The options of `modgate use`."""

from __future__ import annotations

from typing import Annotated

import typer

from modgate.cli.speech import AsJson, Lang, text

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_Words = list[str] | None
_SCOPES = "session|goenv|shell|vscode-user|vscode-workspace"


@app.command(context_settings={"max_content_width": 80}, help=text("use.about"))
def use(
    chain: Annotated[
        str | None, typer.Argument(metavar="MIRROR|URL|CHAIN", help=text("use.help.chain"))
    ] = None,
    *,
    scope: Annotated[
        str | None, typer.Option("--scope", metavar=_SCOPES, help=text("use.help.scope"))
    ] = None,
    setting: Annotated[_Words, typer.Option("--set", metavar="VAR=VALUE", help=text("use.help.set"))] = None,
    unset: Annotated[_Words, typer.Option("--unset", metavar="VAR", help=text("use.help.unset"))] = None,
    reset: Annotated[bool, typer.Option("--reset", help=text("use.help.reset"))] = False,
    listing: Annotated[bool, typer.Option("--list", help=text("use.help.list"))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("use.help.dry-run"))] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=text("use.help.yes"))] = False,
    force: Annotated[bool, typer.Option("--force", help=text("use.help.force"))] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help=text("use.help.check"))] = True,
    shell: Annotated[str | None, typer.Option("--shell", metavar="NAME", help=text("use.help.shell"))] = None,
    editor: Annotated[_Words, typer.Option("--editor", metavar="NAME", help=text("use.help.editor"))] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Change a setting."""
    from modgate.cli.use import perform  # noqa: PLC0415  not needed for --help
    from modgate.cli.use_wish import Wish  # noqa: PLC0415  likewise

    wish = Wish(
        chain=chain,
        scope=scope,
        settings=tuple(setting or ()),
        unset=tuple(unset or ()),
        reset=reset,
        listing=listing,
        dry_run=dry_run,
        yes=yes,
        force=force,
        check=check,
        shell=shell,
        editors=tuple(editor or ()),
        as_json=as_json,
        lang=lang,
    )
    raise typer.Exit(perform(wish))
