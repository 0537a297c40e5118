"""`/sumdb/` of a gate: its own log under the log's name, and the mirrored databases under theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Absent, Invalid
from modgate.sumdb.spec import check_name

if TYPE_CHECKING:
    from modgate.checksumdb.log import ChecksumLog
    from modgate.checksumdb.mirror import Mirror
    from modgate.model.checksums import MirrorAnswer
    from modgate.model.context import Context

__all__ = ["Mirrors"]


class Mirrors:
    """A `ChecksumMirror` over several, each asked for its own names. Raises Invalid for a name of two."""

    def __init__(self, *parts: ChecksumLog | Mirror) -> None:
        self._parts = parts
        self._by_name: dict[str, ChecksumLog | Mirror] = {}
        for part in parts:
            for name in part.names:
                if self._by_name.setdefault(name, part) is not part:
                    raise Invalid(
                        f"two checksum databases are called {name}",
                        next_step="Give the gate's own log a name of its own: modgate sumdb keygen NAME.",
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """The databases' names."""
        return tuple(self._by_name)

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        """See `model.ChecksumMirror`."""
        part = self._by_name.get(name)
        if part is None:
            check_name(name)
            raise Absent("this checksum database is not mirrored here", where=name)
        return await part.fetch(ctx, name, rest)

    async def flush(self) -> None:
        """Wait until everything that was learnt is written."""
        for part in self._parts:
            await part.flush()

    async def close(self) -> None:
        """Finish writing, and stop."""
        for part in self._parts:
            await part.close()
