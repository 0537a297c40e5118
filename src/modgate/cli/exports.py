"""`modgate export`: modules of the store for another site, as a folder or one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.imports import size_text
from modgate.cli.operate import Store, run_operation
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_SHOWN = 200


@app.command(context_settings=CONTEXT, help=text("export.help.command"))
def export(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help=text("export.help.target"))],
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="PATTERN", help=text("export.help.only"))
    ] = None,
    go_sum: Annotated[
        str | None, typer.Option("--go-sum", metavar="FILE", help=text("export.help.go_sum"))
    ] = None,
    private: Annotated[bool, typer.Option("--private", help=text("export.help.private"))] = False,
    store: Store = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Write modules out."""
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    flags = [target] if target.startswith("-") else []
    loaded = load_config(
        {"--store": store}, settings=settings or [], config_file=config, extra=[*flags, *ctx.args]
    )
    items: list[Item] = []
    params = {
        "target": _absolute(target),
        "only": only or [],
        "go_sum": _absolute(go_sum) if go_sum else "",
        "private": private,
    }
    try:
        summary = run_operation(
            loaded.config, "export", params, title=say("export.title"), quiet=as_json, item=items.append
        )
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    items.sort(key=lambda item: (item.subject, item.kind))
    if as_json:
        left_out = [{"version": item.subject, "reason": item.kind, **item.facts} for item in items]
        print_json({"schema": 1, **summary.facts, "problems": left_out})
    else:
        _show(summary, items, say)
    if not summary.ok:
        raise typer.Exit(FAILED)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _show(summary: Summary, items: Sequence[Item], say: Catalogue) -> None:
    from rich.padding import Padding  # noqa: PLC0415  rich stays off --help
    from rich.text import Text  # noqa: PLC0415  likewise

    from modgate.cli.speech import console  # noqa: PLC0415  likewise

    out, facts = console(), summary.facts
    for item in items[:_SHOWN]:
        line = Text.assemble((say(f"export.problem.{item.kind}"), "red"), "  ", item.subject)
        out.print(line, soft_wrap=True)
        out.print(Padding(Text(item.facts["text"]), (0, 0, 0, 2), expand=False))
    if len(items) > _SHOWN:
        out.print(say("export.text.more", count=len(items) - _SHOWN))
    size = size_text(facts["bytes"])
    values = {"versions": facts["versions"], "modules": facts["modules"]}
    out.print(say("export.text.written", **values, size=size, target=facts["target"]), soft_wrap=True)
    if facts["there"]:
        out.print(f"  {say('export.text.there', count=facts['there'])}")
    if facts["held"]:
        out.print(f"  {say('export.text.held', count=facts['held'])}")
    if not facts["databases"]:
        out.print(f"  {say('export.text.no_database')}")
    elif facts["versions"]:
        out.print(f"  {say('export.text.databases', names=', '.join(facts['databases']))}")
    if facts["versions"] and Path(facts["target"]).is_dir():
        out.print(f"  {say('export.text.use', url=Path(facts['target']).as_uri())}", soft_wrap=True)


def run(args: Sequence[str]) -> int:
    """Run `modgate export` with these arguments."""
    return run_app(app, "export", args)
