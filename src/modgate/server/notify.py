"""Telling the service manager how far the server is: sd_notify(3), one datagram to `$NOTIFY_SOCKET`.

Where nobody listens nothing is sent, and a manager that cannot be told keeps no server from running.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

__all__ = ["notify", "notify_ready", "notify_stopping"]


def notify(*lines: str) -> None:
    """Send the lines, such as `READY=1`. Raises nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # A name that begins with @ lies in no folder: the kernel writes it with a leading zero byte.
    where = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)
        sender.sendto("\n".join(lines).encode(), where)


def notify_ready(url: str) -> None:
    """Connections are accepted."""
    notify("READY=1", f"STATUS=Listening at {url}")


def notify_stopping() -> None:
    """No new connections; what is on its way is being finished."""
    notify("STOPPING=1", "STATUS=Finishing downloads")
