"""The parent's part of an isolated run: serve, forward signals, wait, count."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from modgate.client.launch.forward import Gatekeeper
from modgate.client.launch.isolate import end_leftovers, start
from modgate.client.launch.names import answer
from modgate.client.launch.offered import names_of
from modgate.client.launch.packets import attempts
from modgate.client.launch.plain import TIMED_OUT, by_terminal, forwarded, shell_status
from modgate.client.launch.record import Attempt

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from modgate.client.launch.isolate import Started
    from modgate.client.launch.record import Record
    from modgate.client.launch.targets import Target
    from modgate.client.net.way import Way

__all__ = ["run_isolated"]

_OUTGOING = 4
_GRACE = 5.0
_LARGEST = 65536


def run_isolated(  # noqa: PLR0917  one run
    argv: Sequence[str],
    environ: Mapping[str, str],
    targets: Sequence[Target],
    way: Way,
    record: Record,
    limit: float | None,
) -> int:
    """Run the command and return its status as a shell tells it; `record` gets the counts.

    `way` is how this machine itself reaches the targets, `limit` is in seconds. Raises Forbidden, NotStarted.
    """
    started = start(argv, environ, targets)
    try:
        return asyncio.run(_watched(started, targets, way, record, limit))
    finally:
        end_leftovers()
        started.folder.cleanup()


async def _watched(
    started: Started, targets: Sequence[Target], way: Way, record: Record, limit: float | None
) -> int:
    loop = asyncio.get_running_loop()
    gate = Gatekeeper(targets, way, record)
    servers = [await asyncio.start_server(gate.proxy, sock=started.proxy, limit=_LARGEST)]
    for sock, target, _, _ in started.ports:
        servers.append(await asyncio.start_server(partial(gate.port, target), sock=sock))
    open_ports = {(address, port) for _, _, address, port in started.ports}
    names = names_of(targets)
    for sock in started.names:
        sock.setblocking(False)
        loop.add_reader(sock, _answer_names, sock, names, record)
    started.packets.setblocking(False)
    loop.add_reader(started.packets, _count_packets, started.packets, open_ports, record)
    for number in forwarded():
        loop.add_signal_handler(number, _pass_on, started.pid, number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, forwarded())
    try:
        return await _ended(started, limit)
    finally:
        for sock in started.names:
            _answer_names(sock, names, record)
            loop.remove_reader(sock)
            sock.close()
        _count_packets(started.packets, open_ports, record)
        loop.remove_reader(started.packets)
        started.packets.close()
        for server in servers:
            server.close()


async def _ended(started: Started, limit: float | None) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(started.pid)
    loop.add_reader(descriptor, ended.set)
    late = False
    try:
        try:
            async with asyncio.timeout(limit):
                await ended.wait()
        except TimeoutError:
            late = True
            with suppress(OSError):
                os.kill(started.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await ended.wait()
            with suppress(OSError):
                os.kill(started.pid, signal.SIGKILL)
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    _, status = os.waitpid(started.pid, 0)  # noqa: ASYNC222  it has ended
    return TIMED_OUT if late else shell_status(os.waitstatus_to_exitcode(status))


def _pass_on(pid: int, number: signal.Signals) -> None:
    if not by_terminal(number):
        with suppress(OSError):
            os.kill(pid, number)


def _answer_names(sock: socket.socket, names: Mapping[str, str], record: Record) -> None:
    with suppress(OSError):
        while True:
            query, asker = sock.recvfrom(_LARGEST)
            with suppress(ValueError):
                asked, reply = answer(query, names)
                if asked.name not in names:
                    record.refused(Attempt("dns", asked.name))
                sock.sendto(reply, asker)


def _count_packets(sock: socket.socket, open_ports: set[tuple[str, int]], record: Record) -> None:
    with suppress(OSError):
        while True:
            packet, where = sock.recvfrom(_LARGEST)
            if where[2] == _OUTGOING:
                for attempt in attempts(packet, open_ports):
                    record.refused(attempt)
