"""ssh's ProxyCommand: pipes stdin and stdout through a passage. Run as a program of its own.

It is started once for each ssh connection, with nothing of the package importable (`python -I -S`), so
it needs only modules that are there at once. The passage comes in the environment, never in argv, which
every user of the machine can read. It says nothing but why it failed, on stderr.
Source: RFC 1928, RFC 1929.
"""

import _thread
import os
import socket
import sys

_PIECE = 1 << 16
_REPLIES = {
    2: "the way out refuses this host",
    3: "the network is unreachable",
    4: "the host cannot be reached",
    5: "the connection was refused",
}


class _Failure(Exception):
    """Why there is no connection, in words for ssh's stderr."""


def _whole(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise _Failure("the way out closed the connection")
        data += piece
    return data


def _connect(passage: str, host: str, port: str) -> socket.socket:
    """A connection through the passage (`port:user:password`)."""
    if not host or host.startswith("-") or len(host) > 255 or not host.isascii():
        raise _Failure("this is no host")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _Failure("this is no port")
    gate, _, rest = passage.partition(":")
    user, _, password = (part.encode("ascii") for part in rest.partition(":"))
    if not (gate.isdigit() and user and password):
        raise _Failure("there is no passage in the environment")
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.connect(("127.0.0.1", int(gate)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = host.encode("ascii")
    sock.sendall(b"\x05\x01\x02")
    if _whole(sock, 2) != b"\x05\x02":
        raise _Failure("the way out speaks no SOCKS5")
    sock.sendall(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
    if _whole(sock, 2)[1]:
        raise _Failure("the passage is over")
    sock.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + int(port).to_bytes(2, "big"))
    answer = _whole(sock, 4)
    if answer[1]:
        raise _Failure(_REPLIES.get(answer[1], "the way out failed"))
    _whole(sock, {1: 4, 4: 16}.get(answer[3], 0) + 2)
    return sock


def _inward(sock: socket.socket, done: _thread.LockType) -> None:
    """What ssh says goes out; its end is passed on, and answers are still awaited."""
    try:
        while piece := os.read(0, _PIECE):
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    finally:
        done.release()


def _outward(sock: socket.socket) -> None:
    while piece := sock.recv(_PIECE):
        view = memoryview(piece)
        while view:
            view = view[os.write(1, view) :]


def main(arguments: list[str]) -> int:
    """Pipe until both ways have ended; 1 with a line on stderr where there is no connection."""
    try:
        host, port = arguments
        sock = _connect(os.environ.pop("MODGATE_EGRESS_PASSAGE", ""), host, port)
    except (_Failure, OSError, ValueError) as error:
        os.write(2, f"modgate: {error}\n".encode("ascii", "replace"))
        return 1
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(_inward, (sock, done))
    try:
        _outward(sock)
        os.close(1)
        done.acquire()
    except OSError:
        return 1
    return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # a reader of stdin may still be waiting
