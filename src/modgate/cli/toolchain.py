"""`modgate toolchain`: what the real go says about a module or a binary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.machine.host import Host
    from modgate.client.toolchain.survey import Wish
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("toolchain.help.about"))
def toolchain(
    target: Annotated[
        Path | None, typer.Argument(metavar="[DIR|BINARY]", help=text("toolchain.help.target"))
    ] = None,
    *,
    network: Annotated[bool, typer.Option("--network", help=text("toolchain.help.network"))] = False,
    updates: Annotated[bool, typer.Option("--updates", help=text("toolchain.help.updates"))] = False,
    sizes: Annotated[bool, typer.Option("--sizes", help=text("toolchain.help.sizes"))] = False,
    everything: Annotated[bool, typer.Option("--all", help=text("toolchain.help.everything"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Summarise a module or a binary."""
    from modgate.client.toolchain.survey import Wish  # noqa: PLC0415  not needed for --help
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.wiring.client import local_host  # noqa: PLC0415

    say, host = catalogue(lang), local_host()
    place = (target or Path()).absolute()
    try:
        if place.is_file() and place.name not in {"go.mod", "go.work"}:
            _binary(host, place, say, as_json=as_json, everything=everything)
            return
        folder = _folder_of(place)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    wish = Wish(str(folder), network=network, updates=updates, sizes=sizes)
    raise typer.Exit(_survey(host, wish, say, as_json=as_json, everything=everything))


def _folder_of(place: Path) -> Path:
    """The folder that is meant. Raises Invalid."""
    from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help

    folder = place.parent if place.is_file() else place
    if not folder.is_dir():
        raise Invalid(f"{place} is neither a folder nor a file")
    return folder


def _binary(host: Host, file: Path, say: Catalogue, *, as_json: bool, everything: bool) -> None:
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.client.toolchain.binary import read_binary  # noqa: PLC0415

    binary = asyncio.run(read_binary(host, str(file)))
    if as_json:
        from modgate.client.toolchain.document import binary_document  # noqa: PLC0415

        print_json(binary_document(binary))
        return
    from modgate.cli.toolchain_show import show_binary  # noqa: PLC0415  rich

    show_binary(binary, say, console(), host, everything=everything)


def _survey(host: Host, wish: Wish, say: Catalogue, *, as_json: bool, everything: bool) -> int:
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.client.toolchain.survey import survey  # noqa: PLC0415
    from modgate.wiring.client import outfit  # noqa: PLC0415

    found = asyncio.run(survey(host, wish, outfit))
    if as_json:
        from modgate.client.toolchain.document import document  # noqa: PLC0415

        print_json(document(found))
    else:
        from modgate.cli.toolchain_show import show_survey  # noqa: PLC0415  rich

        closed = not (wish.network or wish.updates)
        show_survey(found, say, console(), host, everything=everything, closed=closed)
    return FAILED if found.selection.forbidden or found.listing.error or not found.gomod + found.gowork else 0


def run(args: Sequence[str]) -> int:
    """Run `modgate toolchain` with these arguments."""
    return run_app(app, "toolchain", args)
