"""`GOSUMDB=off`: no module is covered, so what this gate saw first is all there is to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import Context, Sums

__all__ = ["NoDatabase"]


class NoDatabase:
    """A `ChecksumDatabase` that covers nothing."""

    def covers(self, path: ModulePath) -> bool:  # noqa: ARG002  nothing is covered
        """False."""
        return False

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:  # noqa: ARG002  it knows nothing
        """Raise Unavailable: nobody asks a database that covers nothing."""
        raise Unavailable("no checksum database is configured", where=str(version))
