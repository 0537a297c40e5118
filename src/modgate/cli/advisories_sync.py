"""`modgate advisories sync`: look at the configured databases now, in the running server or here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED
from modgate.cli.operate import Server, Store, TokenFile, run_operation
from modgate.cli.options import ConfigFile, Settings, load_config
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["sync"]

_FAULTS = 3


def sync(
    ctx: typer.Context,
    *,
    smaller: Annotated[bool, typer.Option("--accept-smaller", help=text("advsync.help.smaller"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Look at the databases of advisories."""
    say = catalogue(lang)
    loaded = load_config({"--store": store}, settings=settings or [], config_file=config, extra=ctx.args)
    found: list[Item] = []
    summary = run_operation(
        loaded.config,
        "advisories-sync",
        {"accept_smaller": smaller},
        server=server,
        token_file=token_file,
        title=say("advsync.text.title"),
        quiet=as_json,
        item=found.append,
    )
    _show(found, summary, say, as_json=as_json)
    raise typer.Exit(0 if summary.ok else FAILED)


def _show(found: list[Item], summary: Summary, say: Catalogue, *, as_json: bool) -> None:
    from rich.padding import Padding  # noqa: PLC0415  rich stays off --help
    from rich.text import Text  # noqa: PLC0415  likewise

    from modgate.cli.speech import console, print_json  # noqa: PLC0415  likewise

    if as_json:
        print_json({**summary.facts, "results": [{"source": each.subject, **each.facts} for each in found]})
        return
    shown = console()
    for each in found:
        facts = each.facts
        error = str(facts["error"])
        shown.print(Text(each.subject, style="red" if error else ""), soft_wrap=True)
        counts = {name: facts[name] for name in ("entries", "new", "changed", "withdrawn", "gone")}
        lines = [say("advsync.text.counts", **counts)]
        if facts["broken"]:
            first = "; ".join(facts["faults"][:_FAULTS])
            lines.append(say("advsync.text.broken", count=facts["broken"], first=first))
        if error:
            lines.append(say("advsync.text.error", error=error))
        for line in lines:
            shown.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    facts = summary.facts
    shown.print(
        say(
            "advsync.text.done",
            databases=facts["databases"],
            failed=facts["failed"],
            seconds=f"{facts['seconds']:.1f}",
        )
    )
