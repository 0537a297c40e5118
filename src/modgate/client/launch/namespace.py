"""A network of a process's own (Linux): made by the process itself between fork and exec.

1. unshare: a user, a mount and a network namespace. The parent maps the user to itself, so that files keep
   their owner and the command has no rights over the namespace once it is executed.
2. `lo` comes up; every address there is becomes local, so that what tries to leave is refused at once
   and seen on `lo`, instead of failing unseen for want of a route.
3. Sockets are opened in here and handed to the parent, which stays outside: it accepts their connections
   and forwards them. No helper runs in here, and nothing in here can widen what is offered.
4. resolv.conf and nsswitch.conf lead to our resolver, in this mount namespace only; nscd is hidden.
Sources: unshare(2), user_namespaces(7), rtnetlink(7), packet(7).
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.launch.packets import FILTER

with suppress(ImportError):  # imported on every system, called on Linux alone
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PR_SET_CHILD_SUBREAPER",
    "PR_SET_PDEATHSIG",
    "listener",
    "map_user",
    "network_up",
    "own_names",
    "prctl",
    "resolvers",
    "sniffer",
    "unshare",
]

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_RTM_NEWROUTE, _REQUEST_CREATE_ACK = 24, 0x1 | 0x400 | 0x4
_TABLE_LOCAL, _STATIC, _HOST, _LOCAL, _OIF = 255, 4, 254, 2, 4
_ETH_P_ALL, _ATTACH_FILTER, _IPV6_FREEBIND = 0x0300, 26, 78
_RECEIVE = 1 << 20


def unshare() -> None:
    """Leave the system's network. Raises OSError."""
    _checked(_libc().unshare(_NEWUSER | _NEWNS | _NEWNET))


def map_user(pid: int) -> None:
    """Make every user of the process who it was; called by the parent. Raises OSError."""
    for name, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        file = Path(f"/proc/{pid}/{name}_map")
        known = Path(f"/proc/self/{name}_map").read_text(encoding="ascii").splitlines()
        whole = "".join(f"{line.split()[0]} {line.split()[0]} {line.split()[2]}\n" for line in known)
        with suppress(PermissionError):
            file.write_text(whole, encoding="ascii")
            continue
        if name == "gid":
            Path(f"/proc/{pid}/setgroups").write_text("deny", encoding="ascii")
        file.write_text(f"{own} {own} 1\n", encoding="ascii")


def network_up() -> bool:
    """Bring `lo` up and make every address local; says whether IPv6 is there too. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack_from("16sh", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    _all_local(socket.AF_INET)
    try:
        _all_local(socket.AF_INET6)
    except OSError:
        return False
    return True


def listener(address: str, port: int) -> socket.socket:
    """A listening socket, on any address. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    sock.bind((address, port))
    sock.listen(128)
    return sock


def resolvers() -> Iterator[socket.socket]:
    """The socket where names are asked."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 53))
    yield sock


def sniffer() -> socket.socket:
    """A socket that sees the attempts among the packets on `lo`. Raises OSError."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = b"".join(struct.pack("HBBI", *step) for step in FILTER)
    kept = ctypes.create_string_buffer(program)
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", len(FILTER), ctypes.addressof(kept)))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE)
    sock.bind(("lo", socket.ntohs(_ETH_P_ALL)))
    return sock


def own_names(folder: Path) -> None:
    """Let this mount namespace ask our resolver only; `folder` takes the files. Raises OSError."""
    _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE)
    contents = {
        "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    }
    for name, content in contents.items():
        if Path(name).exists():
            source = folder / Path(name).name
            source.write_text(content, encoding="ascii")
            _mount(os.fsencode(source), os.fsencode(os.path.realpath(name)), None, _MS_BIND)
    hidden = folder / "nothing"
    hidden.mkdir()
    for name in ("/run/nscd", "/var/run/nscd"):
        if Path(name, "socket").exists():
            _mount(os.fsencode(hidden), os.fsencode(os.path.realpath(name)), None, _MS_BIND)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process (see the manual of that name). Raises OSError."""
    _checked(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def _all_local(family: int) -> None:
    message = struct.pack("BBBBBBBBI", family, 0, 0, 0, _TABLE_LOCAL, _STATIC, _HOST, _LOCAL, 0)
    message += struct.pack("HHI", 8, _OIF, socket.if_nametoindex("lo"))
    head = struct.pack("IHHII", 16 + len(message), _RTM_NEWROUTE, _REQUEST_CREATE_ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(head + message)
        code = struct.unpack_from("i", sock.recv(4096), 16)[0]
    if code:
        raise OSError(-code, os.strerror(-code))


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    _checked(_libc().mount(source, target, kind, ctypes.c_ulong(flags), None))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
