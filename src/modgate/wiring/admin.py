"""The ways into a server for operations: its own socket, and the network where a token is configured."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from modgate.server.admin import Admin
from modgate.server.socket import serve_admin
from modgate.server.tokens import Tokens
from modgate.wiring.operations import socket_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from modgate.config import Config
    from modgate.operations import Works
    from modgate.server.running import Running

__all__ = ["build_admin", "serve_socket"]


def build_admin(config: Config, works: Callable[[], Works], running: Running) -> Admin | None:
    """What takes operations over the network; None where no token is configured. Raises Unavailable."""
    if config.admin.token_file is None:
        return None
    tokens = Tokens(config.admin.token_file, who="operators")
    tokens.check()
    return Admin(works, tokens, running)


@asynccontextmanager
async def serve_socket(config: Config, works: Callable[[], Works], running: Running) -> AsyncIterator[None]:
    """Take operations on the store's own socket until the context ends, where that is wanted."""
    path = socket_of(config)
    if path is None:
        yield
        return
    async with serve_admin(Admin(works, None, running), path):
        yield
