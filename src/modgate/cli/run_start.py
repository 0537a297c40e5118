"""The way of `modgate run`: judge the values, say what has to be said, start."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.cli import FAILED, USAGE
from modgate.client.configure.judging import Surroundings, judge
from modgate.client.configure.naming import named_chain
from modgate.client.launch import desktop
from modgate.client.launch.environment import PROXY_VARIABLES, with_web_proxy
from modgate.client.launch.permission import unsupported, why_forbidden
from modgate.client.launch.plain import CANNOT, NOT_FOUND, TIMED_OUT, NotStarted, limited, replace_process
from modgate.client.machine.host import System
from modgate.client.machine.showing import hidden_value, safe
from modgate.client.whole import write_whole
from modgate.errors import Invalid
from modgate.wiring import client as wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.cli.run_wish import Wish
    from modgate.client.machine.host import Host
    from modgate.messages import Catalogue, Message

__all__ = ["started"]


def started(wish: Wish, say: Catalogue) -> int:
    """Start what was asked for; returns the exit status. Raises ModgateError."""
    host = wiring.local_host()
    values = dict(wish.values)
    if wish.proxy is not None:
        values = {"GOPROXY": named_chain(wish.proxy).value, **values}
    if _refused(host, values, say, force=wish.force):
        return FAILED
    environ = {**host.environ, **values}
    if wish.web is not None:
        environ = with_web_proxy(environ, None if wish.web == "none" else wish.web)
        changed = {name: environ[name] for name in (*PROXY_VARIABLES, "NO_PROXY") if name in environ}
        values = {**changed, **values}
        environ |= wish.values
    if wish.isolate and (why := unsupported(host.system)) is not None:
        return _impossible(why, say)
    argv = asyncio.run(_prepared(wish, host, values, say))
    if isinstance(argv, int):
        return argv
    if wish.verbose or wish.dry_run:
        _tell_plan(wish, values, argv, say)
    if wish.dry_run or not argv:
        return 0
    try:
        if wish.isolate:
            status = _isolated(wish, host, argv, environ, say)
        elif wish.seconds is None:
            status = replace_process(argv, environ)
        else:
            status = limited(argv, environ, wish.seconds)
    except NotStarted as error:
        key = "absent" if error.status == NOT_FOUND else "denied"
        _say(say(f"run.error.{key}", program=safe(error.program)))
        return error.status
    if status == TIMED_OUT and wish.seconds is not None:
        _say(say("run.error.late", seconds=f"{wish.seconds:g}"))
    return status


def _refused(host: Host, values: Mapping[str, str], say: Catalogue, *, force: bool) -> bool:
    effective = dict(host.environ)
    go = {name: text for name, text in values.items() if name.startswith("GO")}
    judgement = judge(go, (), Surroundings(host.system, str(host.home), effective))
    refusals = judgement.refusals(force=force)
    for item in refusals:
        _say(say("run.error.refused", variable=item.variable, why=say.say(item.why)))
        if item.mended:
            _say(say("run.error.mended", value=safe(item.mended)))
        if item.forceable:
            _say(say("run.error.force"))
    return bool(refusals)


async def _prepared(
    wish: Wish, host: Host, values: Mapping[str, str], say: Catalogue
) -> tuple[str, ...] | int:
    """The argv to start, or the status to end with."""
    if wish.desktop:
        if host.system is not System.LINUX:
            _say(say("run.usage.desktop"))
            return USAGE
        await _desktop(wish, host, values, say)
    if not wish.command:
        return ()
    editor = await desktop.running_editor(host, wish.command, wiring.clock())
    if editor is not None:
        _say(say("run.note.running", editor=editor))
    argv = await desktop.opened(host, wish.command, values)
    if argv is None:
        _say(say("run.error.launchd"))
        for line in desktop.launchctl_plan(values):
            print(f"  {line}", file=sys.stderr)
        return CANNOT
    return argv


async def _desktop(wish: Wish, host: Host, values: Mapping[str, str], say: Catalogue) -> None:
    from modgate.client.repair.apply import apply  # noqa: PLC0415  seldom needed

    edit = desktop.desktop_edit(host, values)
    if edit is None:
        _say(say("run.note.same", file="environment.d/60-modgate.conf"))
    elif wish.dry_run:
        from modgate.client.repair.diff import unified  # noqa: PLC0415  likewise

        for line in unified(edit) or ():
            print(line, file=sys.stderr)
    else:
        change = apply([edit], "modgate run --desktop", wiring.journal(host))
        _say(say("run.note.written", file=str(edit.path), change=str(change)))
        _say(say("run.note.login"))
    if not wish.dry_run and await desktop.session_answers(host):
        pairs = [f"{name}={text}" for name, text in values.items()]
        if (await host.run(("systemctl", "--user", "set-environment", *pairs))).status == 0:
            _say(say("run.note.now"))


def _isolated(
    wish: Wish, host: Host, argv: tuple[str, ...], environ: Mapping[str, str], say: Catalogue
) -> int:
    from modgate.client.launch.isolate import Forbidden  # noqa: PLC0415  for --isolate alone
    from modgate.client.launch.record import Record, document  # noqa: PLC0415  likewise
    from modgate.client.launch.targets import targets_of  # noqa: PLC0415
    from modgate.client.launch.watch import run_isolated  # noqa: PLC0415
    from modgate.client.machine.goenv import read_go_settings  # noqa: PLC0415
    from modgate.client.machine.local import LocalHost  # noqa: PLC0415
    from modgate.client.net.way import Way  # noqa: PLC0415

    go = asyncio.run(read_go_settings(LocalHost(environ)))
    try:
        targets = targets_of(go["GOPROXY"], go["GOSUMDB"], wish.allow)
    except Invalid as error:
        _say("; ".join(error.lines()))
        return USAGE
    record = Record()
    begun = wiring.monotonic()
    try:
        status = run_isolated(argv, environ, targets, Way(environ), record, wish.seconds)
    except Forbidden as error:
        return _impossible(why_forbidden(host, error.step, error.code), say)
    if wish.report is not None:
        report = json.dumps(document(record, status, wiring.monotonic() - begun), indent=2)
        try:
            write_whole(Path(wish.report), report + "\n")
        except OSError as error:
            _say(f"{wish.report}: {error.strerror}")
    else:
        from modgate.cli.run_show import show_report  # noqa: PLC0415  rich stays off what needs no table

        show_report(record, say)
    return status


def _impossible(why: Message, say: Catalogue) -> int:
    _say(say("run.forbidden.head"))
    print(f"  {say.say(why)}", file=sys.stderr)
    return CANNOT


def _tell_plan(wish: Wish, values: Mapping[str, str], argv: tuple[str, ...], say: Catalogue) -> None:
    for name, text in values.items():
        _say(say("run.note.sets", name=name, value=hidden_value(name, text)))
    if wish.web == "none":
        for name in PROXY_VARIABLES:
            _say(say("run.note.unsets", name=name))
    if argv:
        _say(say("run.note.starts", command=" ".join(safe(word) for word in argv)))


def _say(line: str) -> None:
    print(f"modgate: {line}", file=sys.stderr)
