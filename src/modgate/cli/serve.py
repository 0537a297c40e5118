"""`modgate serve`: the module proxy."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli.options import CONTEXT, ConfigFile, Settings, config_loader, first_load, run_app

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_Text = str | None


@app.command(context_settings=CONTEXT)
def serve(  # noqa: PLR0917  each is an option
    ctx: typer.Context,
    listen: Annotated[
        _Text,
        typer.Option(metavar="HOST:PORT", help="Address to listen on, or unix:/path. [127.0.0.1:3000]"),
    ] = None,
    store: Annotated[
        _Text,
        typer.Option(metavar="FOLDER|memory:", help="Where modules are kept. [the user's cache folder]"),
    ] = None,
    upstream: Annotated[
        _Text, typer.Option(metavar="CHAIN", help="Where modules come from, as GOPROXY. [go env GOPROXY]")
    ] = None,
    sumdb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="Checksum database as GOSUMDB, or off. Repeatable; the first one verifies. [go env GOSUMDB]",
        ),
    ] = None,
    private: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Private modules, as GOPRIVATE: never asked of a public upstream or database. Repeatable.",
        ),
    ] = None,
    prefix: Annotated[
        _Text, typer.Option(metavar="PATH", help="Serve everything under this URL path.")
    ] = None,
    tls_cert: Annotated[_Text, typer.Option(metavar="FILE", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[_Text, typer.Option(metavar="FILE", help="Private key, PEM.")] = None,
    tls_client_ca: Annotated[
        _Text, typer.Option(metavar="FILE", help="Require client certificates of these CAs, PEM.")
    ] = None,
    no_prefetch: Annotated[bool, typer.Option("--no-prefetch", help="Fetch only what is asked for.")] = False,
    log_format: Annotated[
        _Text, typer.Option(metavar="auto|human|json", help="Form of the log. [auto]")
    ] = None,
    log_level: Annotated[
        _Text, typer.Option(metavar="LEVEL", help="debug, info, warning or error. [info]")
    ] = None,
    log_access: Annotated[
        _Text, typer.Option(metavar="off|misses|all", help="Which requests get a line. [misses]")
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Run the module proxy until it is stopped.

    Without any option it listens on 127.0.0.1:3000, keeps modules in the user's cache folder, takes
    its upstream from `go env GOPROXY` and verifies against the checksum database. Point go at it:

    go env -w GOPROXY=http://127.0.0.1:3000

    Flags win over MODGATE_* variables, which win over the file.
    """
    flags: dict[str, object] = {
        "--listen": listen,
        "--store": store,
        "--upstream": upstream,
        "--sumdb": sumdb or None,
        "--private": private or None,
        "--prefix": prefix,
        "--tls-cert": tls_cert,
        "--tls-key": tls_key,
        "--tls-client-ca": tls_client_ca,
        "--no-prefetch": False if no_prefetch else None,
        "--log-format": log_format,
        "--log-level": log_level,
        "--log-access": log_access,
    }
    load = config_loader(flags, settings=settings or [], config_file=config, extra=ctx.args)
    loaded = first_load(load)
    from modgate.config import warnings  # noqa: PLC0415  pydantic stays off --help

    for text in warnings(loaded.config):
        print(f"modgate: warning: {text}", file=sys.stderr)
    from modgate.wiring.quick import importing  # noqa: PLC0415  likewise

    with importing():
        from modgate.wiring import server  # noqa: PLC0415  it stays off --help

    server.serve(loaded, load)


def run(args: Sequence[str]) -> int:
    """Run `modgate serve` with these arguments."""
    return run_app(app, "serve", args)
