"""How fast an inspection may read, and that it ends when it is told to.

The limit is kept piece by piece, so that one large zip does not take in a moment what the disk of a busy
server gives in seconds. Beside a server each object counts for some bytes more than it has: small ones cost
the disk a way to them, and the server time of the interpreter.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pace", "Stopped"]

_BURST = 0.05  # seconds of reading that may be made up for
_NICE = 15
_OBJECT = 64 * 1024


class Stopped(BaseException):
    """The inspection was ended."""


class Pace:
    """Bytes a second over all threads; 0 is no limit."""

    def __init__(self, rate: int, monotonic: Callable[[], float], *, gentle: bool) -> None:
        self.read = 0
        self.done = 0
        self._rate = rate
        self._monotonic = monotonic
        self._gentle = gentle
        self._due = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.local()

    def took(self, count: int) -> None:
        """Count bytes that were read, and wait for their time. Raises Stopped."""
        with self._lock:
            self.read += count
        self._wait(count)

    def one(self) -> None:
        """Count an object, and wait as `took` does. Raises Stopped."""
        with self._lock:
            self.done += 1
        if self._gentle:
            self._wait(_OBJECT)

    def _wait(self, count: int) -> None:
        wait = 0.0
        if self._rate:
            with self._lock:
                now = self._monotonic()
                self._due = max(self._due, now - _BURST) + count / self._rate
                wait = self._due - now
        if wait > 0:
            self._stopped.wait(wait)
        self.check()

    def check(self) -> None:
        """Raise Stopped if the inspection is over."""
        if self._stopped.is_set():
            raise Stopped

    def stop(self) -> None:
        """End what the threads are at."""
        self._stopped.set()

    def give_way(self) -> None:
        """Lower the priority of the calling thread, once, where the system has one for each thread."""
        if self._gentle and sys.platform == "linux" and not hasattr(self._thread, "low"):
            self._thread.low = True
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
