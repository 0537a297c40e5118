"""Carrying out `modgate service`: the file, its manager, and the wait for the first answer."""

from __future__ import annotations

import asyncio
import difflib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modgate.cli.service_plan import plan_for
from modgate.cli.speech import console
from modgate.client.service.agent import agent_text
from modgate.client.service.manager import run_program
from modgate.client.service.unit import unit_text
from modgate.client.whole import write_whole
from modgate.errors import Absent, ModgateError, Unavailable

if TYPE_CHECKING:
    from modgate.client.service.manager import Manager
    from modgate.client.service.plan import Plan
    from modgate.config import Config, Loaded
    from modgate.messages import Catalogue

__all__ = ["facts", "install", "planned", "show", "start", "uninstall"]

_WAIT = 30.0
_LOOK = 0.3


def planned(loaded: Loaded, say: Catalogue | None, *, system: bool) -> tuple[Plan, str]:
    """The plan and the text of its file; notes are told to `say`. Raises Invalid, for a path."""
    plan, notes = plan_for(
        loaded, os.environ, system=system, program=_program(), namespaces=system or _namespaces()
    )
    if say is not None:
        for note in notes:
            print(f"modgate: {say.say(note)}", file=sys.stderr)
    return plan, agent_text(plan) if sys.platform == "darwin" else unit_text(plan)


def _program() -> list[str]:
    """The command that runs now, else the interpreter with the package."""
    called = Path(sys.argv[0])
    if called.name == "modgate" and called.is_file() and os.access(called, os.X_OK):
        return [str(called.absolute())]
    return [sys.executable, "-m", "modgate"]


def _namespaces() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    try:
        return run_program([unshare, "--user", "--map-root-user", "--mount", "true"]).status == 0
    except Unavailable:
        return False


def install(manager: Manager, plan: Plan, whole: str, say: Catalogue, *, force: bool) -> bool:
    """Have the file in its place and loaded; False where another one is there. Raises Unavailable."""
    path = manager.path
    before = _read(path)
    if before is not None and before != whole:
        sys.stdout.writelines(_diff(before, whole, str(path)))
        if not force:
            print(f"modgate: {say('service.install.differs', file=str(path))}", file=sys.stderr)
            return False
    if before == whole:
        print(say("service.install.same", file=str(path)))
    else:
        try:
            if plan.store is not None:
                Path(plan.store).mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, whole)
            # A unit holds no secret, and the manager's tools read it as anybody.
            path.chmod(0o644)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unavailable(f"cannot be written: {reason}", where=str(path)) from error
        print(say("service.install.written", file=str(path)))
    manager.load()
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}", where=str(path)) from error


def _diff(before: str, after: str, name: str) -> list[str]:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (new)", n=1
    )
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def start(manager: Manager, config: Config, say: Catalogue) -> None:
    """Start it and wait until it answers. Raises Unavailable with the way to its log."""
    try:
        manager.start()
        answer = _answer(manager, config)
    except Unavailable as error:
        raise Unavailable(
            error.what, where=error.where, next_step=say("service.start.log", command=manager.logs())
        ) from error
    if answer is None:
        print(say("service.start.running", pid=manager.state().pid))
        return
    from modgate.cli.status_show import picture  # noqa: PLC0415  where there is something to show

    console().print(picture(answer, say, now=time.time()))


def _answer(manager: Manager, config: Config) -> dict[str, Any] | None:
    """The facts that it tells, None where it can be seen running and has no socket for us."""
    from modgate.wiring.status_ask import ask_status  # noqa: PLC0415  likewise

    if config.store.path is None or not config.admin.socket:
        return None
    until = time.monotonic() + _WAIT
    while True:
        try:
            return asyncio.run(ask_status(config))
        except Absent as error:
            state = manager.state()
            if not state.running and time.monotonic() > until - _WAIT / 2:
                raise Unavailable(f"the service does not run: {state.detail}") from error
            if time.monotonic() > until:
                if state.running:
                    return None
                raise
        except ModgateError:
            if time.monotonic() > until:
                raise
        time.sleep(_LOOK)


def facts(manager: Manager, whole: str) -> dict[str, Any]:
    """How the service is, by name."""
    before = _read(manager.path)
    found: dict[str, Any] = {
        "file": str(manager.path),
        "installed": before is not None,
        "as_configured": before == whole,
        "running": False,
        "enabled": False,
        "pid": 0,
        "detail": "",
        "manager": manager.present() or "ok",
    }
    if found["manager"] == "ok":
        state = manager.state()
        found |= {
            "running": state.running,
            "enabled": state.enabled,
            "pid": state.pid,
            "detail": state.detail,
        }
    return found


def show(found: dict[str, Any], config: Config, manager: Manager, say: Catalogue) -> None:
    """The same for a person, and what the server itself says where it runs."""
    if found["manager"] != "ok":
        print(say(f"service.absent.{found['manager']}"))
    if not found["installed"]:
        print(say("service.status.not_installed", file=found["file"]))
        return
    print(say("service.status.file", file=found["file"]))
    if not found["as_configured"]:
        print(say("service.status.differs"))
    if found["manager"] != "ok":
        return
    key = "service.status.running" if found["running"] else "service.status.stopped"
    print(say(key, detail=found["detail"], pid=found["pid"]))
    print(say("service.status.enabled" if found["enabled"] else "service.status.disabled"))
    print(say("service.status.log", command=manager.logs()))
    if not found["running"]:
        return
    from modgate.cli.status_show import picture  # noqa: PLC0415  where there is something to show
    from modgate.wiring.status_ask import ask_status  # noqa: PLC0415  likewise

    try:
        answer = asyncio.run(ask_status(config))
    except ModgateError:
        return
    console().print()
    console().print(picture(answer, say, now=time.time()))


def uninstall(manager: Manager, say: Catalogue) -> None:
    """Stop it, start it no more, take the file away. Raises Unavailable."""
    manager.stop()
    try:
        manager.path.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(f"cannot be removed: {reason}", where=str(manager.path)) from error
    manager.load()
    print(say("service.uninstall.done", file=str(manager.path)))
