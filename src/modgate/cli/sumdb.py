"""`modgate sumdb`: the key of an own checksum log, the audit of any log, and a folder for work without one.

Exit status: 0 done, 1 refused or not whole, 2 the command line is wrong or a log could not be read.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_SETTINGS = {"max_content_width": 80}


@app.callback(context_settings=_SETTINGS, help=text("sumlog.help.group"))
def group() -> None:
    """Checksum logs."""


@app.command(context_settings=_SETTINGS, help=text("sumlog.help.keygen"))
def keygen(
    name: Annotated[str, typer.Argument(metavar="NAME", help=text("sumlog.help.name"))],
    *,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help=text("sumlog.help.out"))] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Make a key."""
    from modgate.errors import Invalid, ModgateError  # noqa: PLC0415  not needed for --help
    from modgate.wiring.sumdb import make_key  # noqa: PLC0415

    say = catalogue(lang)
    try:
        if as_json and out is None:
            raise Invalid(
                "--json tells of a key in a file, and shows none", next_step="Name one: --out FILE."
            )
        key, verifier_key = make_key(name, out)
    except ModgateError as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json({"schema": 1, "name": name, "verifier_key": verifier_key, "file": str(out)})
        return
    if out is None:
        print(key)
    show = console() if out else errors_console()
    show.print(say("sumlog.text.verifier", verifier=verifier_key), soft_wrap=True)
    show.print(say("sumlog.text.client", verifier=verifier_key), soft_wrap=True)
    if out is not None:
        show.print(say("sumlog.text.config", file=str(out.absolute())), soft_wrap=True)


@app.command(
    context_settings=_SETTINGS, help=text("sumlog.help.verify"), short_help=text("sumlog.help.verify_short")
)
def verify(
    target: Annotated[str, typer.Argument(metavar="URL|DIR", help=text("sumlog.help.target"))],
    *,
    key: Annotated[str | None, typer.Option(metavar="VKEY", help=text("sumlog.help.key"))] = None,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="NOTEFILE", help=text("sumlog.help.from"))
    ] = None,
    sample: Annotated[int | None, typer.Option(metavar="N", min=0, help=text("sumlog.help.sample"))] = None,
    everything: Annotated[bool, typer.Option("--all", help=text("sumlog.help.all"))] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help=text("sumlog.help.timeout"))
    ] = 30.0,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Audit a log."""
    from modgate.cli.sumdb_verify import Wish, verify_log  # noqa: PLC0415  not needed for --help
    from modgate.errors import ModgateError, Tampered  # noqa: PLC0415

    wish = Wish(target, key, start, sample, everything=everything, timeout=timeout)
    try:
        good = verify_log(wish, catalogue(lang), as_json=as_json)
    except ModgateError as error:
        if as_json and isinstance(error, Tampered):
            print_json(
                {"schema": 1, "ok": False, "error": error.lines(), "proof": getattr(error, "proof", "")}
            )
        else:
            tell(error)
            if proof := getattr(error, "proof", ""):
                typer.echo(proof, err=True, nl=False)
        raise typer.Exit(FAILED if isinstance(error, Tampered) else USAGE) from None
    raise typer.Exit(0 if good else FAILED)


@app.command(
    context_settings=_SETTINGS, help=text("sumlog.help.mirror"), short_help=text("sumlog.help.mirror_short")
)
def mirror(
    files: Annotated[list[Path], typer.Argument(metavar="GO.SUM|GO.MOD...", help=text("sumlog.help.files"))],
    *,
    to: Annotated[Path, typer.Option(metavar="DIR", help=text("sumlog.help.to"))],
    sumdb: Annotated[str | None, typer.Option(metavar="GOSUMDB", help=text("sumlog.help.sumdb"))] = None,
    proxy: Annotated[
        str | None, typer.Option("--from", metavar="GOPROXY", help=text("sumlog.help.proxy"))
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help=text("sumlog.help.timeout"))
    ] = 30.0,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Copy what lookups need."""
    from modgate.cli.sumdb_mirror import Wish, mirror_to  # noqa: PLC0415  not needed for --help
    from modgate.errors import ModgateError, Tampered  # noqa: PLC0415

    wish = Wish(files, to, sumdb, proxy, timeout)
    try:
        whole = mirror_to(wish, catalogue(lang), as_json=as_json)
    except ModgateError as error:
        tell(error)
        raise typer.Exit(FAILED if isinstance(error, Tampered) else USAGE) from None
    raise typer.Exit(0 if whole else FAILED)


def run(args: Sequence[str]) -> int:
    """Run `modgate sumdb` with these arguments."""
    return run_app(app, "sumdb", args)
