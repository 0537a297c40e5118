"""The run behind `modgate doctor`: read the machine, run the checks, say what came of them, mend.

The verdict is drawn anew whenever a check ends, so that a line already knows what it can know: the fault of
an entry that go never reaches is no error.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate import __version__
from modgate.cli import FAILED, USAGE
from modgate.cli.doctor_fix import mend
from modgate.cli.progress import Progress
from modgate.cli.speech import console, print_json
from modgate.client.configure.carrying import settle
from modgate.client.doctor.check import Outcome
from modgate.client.doctor.document import document
from modgate.client.doctor.endpoints import spared
from modgate.client.doctor.fitting import fitting
from modgate.client.doctor.module_chain import served
from modgate.client.doctor.report import Marks, check_lines, verdict_lines
from modgate.client.doctor.run import Done, examine
from modgate.client.doctor.scenery import scene_of
from modgate.client.doctor.sumdb import is_asked_directly
from modgate.client.doctor.verdict import Ground, Verdict, judge
from modgate.client.machine.goenv import read_go_settings
from modgate.wiring import client as wiring

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.client.doctor.check import Check
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Say
    from modgate.messages import Catalogue

__all__ = ["Order", "diagnose"]


@dataclass(frozen=True, slots=True)
class Order:
    """What the person asked for; see the options of `modgate doctor`."""

    checks: tuple[Check, ...]
    modules: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    offline: bool = False
    limit: float = 14.0
    fix: bool = False
    yes: bool = False
    verbose: bool = False
    as_json: bool = False
    partly: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    scene: Scene
    dones: list[Done]
    verdict: Verdict
    seconds: float


def diagnose(order: Order, say: Catalogue) -> int:
    """Run the doctor and return its exit status."""
    out = console()
    marks = Marks(unicode=out.encoding.lower().startswith("utf"))
    if order.fix:
        # What a killed change left half made is put back first: a repair must not be computed from it.
        settle(wiring.journal(wiring.local_host()), sleep=time.sleep)
    found = asyncio.run(_examine(order, say, out, marks))
    fixed: dict[str, object] | None = None
    if order.as_json:
        status = _status(found)
        body = document(
            __version__, found.scene, found.dones, found.verdict, seconds=found.seconds, say=_fit(found, say)
        )
        if order.fix:
            status, fixed = mend(found.verdict, found.scene.host, say, None, yes=order.yes, status=status)
            body["fix"] = fixed
        print_json(body)
        return status
    _conclude(order, found, out, marks, say)
    status = _status(found)
    if order.fix and not found.verdict.healthy:
        status, _ = mend(found.verdict, found.scene.host, say, out, yes=order.yes, status=status)
    return status


async def _examine(order: Order, say: Catalogue, out: Console, marks: Marks) -> _Found:
    host = wiring.local_host()
    started = wiring.monotonic()
    with Progress(out, wiring.monotonic, quiet=order.as_json) as progress:
        progress.say = lambda seconds: say("doctor.progress.reading", seconds=seconds)
        go = await read_go_settings(host)
        scene = scene_of(
            host,
            go,
            wiring.prober(),
            clock=wiring.clock,
            modules=order.modules,
            resolvers=order.resolvers,
            offline=order.offline,
        )
        fit = fitting(say.say, go, host.system)
        if not order.as_json:
            _head(scene, out, say)
        waiting = {check.name for check in order.checks}
        progress.say = lambda seconds: say(
            "doctor.progress.waiting", names=", ".join(sorted(waiting)), seconds=seconds
        )
        dones: list[Done] = []
        left = max(1.0, order.limit - (wiring.monotonic() - started))
        async for done in examine(order.checks, scene, monotonic=wiring.monotonic, limit=left):
            dones.append(done)
            waiting.discard(done.check.name)
            if not order.as_json:
                judged = _judge(order, scene, dones)
                for line in check_lines(done, judged, marks, fit, verbose=order.verbose):
                    out.print(line)
    places = {check.name: index for index, check in enumerate(order.checks)}
    dones.sort(key=lambda done: places[done.check.name])
    return _Found(scene, dones, _judge(order, scene, dones), wiring.monotonic() - started)


def _judge(order: Order, scene: Scene, dones: list[Done]) -> Verdict:
    ground = Ground(
        scene.chain,
        scene.sumdb[1] if scene.sumdb else "",
        _sumdb_idle(order, dones),
        frozenset(entry for done in dones for entry in served(done.result)),
        spared(scene.chain, scene.host.environ),
    )
    return judge((finding for done in dones for finding in done.result.findings), ground)


def _sumdb_idle(order: Order, dones: list[Done]) -> bool | None:
    """So until the check of it has ended and says otherwise; None where it cannot say."""
    done = next((done for done in dones if done.check.name == "sumdb"), None)
    if done is None:
        return True if any(check.name == "sumdb" for check in order.checks) and not order.offline else None
    if done.outcome in {Outcome.UNKNOWN, Outcome.SKIPPED}:
        return None
    return done.outcome is Outcome.GOOD or not is_asked_directly(done.result)


def _fit(found: _Found, say: Catalogue) -> Say:
    return fitting(say.say, found.scene.go, found.scene.host.system)


def _head(scene: Scene, out: Console, say: Catalogue) -> None:
    system = scene.host.system.value
    if scene.go.version:
        out.print(
            say("doctor.head.go", version=__version__, go=scene.go.version, system=system), style="bold"
        )
    else:
        out.print(say("doctor.head.no_go", version=__version__, system=system), style="bold")


def _conclude(order: Order, found: _Found, out: Console, marks: Marks, say: Catalogue) -> None:
    unknown = sum(done.outcome is Outcome.UNKNOWN for done in found.dones)
    if found.verdict.healthy:
        if unknown == len(found.dones):
            line = say("doctor.verdict.nothing")
        elif unknown:
            line = say("doctor.verdict.healthy_unknown", count=unknown, all=len(found.dones))
        elif order.offline:
            line = say("doctor.verdict.healthy_offline")
        else:
            line = say("doctor.verdict.healthy_partly" if order.partly else "doctor.verdict.healthy")
        out.print()
        out.print(line, style="bold" if unknown else "bold green")
    for renderable in verdict_lines(found.verdict, marks, _fit(found, say), verbose=order.verbose):
        out.print(renderable)
    if not found.verdict.healthy and not order.verbose:
        out.print()
        out.print(say("doctor.verdict.more"), style="dim")


def _status(found: _Found) -> int:
    if not found.verdict.healthy:
        return FAILED
    broken = any(done.broken for done in found.dones)
    nothing = bool(found.dones) and all(done.outcome is Outcome.UNKNOWN for done in found.dones)
    return USAGE if broken and nothing else 0
