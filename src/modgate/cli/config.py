"""`modgate config`: what the configuration is, and where each value comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.config import Loaded

__all__ = ["app", "run", "shown"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback(context_settings={"max_content_width": 80})
def group() -> None:
    """Show the configuration and where it comes from."""


@app.command(context_settings=CONTEXT)
def show(
    ctx: typer.Context,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Print every key, its value, and where the value comes from. Secrets are not shown."""
    loaded = load_config({}, settings=settings or [], config_file=config, extra=ctx.args)
    rows = _rows(loaded)
    if as_json:
        print(
            json.dumps({name: {"value": value, "origin": origin} for name, value, origin in rows}, indent=2)
        )
        return
    names = max(len(name) for name, _, _ in rows)
    values = min(max(len(value) for _, value, _ in rows), 36)
    for name, value, origin in rows:
        print(f"{name:<{names}}  {value:<{values}}  {origin}".rstrip())


def _rows(loaded: Loaded) -> list[tuple[str, str, str]]:
    from modgate.config import all_keys, redact  # noqa: PLC0415  pydantic stays off --help

    rows = []
    for name in all_keys():
        section, _, leaf = name.rpartition(".")
        value = getattr(getattr(loaded.config, section) if section else loaded.config, leaf)
        rows.append((name, redact(shown(value)), loaded.origins[name]))
    return rows


def shown(value: object) -> str:
    """The value as it can be written into the file or a variable."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value) if value else ""
    if isinstance(value, tuple):
        if any(hasattr(each, "model_dump_json") for each in value):
            return f"[{', '.join(each.model_dump_json(exclude_defaults=True) for each in value)}]"
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}s"
    if isinstance(value, int) and value and value % (1 << 20) == 0:
        return f"{value >> 20}MiB"
    return str(value)


def run(args: Sequence[str]) -> int:
    """Run `modgate config` with these arguments."""
    return run_app(app, "config", args)
