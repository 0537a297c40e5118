"""Hot answers, ready-made: a hit is a dictionary look-up.

An entry is found by (raw path, view), where the view is what this client may see (one for all until
identity tells clients apart), or by the bytes of a whole request head that was parsed before and led
to it: the same bytes parse the same way. Entries are dropped when the generation moves (something
stored was removed, a policy or a list changed), when they expire, and by least recent use once bytes,
entries or open files exceed their bounds. Small bodies are held in memory; files are held open and
sent by the kernel.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from modgate.server.represent import Representation
    from modgate.telemetry import Cell

__all__ = ["LONGEST", "MAX_HEAD", "SMALL", "Hot", "Memo", "OpenFile"]

SMALL = 64 * 1024
"""Bodies up to this size are held in memory."""

MAX_HEAD = 1024
"""Request heads above this size are parsed each time."""

LONGEST = 3600.0
"""Seconds after which even what cannot change is asked for again."""

_OVERHEAD = 1024


class OpenFile:
    """A descriptor that is closed when the memo and every sender have released it."""

    __slots__ = ("_users", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._users = 1

    def acquire(self) -> OpenFile:
        """One more user."""
        self._users += 1
        return self

    def release(self) -> None:
        """One user less; the last one closes."""
        self._users -= 1
        if self._users == 0:
            os.close(self.fd)


class Hot:
    """A ready answer: `head()` is everything between the Date line and the body.

    `body` holds the bytes of a small one, `file` the open file of a big one. `cell` is where hits
    of this `kind` are counted; `mark` is what a client is counted to have been given (`firewall.tally`),
    empty where nothing is.
    """

    __slots__ = (
        "_born",
        "_head",
        "_second",
        "alive",
        "body",
        "cell",
        "expires",
        "file",
        "generation",
        "key",
        "kind",
        "mark",
        "rep",
        "size",
    )

    def __init__(
        self,
        key: tuple[bytes, str],
        rep: Representation,
        body: bytes,
        file: OpenFile | None,
        *,
        kind: str,
        cell: Cell,
        generation: Hashable,
        now: float,
        mark: str = "",
        longest: float = LONGEST,
    ) -> None:
        self.key = key
        self.mark = mark
        self.rep = rep
        self.body = body
        self.file = file
        self.size = cast("int", rep.size)
        self.kind = kind
        self.cell = cell
        self.generation = generation
        self.alive = True
        # Even what cannot change is asked for again after a while: the store then knows that it is in
        # use, and verifies a file that is held open once more.
        self.expires = now + (longest if rep.immutable else min(longest, rep.rest or 0.0))
        self._born = now
        self._second = 0
        self._head = self._render(rep)

    @staticmethod
    def _render(rep: Representation) -> bytes:
        lines = [b"%s: %s\r\n" % header for header in rep.headers()]
        return b"".join([*lines, b"content-length: %d\r\n\r\n" % cast("int", rep.size)])

    def head(self, now: float) -> bytes:
        """Header lines, the blank line included; only the Age of a mutable answer moves."""
        if not self.rep.immutable:
            second = int(now - self._born)
            if second != self._second:
                self._second = second
                self._head = self._render(self.aged(now))
        return self._head

    def aged(self, now: float) -> Representation:
        """The answer as it is at `now` (the memo's clock)."""
        rep = self.rep
        if rep.immutable:
            return rep
        passed = now - self._born
        rest = None if rep.rest is None else rep.rest - passed
        return replace(rep, age=rep.age + passed, rest=rest)


class Memo:
    """The bounded table of hot answers. Belongs to one event loop; nothing here waits.

    Args:
        clock: Monotonic seconds.
        generation: Changes whenever anything that was answered may no longer be.
        max_bytes: Bound on the bodies (and a share of bookkeeping) held in memory.
        max_entries: Bound on entries.
        max_files: Bound on open files.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        generation: Callable[[], Hashable] = lambda: 0,
        max_bytes: int = 32 * 1024 * 1024,
        max_entries: int = 16384,
        max_files: int = 256,
    ) -> None:
        self.clock = clock
        self.generation = generation
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._max_files = max_files
        self._entries: OrderedDict[tuple[bytes, str], Hot] = OrderedDict()
        self._files: OrderedDict[tuple[bytes, str], Hot] = OrderedDict()
        self._heads: dict[bytes, Hot] = {}
        self._seen = generation()
        self.held = 0
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, path: bytes, view: str = "") -> Hot | None:
        """The hot answer for this raw path, query excluded, if it may still be given."""
        hot = self._entries.get((path, view))
        return self.usable(hot) if hot is not None else None

    def recall(self, head: bytes) -> Hot | None:
        """The hot answer that this very request head led to before."""
        hot = self._heads.get(head)
        if hot is None:
            return None
        usable = self.usable(hot)
        if usable is None:
            del self._heads[head]
        return usable

    def remember(self, head: bytes, hot: Hot) -> None:
        """This whole request head, parsed, led to `hot`."""
        if len(head) > MAX_HEAD:
            return
        if len(self._heads) >= self._max_entries:
            self._heads.clear()
        self._heads[head] = hot

    def usable(self, hot: Hot) -> Hot | None:
        """The same, if it may still be given."""
        if not hot.alive:
            return None
        if hot.generation != self.generation() or self.clock() >= hot.expires:
            self._drop(hot)
            return None
        self._entries.move_to_end(hot.key)
        if hot.file is not None:
            self._files.move_to_end(hot.key)
        return hot

    def put(
        self,
        key: tuple[bytes, str],
        rep: Representation,
        body: bytes,
        *,
        kind: str,
        cell: Cell,
        generation: Hashable,
        mark: str = "",
        longest: float = LONGEST,
    ) -> Hot:
        """Keep an answer with its whole body under (raw path, view).

        `generation` was read before the source was asked; after `longest` seconds it is asked again.
        """
        now = self.clock()
        return self._add(
            Hot(
                key,
                rep,
                body,
                None,
                kind=kind,
                cell=cell,
                generation=generation,
                now=now,
                mark=mark,
                longest=longest,
            )
        )

    def put_file(
        self,
        key: tuple[bytes, str],
        rep: Representation,
        *,
        kind: str,
        cell: Cell,
        generation: Hashable,
        mark: str = "",
        longest: float = LONGEST,
    ) -> Hot | None:
        """Keep an answer whose blob was verified and has a file; None if the file is not as it should be."""
        blob = rep.blob
        if blob is None or blob.path is None or rep.size is None:
            return None
        try:
            fd = os.open(blob.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return None
        if os.fstat(fd).st_size != rep.size:
            os.close(fd)
            return None
        file, now = OpenFile(fd), self.clock()
        return self._add(
            Hot(
                key,
                rep,
                b"",
                file,
                kind=kind,
                cell=cell,
                generation=generation,
                now=now,
                mark=mark,
                longest=longest,
            )
        )

    def _add(self, hot: Hot) -> Hot:
        self._bury()
        old = self._entries.get(hot.key)
        if old is not None:
            self._drop(old)
        self._entries[hot.key] = hot
        self.held += len(hot.body) + _OVERHEAD
        if hot.file is not None:
            self._files[hot.key] = hot
        while len(self._files) > self._max_files:
            self._drop(next(iter(self._files.values())))
        while self._entries and (self.held > self._max_bytes or len(self._entries) > self._max_entries):
            self._drop(next(iter(self._entries.values())))
        return hot

    def _bury(self) -> None:
        """Drop what no longer counts: a removed file takes room on the disk while it is held open."""
        generation = self.generation()
        if generation != self._seen:
            self._seen = generation
            for hot in [each for each in self._entries.values() if each.generation != generation]:
                self._drop(hot)

    def _drop(self, hot: Hot) -> None:
        hot.alive = False
        del self._entries[hot.key]
        self.held -= len(hot.body) + _OVERHEAD
        # Remembered heads may refer to it for a while yet: they must not keep the bytes.
        hot.body = b""
        hot.rep = replace(hot.rep, body=b"")
        if hot.file is not None:
            del self._files[hot.key]
            hot.file.release()

    def forget(self, path: bytes, view: str = "") -> None:
        """The answer at this raw path has changed, or was confirmed: the source is asked again.

        What was asked of the source before this moment (see `forgotten`) must not be kept after it.
        """
        self.forgotten += 1
        hot = self._entries.get((path, view))
        if hot is not None:
            self._drop(hot)

    def clear(self) -> None:
        """Forget everything and close the files nobody is sending."""
        for hot in list(self._entries.values()):
            self._drop(hot)
        self._heads.clear()
