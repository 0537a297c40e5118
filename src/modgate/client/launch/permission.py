"""Why a system forbids the namespace, and which setting allows it: read where the system says so.

Sources: user_namespaces(7), Ubuntu 23.10's release notes (AppArmor), Debian's kernel patch
(unprivileged_userns_clone).
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.client.machine.linuxnet import in_container
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.machine.host import Host

__all__ = ["unsupported", "why_forbidden"]

_SETTINGS = (
    ("apparmor", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
    ("clone", "/proc/sys/kernel/unprivileged_userns_clone", "0"),
    ("limit", "/proc/sys/user/max_user_namespaces", "0"),
    ("net-limit", "/proc/sys/user/max_net_namespaces", "0"),
)


def unsupported(system: System) -> Message | None:
    """Why this system has no such thing at all; None where it may."""
    return None if system is System.LINUX else Message("run.forbidden.system", {"system": system.value})


def why_forbidden(host: Host, step: str, code: int) -> Message:
    """What to say of a `Forbidden`."""
    for name, file, value in _SETTINGS:
        try:
            content = host.read(host.path(file))
        except Unavailable:
            continue
        if content is not None and content.strip() == value.encode():
            return Message(f"run.forbidden.{name}")
    container = in_container(host)
    if container:
        return Message("run.forbidden.container", {"container": container})
    key = "kernel" if code in {errno.EINVAL, errno.ENOSYS} else "other"
    return Message(f"run.forbidden.{key}", {"step": step, "reason": os.strerror(code)})
