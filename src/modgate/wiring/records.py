"""What operations of the firewall stand on, from the parts of a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.gomod.module import escape_path, unescape_version
from modgate.gomod.types import Version
from modgate.operations.records import Records
from modgate.wiring.owners import owners_of, pseudonym_of

if TYPE_CHECKING:
    from modgate.firewall.owners import Owners
    from modgate.gomod.types import ModulePath
    from modgate.operations.works import Syncing
    from modgate.wiring.gate import Gate

__all__ = ["build_records"]


def build_records(gate: Gate, advisories: Syncing | None = None) -> Records:
    """The books of a gate, what is held in memory of them, and the advisories that it goes by."""
    standing = gate.standing
    books = standing.books

    def owners() -> Owners:
        config = gate.ground.config
        return owners_of(config, pseudonym_of(config))

    async def settle() -> None:
        await standing.tally.flush(books.consumers)
        await gate.wall.recorder.written()
        await standing.scribe.flush(books.audit)

    async def listed(path: ModulePath) -> tuple[Version, ...]:
        names = await standing.store.names(f"{escape_path(path)}/@v")
        infos = [name.removesuffix(".info") for name in names if name.endswith(".info")]
        return tuple(Version(unescape_version(each)) for each in infos)

    def forget(consumer: str) -> None:
        standing.tally.forget(consumer)
        gate.wall.received.forget()

    def name_of(name: str) -> str:
        pseudonym = pseudonym_of(gate.ground.config)
        return name if pseudonym is None else pseudonym(name)

    return Records(
        consumers=books.consumers,
        audit=books.audit,
        decisions=books.decisions,
        waivers=books.waivers,
        owners=owners,
        listed=listed,
        settle=settle,
        known=lambda: None if advisories is None else advisories.index,
        forget=forget,
        changed_waivers=gate.wall.refresh_waivers,
        name_of=name_of,
    )
