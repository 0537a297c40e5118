"""The server's own socket, for operations on its own machine: in the store's folder, its owner's alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import stat
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uvicorn import Config, Server

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from modgate.server.admin import Admin

__all__ = ["serve_admin"]

_MAX_PATH = 100
"""Bytes of a socket's path that every kernel takes (macOS: 103, Linux: 107)."""


@asynccontextmanager
async def serve_admin(admin: Admin, path: Path) -> AsyncIterator[None]:
    """Answer on a Unix socket at `path` until the context ends. The path's folder is held by this server, so
    what stands there was left by one that died. Raises Unavailable.

    A path that is too long for a socket becomes a symbolic link to one in a private folder.
    """
    listening, scratch = _open(path)
    server = _Quiet(
        Config(
            admin,
            ws="none",
            lifespan="off",
            loop="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        server.force_exit = True
        with contextlib.suppress(Exception):
            await task
        listening.close()
        _remove(path, scratch)


def _open(path: Path) -> tuple[socket.socket, str | None]:
    """The listening socket, and the private folder it had to go to."""
    place, scratch = path, None
    try:
        path.unlink(missing_ok=True)
        if len(os.fsencode(path)) > _MAX_PATH:
            scratch = tempfile.mkdtemp(prefix="modgate-")
            place = Path(scratch) / "admin.sock"
            path.symlink_to(place)
        return _bound(place), scratch
    except OSError as error:
        _remove(path, scratch)
        raise Unavailable(
            f"cannot make the socket for operations: {error.strerror or error}", where=str(path)
        ) from error


def _remove(path: Path, scratch: str | None) -> None:
    path.unlink(missing_ok=True)
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)


def _bound(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.bind(str(path))
        # Before anybody can connect: a bound socket refuses until it listens.
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listening.listen(16)
    except OSError:
        listening.close()
        raise
    return listening


class _Quiet(Server):
    """uvicorn's server without signals: they are the listener's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
