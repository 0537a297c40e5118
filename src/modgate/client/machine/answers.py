"""What a command of the system prints, or None: checks of desktops go on without what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Absent, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.machine.host import Host

__all__ = ["answer"]


async def answer(host: Host, argv: Sequence[str], *, limit: float = 4.0) -> str | None:
    """Standard output of a command, None where there is no such program, it failed or took too long."""
    try:
        ran = await host.run(argv, limit=limit)
    except (Absent, Unavailable):
        return None
    return ran.stdout if ran.status == 0 else None
