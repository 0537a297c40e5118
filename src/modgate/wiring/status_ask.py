"""Asking a running server how it is, without ever touching the store that it may hold.

Other operations run in this process where no server does. This one must not: opening the store takes its
lock, and a server that is being started meanwhile would find it taken.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from modgate import errors
from modgate.errors import Invalid, ModgateError, Unavailable
from modgate.model.operations import Failure, Summary
from modgate.transport.admin import AdminClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modgate.config import Config

__all__ = ["ask_status", "resting_store"]

_PATIENCE = 10.0
_LOOK = 1.0
_HOLDER = re.compile(r"pid (\d+)(?: at (\S+))?")


async def ask_status(config: Config, *, server: str = "", token: str = "") -> dict[str, Any]:
    """The facts of the server at `server`, else of the one that holds the configured store.

    Raises Absent (there is none), Invalid (a store in memory has no socket), and what the server answered.
    """
    path = config.store.path
    if server:
        client = AdminClient(url=server, token=token)
    elif path is None:
        raise Invalid(
            "the configured store is in memory: its server has no socket of its own",
            next_step="Name the server: --server URL.",
        )
    else:
        client = AdminClient(socket=path.absolute() / ".modgate" / "admin.sock")
    try:
        async with asyncio.timeout(_PATIENCE), aclosing(client.run("status", {})) as events:
            async for event in events:
                match event:
                    case Summary():
                        return event.facts
                    case Failure():
                        raise _error(event)
    except TimeoutError as error:
        raise Unavailable(
            f"no answer within {_PATIENCE:g} seconds", where=client.name, kind="timeout"
        ) from error
    raise Unavailable("the answer has no facts", where=client.name, kind="bad-answer")


def _error(failure: Failure) -> ModgateError:
    kind = getattr(errors, failure.error, None)
    if not (isinstance(kind, type) and issubclass(kind, ModgateError)):
        kind = Unavailable
    return kind(failure.what, where=failure.where, next_step=failure.next_step)


def resting_store(config: Config) -> dict[str, Any] | None:
    """What can be seen of the store from outside; None where there is no folder. Raises nothing of ours.

    Objects are counted for a second at most: `complete` says whether that was enough.
    """
    path = config.store.path
    if path is None or not path.is_dir():
        return None
    objects = size = 0
    complete = True
    until = time.monotonic() + _LOOK
    for entry in _files(path):
        objects += 1
        size += entry
        if time.monotonic() > until:
            complete = False
            break
    facts: dict[str, Any] = {
        "path": str(path.absolute()),
        "objects": objects,
        "size": size,
        "complete": complete,
        "limit": config.cache.limit,
        "holder": _holder(path),
    }
    try:
        facts["disk_free"] = shutil.disk_usage(path).free
    except OSError:
        facts["disk_free"] = None
    return facts


def _files(root: Path) -> Iterator[int]:
    """The size of every object, without modgate's own folder."""
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.name == ".modgate":
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield found.st_size


def _holder(root: Path) -> dict[str, Any] | None:
    """The process that took the store last, if it is still there: it runs, and has no socket for us.

    The lock itself is not tried, because trying it takes it.
    """
    try:
        with (root / ".modgate" / "lock").open(encoding="utf-8", errors="replace") as file:
            found = _HOLDER.match(file.read(200))
        if found is None:
            return None
        os.kill(int(found[1]), 0)
    except PermissionError:
        return {"pid": int(found[1]), "address": found[2] or ""} if found else None
    except (OSError, OverflowError):
        return None
    return {"pid": int(found[1]), "address": found[2] or ""}
