"""`modgate service`: the gate as a service of systemd or launchd.

`install` may be run again: what is as it should be stays, a file that differs is shown and left alone without
`--force`. `uninstall` takes away the service and nothing that it stored.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import ConfigFile, load_config, run_app
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.service.manager import Manager
    from modgate.client.service.plan import Plan
    from modgate.config import Config, Loaded
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_STRICT = {"max_content_width": 80}

System = Annotated[
    bool | None, typer.Option("--system/--user", help=text("service.help.system"), show_default=False)
]


@app.callback(context_settings=_STRICT, help=text("service.help.group"))
def group() -> None:
    """The three commands."""


@app.command(context_settings=_STRICT, help=text("service.help.install"))
def install(
    *,
    system: System = None,
    config: ConfigFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("service.help.dry_run"))] = False,
    force: Annotated[bool, typer.Option("--force", help=text("service.help.force"))] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help=text("service.help.no_start"))] = False,
    lang: Lang = None,
) -> None:
    """Make, load, enable and start it."""
    from modgate.cli import service_run  # noqa: PLC0415  it stays off --help

    say = catalogue(lang)
    machine = _machine(system)
    manager = _manager(machine, say)
    loaded = load_config({}, settings=[], config_file=config, extra=[])
    _check_files(loaded, say)
    plan, whole = service_run.planned(loaded, say, system=machine)
    if dry_run:
        print(whole, end="")
        return
    _permitted(manager, say, system=machine)
    config_of_service = _as_service(loaded.config, plan)
    if not service_run.install(manager, plan, whole, say, force=force):
        raise typer.Exit(FAILED)
    if not no_start:
        service_run.start(manager, config_of_service, say)


@app.command(context_settings=_STRICT, help=text("service.help.status"))
def status(
    *,
    system: System = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """How it is."""
    from modgate.cli import service_run  # noqa: PLC0415  it stays off --help

    say = catalogue(lang)
    machine = _machine(system)
    manager = _manager(machine, say)
    loaded = load_config({}, settings=[], config_file=config, extra=[])
    plan, whole = service_run.planned(loaded, None, system=machine)
    facts = service_run.facts(manager, whole)
    if as_json:
        print_json(facts)
    else:
        service_run.show(facts, _as_service(loaded.config, plan), manager, say)
    if not facts["running"]:
        raise typer.Exit(FAILED)


@app.command(context_settings=_STRICT, help=text("service.help.uninstall"))
def uninstall(*, system: System = None, config: ConfigFile = None, lang: Lang = None) -> None:
    """Stop it and take its file away."""
    from modgate.cli import service_run  # noqa: PLC0415  it stays off --help

    say = catalogue(lang)
    machine = _machine(system)
    manager = _manager(machine, say)
    if not manager.path.exists():
        print(say("service.uninstall.none", file=str(manager.path)))
        return
    _permitted(manager, say, system=machine)
    loaded = load_config({}, settings=[], config_file=config, extra=[])
    plan, _ = service_run.planned(loaded, None, system=machine)
    service_run.uninstall(manager, say)
    store = _as_service(loaded.config, plan).store.path
    if store is not None:
        print(say("service.uninstall.store", store=str(store)))


def _machine(asked: bool | None) -> bool:
    """Root makes services of the machine, everybody else their own; macOS has the user's alone."""
    if sys.platform == "darwin":
        return False
    return os.geteuid() == 0 if asked is None and hasattr(os, "geteuid") else bool(asked)


def _manager(system: bool, say: Catalogue) -> Manager:
    from modgate.client.service.manager import manager_here  # noqa: PLC0415  see above

    manager = manager_here(system=system, environ=os.environ)
    if manager is None:
        print(f"modgate: {say('service.absent.platform')}", file=sys.stderr)
        raise typer.Exit(FAILED)
    return manager


def _permitted(manager: Manager, say: Catalogue, *, system: bool) -> None:
    why = manager.present()
    if why:
        print(f"modgate: {say(f'service.absent.{why}')}", file=sys.stderr)
        raise typer.Exit(FAILED)
    if system and os.geteuid() != 0:
        print(f"modgate: {say('service.absent.root')}", file=sys.stderr)
        raise typer.Exit(FAILED)


def _check_files(loaded: Loaded, say: Catalogue) -> None:
    """What would keep the service from starting is told now. Exits with status 2."""
    from modgate.cli.config_files import judge  # noqa: PLC0415  pydantic stays off --help

    problems = judge(loaded, os.environ, say).problems
    for line in problems:
        print(f"modgate: {line}", file=sys.stderr)
    if problems:
        raise typer.Exit(USAGE)


def _as_service(config: Config, plan: Plan) -> Config:
    """The configuration with the store that the service has."""
    from modgate.cli.service_plan import MACHINE_STORE  # noqa: PLC0415  pydantic stays off --help
    from modgate.config import StoreSpec  # noqa: PLC0415  likewise

    if config.store.path is None:
        return config
    path = Path(plan.store) if plan.store else MACHINE_STORE
    return config.model_copy(update={"store": StoreSpec(path=path)})


def run(args: Sequence[str]) -> int:
    """Run `modgate service` with these arguments."""
    return run_app(app, "service", args)
