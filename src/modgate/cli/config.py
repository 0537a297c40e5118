"""`modgate config`: what the configuration is, whether it is right, and a file to start from.

`check` decides as `serve` does: status 2 for what would keep the server from starting, 0 for the rest,
warnings included. Of a FILE alone the file is judged, and nothing of the machine's environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.config import Loaded
    from modgate.messages import Catalogue

__all__ = ["app", "run", "shown"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_STRICT = {"max_content_width": 80}


@app.callback(context_settings=_STRICT, help=text("config.help.group"))
def group() -> None:
    """The four commands."""


@app.command(context_settings=CONTEXT, help=text("config.help.show"))
def show(
    ctx: typer.Context,
    *,
    changed: Annotated[bool, typer.Option("--changed", help=text("config.help.changed"))] = False,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,  # noqa: ARG001  nothing here is a sentence, and every command takes it
) -> None:
    """Every key, its value and its origin."""
    loaded = load_config({}, settings=settings or [], config_file=config, extra=ctx.args)
    rows = [row for row in _rows(loaded) if not changed or row[2] != "default"]
    if as_json:
        print(
            json.dumps({name: {"value": value, "origin": origin} for name, value, origin in rows}, indent=2)
        )
        return
    names = max((len(name) for name, _, _ in rows), default=0)
    values = min(max((len(value) for _, value, _ in rows), default=0), 36)
    for name, value, origin in rows:
        print(f"{name:<{names}}  {value:<{values}}  {origin}".rstrip())


@app.command(context_settings=_STRICT, help=text("config.help.check"))
def check(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help=text("config.help.check_file"))] = None,
    *,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Whether the server could start with it."""
    from modgate.cli.config_files import judge  # noqa: PLC0415  pydantic stays off --help
    from modgate.config import ConfigInvalid, warnings  # noqa: PLC0415  likewise

    say = catalogue(lang)
    problems: list[str] = []
    told: list[str] = []
    name = file or say("config.check.effective")
    try:
        loaded = _file_alone(file, settings or []) if file else _effective(config, settings or [])
        verdict = judge(loaded, os.environ, say)
        problems, told = verdict.problems, [*warnings(loaded.config), *verdict.warnings]
    except ConfigInvalid as error:
        # There was no --config: the file is an argument here.
        problems = [line.removeprefix("--config ") if file else line for line in error.lines()]
    if as_json:
        print_json({"ok": not problems, "file": file, "problems": problems, "warnings": told})
    else:
        _say_checked(name, problems, told, say)
    if problems:
        raise typer.Exit(USAGE)


def _say_checked(name: str, problems: Sequence[str], told: Sequence[str], say: Catalogue) -> None:
    for line in problems:
        print(f"modgate: {line}", file=sys.stderr)
    for line in told:
        print(f"modgate: {say('config.check.warning', text=line)}", file=sys.stderr)
    if not problems:
        print(say("config.check.ok", name=name))


def _effective(config: str | None, settings: Sequence[str]) -> Loaded:
    """What `serve` would have with these options. Raises ConfigInvalid."""
    from modgate.config import load  # noqa: PLC0415  pydantic stays off --help

    given, problems = _given(settings)
    return load(given, config_file=Path(config) if config else None, problems=problems)


def _file_alone(file: str, settings: Sequence[str]) -> Loaded:
    """The file without the variables of this shell and go's own settings. Raises ConfigInvalid."""
    from modgate.config import load  # noqa: PLC0415  pydantic stays off --help

    given, problems = _given(settings)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MODGATE_")}
    return load(given, config_file=Path(file), environ=environ, ask_go=lambda environ: {}, problems=problems)  # noqa: ARG005  as it is called


def _given(settings: Sequence[str]) -> tuple[dict[str, tuple[object, str]], list[str]]:
    """Values of `--set`, and what is wrong with how they are written."""
    given: dict[str, tuple[object, str]] = {}
    problems = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if equals:
            given[key.strip()] = (value, "--set")
        else:
            problems.append(f"--set {setting}: write KEY=VALUE")
    return given, problems


@app.command(context_settings=_STRICT, help=text("config.help.schema"))
def schema(lang: Lang = None) -> None:  # noqa: ARG001  as every command
    """The JSON schema of the file."""
    from modgate.config.schema import file_schema  # noqa: PLC0415  pydantic stays off --help

    print(json.dumps(file_schema(), indent=2))


@app.command(context_settings=_STRICT, help=text("config.help.init"))
def init(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help=text("config.help.init_file"))] = None,
    *,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=text("config.help.init_set"))
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=text("config.help.force"))] = False,
    lang: Lang = None,
) -> None:
    """A file to start from."""
    from modgate.cli.config_start import begin  # noqa: PLC0415  pydantic stays off --help
    from modgate.config import ConfigInvalid  # noqa: PLC0415  likewise
    from modgate.config.places import user_config_file  # noqa: PLC0415  likewise

    say = catalogue(lang)
    path = Path(file).expanduser() if file else user_config_file(os.environ)
    given, problems = _given(settings or [])
    values = {key: str(value) for key, (value, _) in given.items()}
    try:
        written = begin(path, values, problems, say, force=force)
    except ConfigInvalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if not written:
        print(f"modgate: {say('config.init.exists', file=str(path))}", file=sys.stderr)
        raise typer.Exit(FAILED)
    print(say("config.init.written", file=str(path)))


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
        from modgate.config.values import write_duration  # noqa: PLC0415  likewise

        return write_duration(value)
    if isinstance(value, int) and value and value % (1 << 20) == 0:
        return f"{value >> 20}MiB"
    return str(value)


def run(args: Sequence[str]) -> int:
    """Run `modgate config` with these arguments."""
    return run_app(app, "config", args)
