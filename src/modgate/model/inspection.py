"""The promises of an inspection: a store looked at from below, as files, beside whoever uses it.

A store answers for objects; what is damaged, left over or does not belong there it does not see, or sets
aside on the spot. An inspector sees every name, judges nothing by itself, and changes nothing until it is
told to.

Promises:

1. What a judgement was built on stood together: the object, what is known of it, and what lies beside it are
   read under the lock of its key. A fault is passed on only if they still stand unchanged after the
   judgement, so that what comes, goes or is replaced meanwhile is none.
2. Each change is made under that lock, to the very files that were judged, or not at all. It is sound after
   SIGKILL: nothing is ever deleted that is not left over; what is damaged or foreign goes to the quarantine.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from modgate.model.blob import BlobMeta

__all__ = [
    "Enter",
    "Fault",
    "Finding",
    "Form",
    "Inspection",
    "Inspector",
    "Judged",
    "Look",
    "Place",
    "Quarantine",
    "Stamp",
]

T = TypeVar("T")

Stamp = tuple[int, int, int]
"""Which file it was: two looks with one stamp saw the same bytes, unless the disk changed them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        kind: `rot`, `half`, `content`, `layout`, `ziphash`, `sidecar`, `record`, `proof`, `orphan`,
            `unreadable`.
        where: The key, or the path below the store's folder.
        reason: What is wrong: a word for programs, whose text is `fsck.reason.<word>`.
        values: The placeholders of that text.
        stamp: The file that was judged; None where there is none to compare with.
    """

    kind: str
    where: str
    reason: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge says of one object.

    Attributes:
        faults: What is wrong with it.
        h1: The h1 of a zip or go.mod, as far as it is known; empty where it is not.
        exact: Whether `h1` was computed from the bytes, and not only noted when they were stored.
        proved: Whether a stored record of a checksum database says the same h1.
        inner_mod: The h1 of the go.mod in a zip, where it is another than the one beside it and no stored
            record of a database has it; else empty.
    """

    faults: tuple[Fault, ...] = ()
    h1: str = ""
    exact: bool = False
    proved: bool = False
    inner_mod: str = ""


class Finding(NamedTuple):
    """What was judged of the object under a key, and which file it was."""

    key: str
    judged: Judged
    stamp: Stamp | None


class Form(enum.StrEnum):
    """What stands under a name: links and devices are never followed or opened."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"
    UNREADABLE = "unreadable"


class Place(NamedTuple):
    """A name below the store's folder; `size` in bytes, of files."""

    name: str
    form: Form
    size: int = 0


class Enter(enum.Enum):
    """What a walk does with a folder: go in, leave it out, or name it without going in."""

    YES = enum.auto()
    NO = enum.auto()
    REPORT = enum.auto()


class Quarantine(NamedTuple):
    """How many objects lie in quarantine, and their bytes."""

    objects: int
    size: int


class Look(Protocol):
    """One object, opened: blocking, for a judge that runs in a thread of the inspector.

    Reads raise OSError, which the inspector makes a fault (`unreadable`).
    """

    @property
    def key(self) -> str:
        """Its key."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    @property
    def meta(self) -> BlobMeta | None:
        """What was noted when it was stored; None where nothing readable is."""

    @property
    def torn(self) -> bool:
        """Whether there is a note about it that cannot be read, or is of another object."""

    @property
    def ziphash(self) -> bytes | None:
        """What Go's `.ziphash` beside it holds (its first kilobyte), None where there is none."""

    def sha256(self) -> str:
        """Hex SHA-256 of the file as it is on the disk now."""

    def body(self) -> bytes:
        """The whole file."""

    def file(self) -> BinaryIO:
        """The file for reading and seeking, closed with the look."""

    def beside(self, key: str) -> bytes | None:
        """Another small object; None where there is none, or it is not what was stored."""


class Inspection(Protocol):
    """One inspection under way."""

    @property
    def read(self) -> int:
        """Bytes read so far."""

    @property
    def done(self) -> int:
        """Objects examined so far."""

    async def count(self, enter: Callable[[str], Enter]) -> tuple[int, int]:
        """How many files a walk will see, and their bytes."""

    def walk(
        self, enter: Callable[[str], Enter], read: Callable[[list[Place]], T]
    ) -> AsyncGenerator[T, None]:
        """What `read` makes of every name, in order, a few hundred at a time; folders only where `enter` says
        so, and the inspector's own never. Both run in a thread of the inspector. Raises Unavailable where
        the store is gone.
        """

    async def examine(self, keys: Sequence[str], judge: Callable[[Look], Judged]) -> list[Finding]:
        """Judge the objects that stand under these keys, in one thread. Raises what the judge raises."""

    def leftovers(self) -> AsyncGenerator[list[Fault], None]:
        """Notes without an object (`orphan`), and temporary files that nobody has written to for a day."""

    async def without_zip(self, keys: Sequence[str]) -> list[str]:
        """Those keys of zips of which only the `.ziphash` stands. Raises Unavailable."""

    async def stands(self, place: Place) -> bool:
        """Whether the same kind of thing is still under that name."""

    async def quarantine(self) -> Quarantine:
        """What has been set aside so far."""

    async def set_aside(self, key: str, stamp: Stamp | None, reason: str) -> bool:
        """Quarantine the very file that was judged; False if it is no longer there."""

    async def move_away(self, name: str, reason: str) -> bool:
        """Quarantine whatever has no place in the store, a folder with all that is in it."""

    async def write_ziphash(self, key: str, stamp: Stamp | None, h1: str) -> bool:
        """Write `.ziphash` beside the very zip that was judged; False if that is no longer there."""

    async def drop(self, fault: Fault) -> bool:
        """Delete what is left over (`orphan`), if it still is."""

    async def forget(self, key: str) -> bool:
        """Delete an unreadable note about an object, which is then judged by its bytes alone."""


class Inspector(Protocol):
    """Inspects one store."""

    @property
    def verifier_keys(self) -> Mapping[str, str]:
        """The keys of the checksum databases whose files may lie in the store, by name."""

    def begin(self, *, rate: int, gentle: bool) -> AbstractAsyncContextManager[Inspection]:
        """An inspection that reads at most `rate` bytes a second (0: as fast as it can); a `gentle` one
        gives way to everybody else. Leaving the context ends what it is at.
        """
