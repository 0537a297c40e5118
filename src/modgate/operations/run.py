"""Running an operation by its name, wherever the name comes from.

Every error of ours becomes the last event; a parameter that an operation does not know is an error that
names it. Parameters are decoded, and so checked, by the operation's own `msgspec.Struct`.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from modgate.errors import Invalid, ModgateError
from modgate.model.operations import Summary, failure_of
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["OPERATIONS", "Operation", "run_operation"]


class _Run(Protocol):
    def __call__(self, works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """Where an operation is written (`module:function`), and who may ask a server for it.

    `local`: only who may open the server's own socket, because it reads or writes files of the server's
    machine that the parameters name.
    """

    place: str
    local: bool = False

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
    "store-remove": Operation("modgate.operations.store:remove"),
    "store-pin": Operation("modgate.operations.pins:pin"),
    "store-unpin": Operation("modgate.operations.pins:unpin"),
    "import": Operation("modgate.operations.imports:import_", local=True),
    "export": Operation("modgate.operations.exports:export", local=True),
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
                yield event
    except ModgateError as error:
        tracing.fail(span, error)
        yield failure_of(error)
    finally:
        span.end()


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
