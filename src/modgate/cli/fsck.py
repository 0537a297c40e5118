"""`modgate fsck`: check the store of the configuration, and repair it.

The server that holds the store does it at a pace that its clients do not feel; without one it is done here,
as fast as the disk gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.operate import Server, Store, TokenFile, run_operation
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=CONTEXT, help=text("fsck.help.command"))
def fsck(
    patterns: Annotated[
        list[str] | None, typer.Argument(metavar="PATTERN", help=text("fsck.help.patterns"))
    ] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help=text("fsck.help.quick"))] = False,
    deep: Annotated[bool, typer.Option("--deep", help=text("fsck.help.deep"))] = False,
    repair: Annotated[bool, typer.Option("--repair", help=text("fsck.help.repair"))] = False,
    rate: Annotated[str | None, typer.Option("--rate", metavar="SIZE/s", help=text("fsck.help.rate"))] = None,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Check, and repair."""
    from modgate.cli.fsck_show import Shown  # noqa: PLC0415  rich stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    extra = [each for each in patterns or [] if each.startswith("-")]
    loaded = load_config({"--store": store}, settings=settings or [], config_file=config, extra=extra)
    shown = Shown(say, as_json=as_json, repair=repair)
    params: dict[str, Any] = {"repair": repair, "patterns": patterns or []}
    try:
        params |= {"level": _level(quick=quick, deep=deep), "rate": _rate(rate)}
        with shown:
            summary = run_operation(
                loaded.config,
                "fsck",
                params,
                server=server,
                token_file=token_file,
                title=say("fsck.title"),
                quiet=as_json,
                item=shown.item,
            )
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json({"schema": 1, **summary.facts, "found": shown.rows})
    else:
        shown.end(summary)
    if not summary.ok:
        raise typer.Exit(FAILED)


def _level(*, quick: bool, deep: bool) -> str:
    from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help

    if quick and deep:
        raise Invalid("--quick reads nothing whole, --deep reads everything twice: choose one")
    return "quick" if quick else "deep" if deep else "full"


def _rate(given: str | None) -> int | None:
    """Bytes a second; None where it was not given. Raises Invalid."""
    from modgate.config.values import parse_size  # noqa: PLC0415  pydantic stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    if given is None:
        return None
    try:
        return parse_size(given.strip().removesuffix("/s"))
    except ValueError:
        raise Invalid(f"--rate {given}: write a size a second, as in 50MB/s, or 0 for no limit") from None


def run(args: Sequence[str]) -> int:
    """Run `modgate fsck` with these arguments."""
    return run_app(app, "fsck", args)
