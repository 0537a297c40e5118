"""`modgate import`: what another program keeps of Go modules, into the store.

The operation runs where the store is held; what did not come in is shown when it has ended, because the bar
stands on the terminal while it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.operate import Store, run_operation
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["app", "run", "size_text"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_SHOWN = 200


@app.command(context_settings=CONTEXT, help=text("import.help.command"))
def import_(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help=text("import.help.folder"))],
    *,
    layout: Annotated[str, typer.Option("--from", metavar="LAYOUT", help=text("import.help.from"))] = "auto",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="PATTERN", help=text("import.help.only"))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("import.help.dry_run"))] = False,
    store: Store = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Take versions in."""
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    flags = [folder] if folder.startswith("-") else []
    loaded = load_config(
        {"--store": store}, settings=settings or [], config_file=config, extra=[*flags, *ctx.args]
    )
    items: list[Item] = []
    params = {
        "folder": str(Path(folder).expanduser().absolute()),
        "layout": layout,
        "only": only or [],
        "dry_run": dry_run,
    }
    try:
        summary = run_operation(
            loaded.config, "import", params, title=say("import.title"), quiet=as_json, item=items.append
        )
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        away = [item for item in items if "reason" in item.facts]
        refused = [{"version": item.subject, "state": item.kind, **item.facts} for item in away]
        print_json({"schema": 1, **summary.facts, "not_imported": refused})
    else:
        _show(summary, items, say)
    if not summary.ok:
        raise typer.Exit(FAILED)


def _show(summary: Summary, items: Sequence[Item], say: Catalogue) -> None:
    from rich.padding import Padding  # noqa: PLC0415  rich stays off --help
    from rich.text import Text  # noqa: PLC0415  likewise

    from modgate.cli.speech import console  # noqa: PLC0415  likewise

    out, facts = console(), summary.facts
    layout = say(f"import.layout.{facts['layout']}")
    out.print(say("import.text.from", folder=facts["folder"], layout=layout), soft_wrap=True)
    away = sorted((item for item in items if "reason" in item.facts), key=lambda item: item.subject)
    for item in away[:_SHOWN]:
        style = "red" if item.kind == "refused" else "yellow"
        line = Text.assemble((say(f"import.reason.{item.facts['reason']}"), style), "  ", item.subject)
        out.print(line, soft_wrap=True)
        out.print(Padding(Text(item.facts["text"]), (0, 0, 0, 2), expand=False))
    if len(away) > _SHOWN:
        out.print(say("import.text.more", count=len(away) - _SHOWN))
    came = "import.text.would" if facts["dry_run"] else "import.text.came"
    size = size_text(facts["bytes"])
    out.print(say("import.text.found", count=facts["found"]))
    out.print(f"  {say(came, count=facts['imported'], size=size)}")
    for state in ("there", "refused", "unverifiable"):
        if facts[state]:
            out.print(f"  {say(f'import.text.{state}', count=facts[state])}")
    if facts["unverifiable"]:
        out.print(say("import.text.again"))


def size_text(size: int) -> str:
    """A number of bytes for people."""
    if size < 1000:
        return f"{size} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6)):
        if size < 1000 * scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e9:.1f} GB"


def run(args: Sequence[str]) -> int:
    """Run `modgate import` with these arguments."""
    return run_app(app, "import", args)
