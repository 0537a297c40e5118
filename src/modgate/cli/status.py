"""`modgate status`: how a running server is, once or again and again.

Watching goes on through a server that is away: that it went, and that it came back, is what is watched for.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate.cli import FAILED
from modgate.cli.operate import Server, Store, TokenFile, admin_token
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.config import Config
    from modgate.errors import ModgateError
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_SECONDS = 2.0
_LEAST = 0.2


@app.command(context_settings=CONTEXT, help=text("status.help.command"))
def status(  # noqa: PLR0917  each is an option
    ctx: typer.Context,
    watch: Annotated[
        float | None,
        typer.Option("--watch", metavar="[SECONDS]", min=_LEAST, max=3600, help=text("status.help.watch")),
    ] = None,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show how a running server is."""
    say = catalogue(lang)
    loaded = load_config({"--store": store}, settings=settings or [], config_file=config, extra=ctx.args)
    from modgate.errors import ModgateError  # noqa: PLC0415  what is asked for comes after --help

    try:
        ask = _asking(loaded.config, server or "", token_file)
    except ModgateError as error:
        _away(error, loaded.config, say, named=True, as_json=as_json)
        raise typer.Exit(FAILED) from None
    if watch is not None:
        _watch(ask, watch, say, as_json=as_json)
        return
    try:
        facts = ask()
    except ModgateError as error:
        _away(error, loaded.config, say, named=bool(server), as_json=as_json)
        raise typer.Exit(FAILED) from None
    if as_json:
        print_json({"running": True, **facts})
        return
    from modgate.cli.speech import console  # noqa: PLC0415  rich stays off --help
    from modgate.cli.status_show import picture  # noqa: PLC0415  likewise

    console().print(picture(facts, say, now=time.time()))


def _asking(config: Config, server: str, token_file: str | None) -> Callable[[], dict[str, Any]]:
    """What asks once, and raises ModgateError."""
    import asyncio  # noqa: PLC0415  it stays off --help

    from modgate.wiring.status_ask import ask_status  # noqa: PLC0415  likewise

    token = admin_token(token_file) if server else ""
    return lambda: asyncio.run(ask_status(config, server=server, token=token))


def _away(error: ModgateError, config: Config, say: Catalogue, *, named: bool, as_json: bool) -> None:
    """No answer: what can be said all the same."""
    from modgate.errors import Absent  # noqa: PLC0415  see above
    from modgate.wiring.status_ask import resting_store  # noqa: PLC0415  likewise

    store = None if named else resting_store(config)
    if as_json:
        print_json({"running": False, "error": str(error), "store": store})
        return
    if not isinstance(error, Absent):
        tell(error)
    from modgate.cli.speech import console  # noqa: PLC0415  rich stays off --help
    from modgate.cli.status_show import resting  # noqa: PLC0415  likewise

    if isinstance(error, Absent):
        holder = store["holder"] if store else None
        key = "status.away.silent" if holder else "status.away.none"
        values = (
            {"pid": holder["pid"], "address": holder["address"] or "?"}
            if holder
            else {"path": str(config.store.path)}
        )
        print(f"modgate: {say(key, **values)}", file=sys.stderr)
        print(f"  {say('status.away.named-next' if holder else 'status.away.next')}", file=sys.stderr)
    if store is not None:
        console().print(resting(store, say))


def _watch(ask: Callable[[], dict[str, Any]], seconds: float, say: Catalogue, *, as_json: bool) -> None:
    """Ask again and again until Ctrl-C, which is the way to end it and no failure."""
    try:
        if as_json:
            _lines(ask, seconds)
        else:
            _redraw(ask, seconds, say)
    except KeyboardInterrupt:
        return


def _lines(ask: Callable[[], dict[str, Any]], seconds: float) -> None:
    from modgate.errors import ModgateError  # noqa: PLC0415  see above

    while True:
        try:
            document = {"running": True, "at": time.time(), **ask()}
        except ModgateError as error:
            document = {"running": False, "at": time.time(), "error": str(error)}
        print_json(document, indent=None)
        time.sleep(seconds)


def _redraw(ask: Callable[[], dict[str, Any]], seconds: float, say: Catalogue) -> None:
    from rich.live import Live  # noqa: PLC0415  for terminals alone

    from modgate.cli.speech import console  # noqa: PLC0415  rich stays off --help
    from modgate.cli.status_show import Watched  # noqa: PLC0415  likewise
    from modgate.errors import ModgateError  # noqa: PLC0415  see above

    out = console()
    watched = Watched(say)
    if not out.is_terminal:
        while True:
            watched.round(ask, ModgateError, time.time)
            out.print(watched.picture(), "")
            out.file.flush()
            time.sleep(seconds)
    with Live(console=out, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            watched.round(ask, ModgateError, time.time)
            live.update(watched.picture(), refresh=True)
            time.sleep(seconds)


def run(args: Sequence[str]) -> int:
    """Run `modgate status` with these arguments; the seconds of `--watch` may be left out."""
    given: list[str] = []
    for number, word in enumerate(args):
        following = args[number + 1] if number + 1 < len(args) else ""
        bare = word == "--watch" and not following[:1].isdigit()
        given.append(f"--watch={_SECONDS:g}" if bare else word)
    return run_app(app, "status", given)
