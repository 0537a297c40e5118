"""TCP as go dials it: both address families, the first one ahead by 300 ms.

Within a family addresses are tried one after the other, each with its share of the time (2 s at least), so
that one dead address of many does not use it all up. Source: net.Dialer (dialParallel, dialSerial).
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.net.facts import Failure, FailureKind
from modgate.client.net.wire import Ended, TcpWire, failure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Dialled", "dial", "dial_any"]

HEAD_START = 0.3
_LEAST_SHARE = 2.0


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connection and the address that it leads to."""

    wire: TcpWire
    address: str


async def dial(address: str, port: int) -> TcpWire:
    """A connection to one address. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 20)
    except BaseException:
        sock.close()
        raise
    return TcpWire(reader, writer)


async def dial_any(addresses: Sequence[str], port: int, limit: float) -> Dialled:
    """The first of these that connects. Raises Ended with the failure of the family that goes first."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limit
    first_is_6 = ":" in addresses[0]
    primaries = [address for address in addresses if (":" in address) == first_is_6]
    fallbacks = [address for address in addresses if (":" in address) != first_is_6]
    tasks = [asyncio.create_task(_serial(primaries, port, end))]
    try:
        if fallbacks:
            await asyncio.wait(tasks, timeout=HEAD_START)
            if not tasks[0].done() or tasks[0].exception() is not None:
                tasks.append(asyncio.create_task(_serial(fallbacks, port, end)))
        pending = set(tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.exception() is None:
                    return task.result()
        return tasks[0].result()
    finally:
        await _let_go(tasks)


async def _let_go(tasks: Sequence[asyncio.Task[Dialled]]) -> None:
    """Close what nobody takes: the slower family's connection."""
    winner = next(
        (task for task in tasks if task.done() and not task.cancelled() and not task.exception()), None
    )
    for task in tasks:
        if not task.done():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task is not winner and not task.cancelled() and task.exception() is None:
            task.result().wire.close()


async def _serial(addresses: Sequence[str], port: int, end: float) -> Dialled:
    loop = asyncio.get_running_loop()
    first: Failure | None = None
    for index, address in enumerate(addresses):
        left = end - loop.time()
        share = max(left / (len(addresses) - index), min(_LEAST_SHARE, left))
        try:
            async with asyncio.timeout(max(share, 0.0)):
                return Dialled(await dial(address, port), address)
        except TimeoutError:
            first = first or Failure(Phase.CONNECT, FailureKind.TIMEOUT)
        except OSError as error:
            first = first or failure_of(error, Phase.CONNECT)
    raise Ended(first or Failure(Phase.CONNECT, FailureKind.TIMEOUT))
