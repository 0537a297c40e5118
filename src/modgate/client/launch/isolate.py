"""Running a command in a network of its own, with a way to the chosen targets only.

The parent forks before it has an event loop; the child makes the namespace and hands its sockets over, the
parent maps the user, serves the sockets, forwards signals, and waits. The command dies with the parent; what
it leaves behind is ended with the run, because its network ends then.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.launch import namespace
from modgate.client.launch.environment import isolated
from modgate.client.launch.offered import offers
from modgate.client.launch.plain import CANNOT, NotStarted, forwarded, with_default_signals
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.launch.targets import Target

__all__ = ["Forbidden", "Started", "start"]

_PROXY, _NAMES, _PACKETS = "proxy", "names", "packets"
_DATA = 4096


class Forbidden(Unavailable):
    """The system does not let us make the namespace. `step` is what failed, `code` the errno."""

    def __init__(self, step: str, code: int) -> None:
        super().__init__(f"{step}: {os.strerror(code)}")
        self.step = step
        self.code = code


@dataclass(slots=True)
class Started:
    """A command that runs, and its sockets: the proxy's, the ports' in the order of `offers`, the rest."""

    pid: int
    proxy: socket.socket
    ports: Sequence[tuple[socket.socket, Target, str, int]]
    names: Sequence[socket.socket]
    packets: socket.socket
    folder: tempfile.TemporaryDirectory[str]


def start(argv: Sequence[str], environ: Mapping[str, str], targets: Sequence[Target]) -> Started:
    """Start the command. Raises NotStarted, and Forbidden where the system does not allow it."""
    folder = tempfile.TemporaryDirectory(prefix="modgate-run-", ignore_cleanup_errors=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with suppress(OSError):
        namespace.prctl(namespace.PR_SET_CHILD_SUBREAPER, 1)
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    # Until the parent can pass signals on, they wait; the child lets them in before it executes.
    signal.pthread_sigmask(signal.SIG_BLOCK, forwarded())
    pid = os.fork()
    if pid == 0:
        ours.close()
        _child(theirs, argv, environ, targets, Path(folder.name), parent)
    theirs.close()
    try:
        return _received(ours, pid, argv[0], targets, folder)
    except BaseException:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
        folder.cleanup()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, forwarded())
        raise
    finally:
        ours.close()


def _received(
    ours: socket.socket,
    pid: int,
    program: str,
    targets: Sequence[Target],
    folder: tempfile.TemporaryDirectory[str],
) -> Started:
    found: dict[str, list[socket.socket]] = {}
    while True:
        data, descriptors, _, _ = socket.recv_fds(ours, _DATA, 1)
        if not data:
            break
        told = json.loads(data)
        if told["step"] == "unshared":
            try:
                namespace.map_user(pid)
            except OSError as error:
                raise Forbidden("uid_map", error.errno or 0) from error
            ours.send(b"mapped")
        elif told["step"] == "socket":
            found.setdefault(told["name"], []).append(socket.socket(fileno=descriptors[0]))
        elif told["step"] == "exec":
            break
        else:
            raise Forbidden(told["step"], told["code"])
    else:
        told = {}
    if _PACKETS not in found:
        raise Forbidden("setup", 0)
    offered = {f"{offer.address} {offer.port}": offer for offer in offers(targets)}
    ports = [
        (sock, offered[name].target, offered[name].address, offered[name].port)
        for name, socks in found.items()
        if name in offered
        for sock in socks
    ]
    if data:
        raise NotStarted(program, found=told["code"] != errno.ENOENT)
    return Started(pid, found[_PROXY][0], ports, found[_NAMES], found[_PACKETS][0], folder)


def _child(  # noqa: PLR0917  all that the parent knows
    theirs: socket.socket,
    argv: Sequence[str],
    environ: Mapping[str, str],
    targets: Sequence[Target],
    folder: Path,
    parent: int,
) -> None:
    """Never returns, and raises nothing: it is a copy of the parent until the command replaces it."""
    step = "unshare"
    try:
        namespace.unshare()
        _tell(theirs, {"step": "unshared"})
        if theirs.recv(16) != b"mapped":
            os._exit(CANNOT)
        step = "setup"
        ipv6 = namespace.network_up()
        for offer in offers(targets):
            if ":" not in offer.address or ipv6:
                _hand_over(
                    theirs, f"{offer.address} {offer.port}", namespace.listener(offer.address, offer.port)
                )
        proxy = namespace.listener("127.0.0.1", 0)
        port = proxy.getsockname()[1]
        _hand_over(theirs, _PROXY, proxy)
        for sock in namespace.resolvers():
            _hand_over(theirs, _NAMES, sock)
        _hand_over(theirs, _PACKETS, namespace.sniffer())
        step = "mount"
        namespace.own_names(folder)
        step = "exec"
        with_default_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, forwarded())
        namespace.prctl(namespace.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(CANNOT)
        os.execvpe(argv[0], list(argv), isolated(environ, port))  # noqa: S606  what was asked for
    except OSError as error:
        with suppress(OSError):
            _tell(theirs, {"step": step, "code": error.errno or 0})
    except BaseException:  # noqa: BLE001, S110  nothing of the parent's may run in this copy of it
        pass
    finally:
        os._exit(CANNOT)


def _tell(theirs: socket.socket, told: Mapping[str, object]) -> None:
    theirs.send(json.dumps(told).encode())


def _hand_over(theirs: socket.socket, name: str, sock: socket.socket) -> None:
    data = json.dumps({"step": "socket", "name": name}).encode()
    socket.send_fds(theirs, [data], [sock.fileno()])
    sock.close()


def leftovers(own: int) -> list[int]:
    """The processes that are our children now."""
    found: list[int] = []
    for task in Path(f"/proc/{own}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def end_leftovers(grace: float = 0.5) -> int:
    """End what the command left running, politely first; returns how many there were."""
    begun, seen = time.monotonic(), set[int]()
    while pids := leftovers(os.getpid()):
        late = time.monotonic() - begun > grace
        for pid in pids:
            if late or pid not in seen:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            seen.add(pid)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() - begun > 4 * grace:
            break
        time.sleep(0.02)
    return len(seen)
