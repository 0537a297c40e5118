"""Running an operation by its name, wherever the name comes from.

Every error of ours becomes the last event; a parameter that an operation does not know is an error that
names it. Parameters are decoded, and so checked, by the operation's own `msgspec.Struct`.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from modgate.errors import Invalid, ModgateError, Unavailable
from modgate.model.audit import Event as Written
from modgate.model.operations import Summary, failure_of
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["OPERATIONS", "Operation", "run_operation"]

_MAX_TOLD = 1000
_PERSONAL = frozenset({"consumers", "owner", "reason", "note"})
"""What may name persons: a row of the audit stays for ever, and waivers tell of themselves."""


class _Run(Protocol):
    def __call__(self, works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """Where an operation is written (`module:function`), and who may ask a server for it.

    `local`: only who may open the server's own socket, because it reads or writes files of the server's
    machine that the parameters name. `changes`: it changes something, so the audit gets a row that says who
    asked for it, with which parameters, and how it ended.
    """

    place: str
    local: bool = False
    changes: bool = False

    def load(self) -> _Run:
        """The generator function."""
        module, _, name = self.place.partition(":")
        found: _Run = getattr(import_module(module), name)
        return found


OPERATIONS = {
    "status": Operation("modgate.operations.status:status"),
    "warm": Operation("modgate.operations.warm:warm"),
    "refresh": Operation("modgate.operations.refresh:refresh"),
    "fsck": Operation("modgate.operations.fsck:fsck"),
    "store-list": Operation("modgate.operations.store:list_"),
    "store-usage": Operation("modgate.operations.store:usage"),
    "store-remove": Operation("modgate.operations.store:remove", changes=True),
    "store-pin": Operation("modgate.operations.pins:pin", changes=True),
    "store-unpin": Operation("modgate.operations.pins:unpin", changes=True),
    "import": Operation("modgate.operations.imports:import_", local=True, changes=True),
    "export": Operation("modgate.operations.exports:export", local=True),
    "advisories-sync": Operation("modgate.operations.advisories:sync"),
    "policy-explain": Operation("modgate.operations.policy:explain"),
    "policy-diff": Operation("modgate.operations.policy:diff"),
    "policy-show": Operation("modgate.operations.policy:show"),
    "policy-decision": Operation("modgate.operations.decisions:one"),
    "policy-decisions": Operation("modgate.operations.decisions:list_"),
    "policy-history": Operation("modgate.operations.decisions:history"),
    "impact": Operation("modgate.operations.impact:impact"),
    "consumers-list": Operation("modgate.operations.consumers:list_"),
    "consumers-export": Operation("modgate.operations.consumers:export"),
    "consumers-erase": Operation("modgate.operations.consumers:erase"),
    "audit": Operation("modgate.operations.audit:rows"),
    "audit-head": Operation("modgate.operations.audit:head"),
    "audit-verify": Operation("modgate.operations.audit:verify"),
    "waivers-list": Operation("modgate.operations.waivers:list_"),
    "waivers-grant": Operation("modgate.operations.waivers:grant", changes=True),
    "waivers-revoke": Operation("modgate.operations.waivers:revoke", changes=True),
    "webhooks-list": Operation("modgate.operations.webhooks:list_"),
    "webhooks-show": Operation("modgate.operations.webhooks:show"),
    "webhooks-replay": Operation("modgate.operations.webhooks:replay", changes=True),
    "webhooks-test": Operation("modgate.operations.webhooks:test"),
}
"""Operations by the name that the admin interface knows."""


async def run_operation(works: Works, name: str, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """The events of an operation; the last one is a `Summary` or a `Failure`. Raises nothing of ours.

    Closing the iterator ends the operation where it is.
    """
    span = tracing.begin(f"operation {name if name in OPERATIONS else 'unknown'}", root=True)
    try:
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Invalid(f"no operation {name[:100]!r}", next_step=f"Known are {', '.join(OPERATIONS)}.")
        async with aclosing(_within(span, operation.load()(works, params))) as events:
            async for event in events:
                if operation.changes and isinstance(event, Summary):
                    await _written_down(works, name, params, event)
                yield event
    except ModgateError as error:
        tracing.fail(span, error)
        yield failure_of(error)
    finally:
        span.end()


async def _written_down(works: Works, name: str, params: Mapping[str, Any], end: Summary) -> None:
    """A row of the audit: who changed something. What was done stays done where it cannot be written."""
    if works.records is None or params.get("dry_run"):
        return
    facts = {"operation": name, "params": _short(params), "ok": end.ok}
    event = Written(works.clock(), "operation", consumer=works.records.who, facts=facts)
    try:
        await works.records.audit.append([event])
    except Unavailable as error:
        import structlog  # noqa: PLC0415  whoever asks a server needs none

        log = structlog.get_logger("modgate.admin")
        log.warning("an operation is not in the audit", operation=name, why=error.what)


def _short(params: Mapping[str, Any]) -> str:
    named = {name: value for name, value in params.items() if name not in _PERSONAL}
    told = msgspec.json.encode(named, order="sorted").decode("utf-8", "replace")
    return told if len(told) <= _MAX_TOLD else f"{told[:_MAX_TOLD]}…"


async def _within(span: tracing.Span, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same events, each made within the span: between them it is somebody else's turn."""
    async with aclosing(events):
        while True:
            with tracing.use(span):
                event = await anext(events, None)
            if event is None:
                return
            if isinstance(event, Summary):
                span.set({"modgate.ok": event.ok})
            yield event
