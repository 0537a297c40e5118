"""What was last known of each database, in one folder: a pack of its entries, and how its last look went.

    <key>.pack    the entries (`pack`), swapped as one
    <key>.json    when it was asked, what to ask with next time; losing it costs one unneeded look

The key is made of the database's name as it is configured. What no configured database has goes at the end of
a look, and what a crash left goes when the folder is taken. One process uses a folder. Everything blocks.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from modgate.errors import Invalid, Unavailable
from modgate.feeds.advisories.pack import Pack, PackWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Kept", "Look", "kept_packs"]

_MAX_LOOK = 1 << 20


class Look(msgspec.Struct, frozen=True):
    """How the last look at a database went.

    Attributes:
        digest: Of the pack that it is about; with another pack it counts for nothing.
        checked_at: When it was last asked and answered, in Unix seconds; 0 for never.
        marks: What names the state that was read (validators, a stamp), by the reader's own names.
        error: What went wrong; empty when it went well.
    """

    digest: str = ""
    checked_at: float = 0.0
    marks: dict[str, str] = {}
    error: str = ""


def kept_packs(folder: Path, sources: Iterable[str]) -> list[Pack]:
    """What is kept of these databases, in their order; nothing is changed, so it may be read beside a server.

    Raises Invalid and Unavailable for a pack that cannot be used.
    """
    found = (Pack.open(folder / f"{_key(source)}.pack") for source in sources)
    return [pack for pack in found if pack is not None]


class Kept:
    """The folder; made when something is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with suppress(OSError):
            for left in folder.glob("*.tmp"):
                left.unlink(missing_ok=True)

    def load(self, source: str) -> tuple[Pack | None, Look]:
        """What is kept of a database. A damaged pack is put aside and told to the log: it is none."""
        path = self.folder / f"{_key(source)}.pack"
        try:
            pack = Pack.open(path)
        except (Invalid, Unavailable) as error:
            structlog.get_logger("modgate.advisories").warning(
                "advisories: what was kept cannot be used", database=source, why=error.what
            )
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
            pack = None
        look = self._look(source)
        if look.digest != (pack.digest if pack else ""):
            look = Look(digest=pack.digest if pack else "")
        return pack, look

    def writer(self, source: str) -> PackWriter:
        """A new pack for a database. Raises Unavailable."""
        return PackWriter(self.folder, f"{_key(source)}.pack", source)

    def note(self, source: str, look: Look) -> None:
        """Keep how the last look went. Raises Unavailable."""
        path = self.folder / f"{_key(source)}.json"
        beside = path.with_suffix(".json.tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(look))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise Unavailable(f"it cannot be written: {error.strerror}", where=str(path)) from error

    def forget_others(self, sources: Iterable[str]) -> None:
        """Take away what is kept of databases that are configured no more."""
        names = {_key(source) for source in sources}
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix in {".pack", ".json", ".damaged"} and path.stem not in names:
                    path.unlink(missing_ok=True)

    def _look(self, source: str) -> Look:
        try:
            with (self.folder / f"{_key(source)}.json").open("rb") as file:
                return msgspec.json.decode(file.read(_MAX_LOOK), type=Look)
        except (OSError, ValueError, msgspec.MsgspecError):
            return Look()


def _key(source: str) -> str:
    return hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()
