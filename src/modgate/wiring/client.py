"""The client's parts on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modgate.client.machine.local import LocalHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.client.machine.host import Host

__all__ = ["clock", "local_host", "monotonic"]

clock: Callable[[], float] = time.time
monotonic: Callable[[], float] = time.monotonic


def local_host() -> Host:
    """This machine."""
    return LocalHost()
