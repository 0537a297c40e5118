"""The options of `modgate doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli.doctor import chosen, print_list
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_Words = list[str] | None


@app.command(context_settings={"max_content_width": 80}, help=text("doctor.about"))
def doctor(
    modules: Annotated[
        _Words, typer.Argument(metavar="MODULE[@VERSION]", help=text("doctor.help.modules"))
    ] = None,
    *,
    only: Annotated[_Words, typer.Option("--only", metavar="NAME", help=text("doctor.help.only"))] = None,
    skip: Annotated[_Words, typer.Option("--skip", metavar="NAME", help=text("doctor.help.skip"))] = None,
    listing: Annotated[bool, typer.Option("--list-checks", help=text("doctor.help.list"))] = False,
    offline: Annotated[bool, typer.Option("--offline", help=text("doctor.help.offline"))] = False,
    resolver: Annotated[
        _Words, typer.Option("--resolver", metavar="SERVER", help=text("doctor.help.resolver"))
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help=text("doctor.help.timeout"))
    ] = 14.0,
    fix: Annotated[bool, typer.Option("--fix", help=text("doctor.help.fix"))] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=text("doctor.help.yes"))] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help=text("doctor.help.verbose"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Find out why downloads fail."""
    from modgate.cli import USAGE  # noqa: PLC0415  what follows is not needed for --help
    from modgate.cli.options import tell  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415

    say = catalogue(lang)
    try:
        checks = chosen(only or (), skip or ())
        wanted = _modules(modules or ())
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if listing:
        print_list(checks, say, as_json=as_json)
        return

    from modgate.cli.doctor_run import Order, diagnose  # noqa: PLC0415  asyncio and rich stay off --help

    order = Order(
        checks=tuple(listed.load() for listed in checks),
        modules=wanted,
        resolvers=tuple(resolver or ()),
        offline=offline,
        limit=timeout,
        fix=fix,
        yes=yes,
        verbose=verbose,
        as_json=as_json,
        partly=bool(only or skip),
    )
    raise typer.Exit(diagnose(order, say))


def _modules(words: Sequence[str]) -> tuple[str, ...]:
    """The modules as typed. Raises Invalid for what is no module path."""
    from modgate.gomod.module import check_path  # noqa: PLC0415  not needed for --help

    for word in words:
        check_path(word.partition("@")[0])
    return tuple(words)
