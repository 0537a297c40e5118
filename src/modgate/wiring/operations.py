"""Operations on a gate: by asking the server that holds the store, or over the parts in this process.

Only the second way imports those parts, so that asking is quick.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from modgate.errors import Absent, Invalid
from modgate.transport.admin import AdminClient
from modgate.wiring.quick import importing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from modgate.config import Config
    from modgate.model.operations import Event

__all__ = ["operate", "socket_of"]

SOCKET = "admin.sock"
"""The server's own socket, in `.modgate` under the store."""


async def operate(
    config: Config, name: str, params: Mapping[str, Any], *, server: str = "", token: str = ""
) -> AsyncGenerator[Event, None]:
    """The events of an operation, by the nearest way.

    `server` names a running one. Otherwise the one that holds the configured store is asked by its socket;
    where none does, the operation runs here. Raises ModgateError for what keeps it from beginning.
    """
    if server:
        async with aclosing(AdminClient(url=server, token=token).run(name, params)) as events:
            async for event in events:
                yield event
        return
    path = socket_of(config)
    if path is not None:
        begun = False
        try:
            async with aclosing(AdminClient(socket=path).run(name, params)) as events:
                async for event in events:
                    begun = True
                    yield event
        except Absent:
            if begun:
                raise
        else:
            return
    if config.store.path is None:
        raise Invalid(
            "the configured store is in memory: only the server that holds it can be asked",
            next_step="Name the server: --server URL.",
        )
    with importing():
        from modgate.wiring.works import operate_here  # noqa: PLC0415  see the module

    async with aclosing(operate_here(config, name, params)) as events:
        async for event in events:
            yield event


def socket_of(config: Config) -> Path | None:
    """Where the server that holds the configured store listens for operations; None where it does not."""
    if config.store.path is None or not config.admin.socket:
        return None
    return config.store.path.absolute() / ".modgate" / SOCKET
