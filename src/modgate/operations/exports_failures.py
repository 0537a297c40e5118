"""What the operating system says while an export is written, as errors of ours."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["translated"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def translated(what: str, where: str) -> Iterator[None]:
    """Raise Unavailable for an OSError: `storage-full` where there is no room."""
    try:
        yield
    except OSError as error:
        text = f"{what}: {error.strerror or error}"
        if error.errno in _FULL:
            raise Unavailable(text, where=where, kind="storage-full") from error
        raise Unavailable(text, where=where) from error
