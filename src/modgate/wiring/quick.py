"""Beginning and ending quickly, with many modules.

What a module makes while it is imported is no garbage, and looking for some among it takes a fifth of the
time; so does tidying all of it up when the process is about to be gone. A gate that serves would stand still
for a tenth of a second each time the collector walks through the hundred thousand things it began with.
"""

from __future__ import annotations

import atexit
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["importing", "leave_at_once", "stay"]


@contextmanager
def importing() -> Iterator[None]:
    """Imports in here are not interrupted by the garbage collector."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def leave_at_once() -> None:
    """When this process ends by itself, what is left in it goes with its memory, unvisited."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def stay() -> None:
    """What there is now stays as long as the process: the collector looks only at what comes from here on."""
    gc.collect()
    gc.freeze()
