"""The way of `modgate use`: understand, refuse, plan, show, ask, write, and say what it does not reach."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.configure.carrying import carry_out, settle
from modgate.client.configure.effects import effects
from modgate.client.configure.formats import Unwritable
from modgate.client.configure.go_rules import asked_of_go
from modgate.client.configure.judging import Judgement, Objection, Surroundings, judge
from modgate.client.configure.listing import default_scope
from modgate.client.configure.naming import Named, named_chain
from modgate.client.configure.overlay import EditedHost
from modgate.client.configure.places import Scope
from modgate.client.configure.planning import Order, Plan, plan_change, plan_reset
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.shell_files import Shell
from modgate.client.machine.shells import current_shell
from modgate.client.machine.showing import safe
from modgate.client.repair.state import state_folder
from modgate.errors import Absent, Unavailable
from modgate.messages import Message
from modgate.wiring import client as wiring

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from modgate.cli.use_wish import Wish
    from modgate.client.configure.effects import Effect
    from modgate.client.configure.trying import Tried
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.messages import Catalogue

__all__ = ["Outcome", "carry"]


@dataclass(slots=True)
class Outcome:
    """What came of it, for the terminal and for `--json`."""

    scope: Scope | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)
    refusals: tuple[Objection, ...] = ()
    warnings: tuple[Objection, ...] = ()
    notes: list[Message] = field(default_factory=list)
    tried: tuple[Tried, ...] = ()
    plan: Plan = field(default_factory=Plan)
    effects: tuple[Effect, ...] = ()
    lines: tuple[str, ...] = ()
    change: str | None = None
    stopped: Message | None = None


def carry(wish: Wish, say: Catalogue) -> int:
    """Do it; returns the exit status. Raises ModgateError where files cannot be read or written."""
    from modgate.cli import use_show  # noqa: PLC0415  rich stays off --help

    host = wiring.local_host()
    try:
        if not wish.dry_run and wish.scope != Scope.SESSION:
            settle(wiring.journal(host), sleep=time.sleep)
        outcome = _reset(wish, host, say) if wish.reset else _change(wish, host, say)
    except Unwritable as error:
        outcome = Outcome(stopped=error.why)
    return use_show.told(outcome, wish, say)


def _change(wish: Wish, host: Host, say: Catalogue) -> Outcome:
    from modgate.cli import use_show  # noqa: PLC0415  rich stays off --help

    go = asyncio.run(read_go_settings(host))
    named = named_chain(wish.chain) if wish.chain is not None else None
    values = _values(wish, named)
    shell = _shell(wish, host)
    scope = Scope(wish.scope) if wish.scope else default_scope(host, go, shell, tuple(values))
    outcome = Outcome(scope, values)
    judgement = _judged(host, go, scope, values)
    outcome.refusals = judgement.refusals(force=wish.force)
    outcome.warnings = judgement.warnings(force=wish.force)
    if outcome.refusals:
        return outcome
    chain = values.get("GOPROXY")
    order = Order(scope, values, shell, wish.editors)
    if chain is not None and wish.check and not _there_already(host, go, order):
        order = asyncio.run(_tried(host, go, order, chain, outcome))
    if scope is Scope.SESSION:
        from modgate.client.configure.session import lines_for  # noqa: PLC0415

        outcome.lines = lines_for(shell, values)
        outcome.effects = effects(host, order)
        return outcome
    state = _state(host)
    outcome.plan = plan_change(host, go, order, state)
    outcome.effects = effects(EditedHost(host, outcome.plan.edits), order)
    if outcome.plan.edits and named is not None and named.completed and order.upstream is None:
        outcome.notes.append(Message("use.direct"))
    if outcome.plan.edits and use_show.agreed(outcome, wish, say):
        reason = say("use.reason", what=_spoken(values, scope))
        outcome.change, outcome.plan = carry_out(
            outcome.plan,
            lambda: plan_change(host, go, order, state),
            reason,
            wiring.journal(host),
            sleep=time.sleep,
        )
    return outcome


def _reset(wish: Wish, host: Host, say: Catalogue) -> Outcome:
    from modgate.cli import use_show  # noqa: PLC0415  rich stays off --help

    scope = Scope(wish.scope) if wish.scope else None
    state, names = _state(host), frozenset(wish.unset)
    outcome = Outcome(scope, plan=plan_reset(host, state, scope, names))
    outcome.notes += outcome.plan.left
    if not outcome.plan.edits and not outcome.plan.memory:
        return outcome
    if use_show.agreed(outcome, wish, say):
        outcome.change, outcome.plan = carry_out(
            outcome.plan,
            lambda: plan_reset(host, state, scope, names),
            say("use.reason-reset"),
            wiring.journal(host),
            sleep=time.sleep,
        )
    return outcome


def _values(wish: Wish, named: Named | None) -> dict[str, str | None]:
    values: dict[str, str | None] = {"GOPROXY": named.value} if named is not None else {}
    for word in wish.settings:
        name, _, value = word.partition("=")
        values[name] = value
    return {**values, **dict.fromkeys(wish.unset)}


def _shell(wish: Wish, host: Host) -> Shell:
    return Shell(wish.shell) if wish.shell else current_shell(host)


def _state(host: Host) -> PurePath:
    return state_folder(host.system, host.environ, Path(host.home))


def _judged(host: Host, go: GoSettings, scope: Scope, values: Mapping[str, str | None]) -> Judgement:
    put = {name: text for name, text in values.items() if text is not None}
    gone = [name for name, text in values.items() if text is None]
    keeps_direct = put.get("GOPROXY", "direct").strip().endswith("direct")
    required = () if keeps_direct else _required(host)
    effective = {name: setting.value.text for name, setting in go.settings.items()}
    here = Surroundings(host.system, str(host.home), effective, required, in_file=scope is Scope.GOENV)
    found = judge(put, gone, here).objections
    if scope is Scope.VSCODE_WORKSPACE:
        why = Message("use.refused.secret-workspace")
        found += tuple(Objection(why, name) for name, text in put.items() if safe(text[:200]) != text[:200])
    asked = asked_of_go(put)
    if asked and not any(item.refuses for item in found):
        found += asyncio.run(_refused_by_go(host, asked))
    return Judgement(found)


def _required(host: Host) -> tuple[str, ...]:
    """The modules of the go.mod here, those that are replaced left out."""
    from modgate.client.doctor.asked import main_module  # noqa: PLC0415  seldom needed

    main = main_module(host)
    if main is None:
        return ()
    replaced = {item.old_path for item in main.replace}
    return tuple(item.path for item in main.require if item.path not in replaced)


async def _refused_by_go(host: Host, values: Mapping[str, str]) -> tuple[Objection, ...]:
    """Let go judge what only the installed one knows: it writes to no file."""
    environ = {name: text for name, text in host.environ.items() if name not in values}
    environ |= {"GOENV": os.devnull, "GOTOOLCHAIN": "local"}
    pairs = [f"{name}={text}" for name, text in values.items()]
    try:
        ran = await host.run(("go", "env", "-w", *pairs), environ=environ)
    except (Absent, Unavailable):
        return ()
    if not ran.status:
        return ()
    text = safe(ran.stderr.strip().removeprefix("go: "))
    return (Objection(Message("use.refused.go", {"text": text}), next(iter(values))),)


def _there_already(host: Host, go: GoSettings, order: Order) -> bool:
    if order.scope is Scope.SESSION:
        return False
    return not plan_change(host, go, order, _state(host)).edits


async def _tried(host: Host, go: GoSettings, order: Order, chain: str, outcome: Outcome) -> Order:
    """Ask the chain; what a gate on this machine or a missing database asks for is added."""
    from modgate.client.configure.trying import try_chain  # noqa: PLC0415  TLS stays off --help

    prober = wiring.prober(host.environ)
    outcome.tried = await try_chain(prober, chain)
    first = outcome.tried[0] if outcome.tried else None
    if first is None:
        return order
    if first.gate and order.scope not in {Scope.GOENV, Scope.SHELL}:
        # The gate itself goes on to see what go used before.
        return order
    if first.gate:
        from modgate.cli.use_gate import with_gate  # noqa: PLC0415  the gate's configuration, seldom needed

        order, note = with_gate(host, go, order, chain)
        if note is not None:
            outcome.notes.append(note)
        return order
    if first.good and not chain.startswith("file:") and "GOSUMDB" not in order.values:
        await _database(go, chain, outcome)
    return order


async def _database(go: GoSettings, chain: str, outcome: Outcome) -> None:
    from modgate.client.configure.trying import DATABASE, try_database  # noqa: PLC0415
    from modgate.gomod.proxylist import parse_proxy_list  # noqa: PLC0415

    if go["GOSUMDB"] != DATABASE:
        return
    url = parse_proxy_list(chain)[0].url
    carried, reached = await try_database(wiring.prober(), url)
    if not carried:
        key = "use.sumdb-note" if reached else "use.sumdb-offer"
        outcome.notes.append(Message(key, {"url": safe(url), "database": DATABASE}))


def _spoken(values: Mapping[str, str | None], scope: Scope) -> str:
    words = [
        f"{name}={safe(text)}" if text is not None else f"--unset {name}" for name, text in values.items()
    ]
    return " ".join((*words, f"--scope {scope.value}"))
