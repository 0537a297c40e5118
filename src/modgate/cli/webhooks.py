"""`modgate webhooks`: what waits for each webhook, sending again what was given up, a test."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.books_ask import Asked
from modgate.cli.operate import Server, Store, TokenFile  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, run_app
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_STATES = ("waiting", "delivered", "dead", "all")


@app.callback(context_settings={"max_content_width": 80}, help=text("webhooks.help.group"))
def group() -> None:
    """Webhooks."""


@app.command("list", context_settings=CONTEXT, help=text("webhooks.help.list"))
def list_(
    ctx: typer.Context,
    *,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=text("webhooks.help.state"))] = "",
    target: Annotated[str, typer.Option("--target", metavar="NAME", help=text("webhooks.help.target"))] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="COUNT", min=0, max=10_000, help=text("webhooks.help.limit"))
    ] = 20,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """List."""
    from modgate.cli.webhooks_show import listing, show_listing  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    if state not in {"", *_STATES}:
        print(f"modgate: {say('webhooks.text.no_state', given=state[:40])}", file=sys.stderr)
        raise typer.Exit(USAGE)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=ctx.args)
    items, summary = asked.run("webhooks-list", {"state": state, "target": target, "limit": limit})
    (listing if as_json else show_listing)(items, summary, say)


@app.command(context_settings=CONTEXT, help=text("webhooks.help.show"))
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help=text("webhooks.help.number"))],
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show one message."""
    from modgate.cli.webhooks_show import message, show_message  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file)
    items, _ = asked.run("webhooks-show", {"number": number})
    (message if as_json else show_message)(items[0], say)


@app.command(context_settings=CONTEXT, help=text("webhooks.help.replay"))
def replay(
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help=text("webhooks.help.number"))
    ] = None,
    *,
    target: Annotated[str, typer.Option("--target", metavar="NAME", help=text("webhooks.help.target"))] = "",
    everything: Annotated[bool, typer.Option("--all", help=text("webhooks.help.everything"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Send dead messages again."""
    from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

    say = catalogue(lang)
    if (number is not None) + bool(target) + everything != 1:
        print(f"modgate: {say('webhooks.text.which')}", file=sys.stderr)
        raise typer.Exit(USAGE)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file)
    params = {"number": number, "target": target, "all": everything}
    _, summary = asked.run("webhooks-replay", params)
    if as_json:
        print_json({"schema": 1, **summary.facts})
    elif not summary.ok:
        print(f"modgate: {say('webhooks.text.not_dead', number=number or 0)}", file=sys.stderr)
    else:
        print(say("webhooks.text.replayed", count=summary.facts["replayed"]))
    if not summary.ok:
        raise typer.Exit(FAILED)


@app.command("test", context_settings=CONTEXT, help=text("webhooks.help.test"))
def try_(
    name: Annotated[str, typer.Argument(metavar="NAME", help=text("webhooks.help.target"))],
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Send a test message."""
    from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=[name])
    _, summary = asked.run("webhooks-test", {"name": name})
    if as_json:
        print_json({"schema": 1, "ok": summary.ok, **summary.facts})
    elif summary.ok:
        print(say("webhooks.text.taken", name=name))
    else:
        refused = say("webhooks.text.refused", name=name, error=summary.facts["error"])
        print(f"modgate: {refused}", file=sys.stderr)
    if not summary.ok:
        raise typer.Exit(FAILED)


def run(args: Sequence[str]) -> int:
    """Run `modgate webhooks` with these arguments."""
    return run_app(app, "webhooks", args)
