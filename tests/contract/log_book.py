"""What every log book promises: a suite to inherit from, with a `book` fixture."""

from __future__ import annotations

import asyncio

import pytest

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.logbook import LogBook, LogEntry, LogHead

__all__ = ["LogBookContract", "version"]

LOG = "sum.corp.example"


def version(number: int) -> ModuleVersion:
    return ModuleVersion(ModulePath("corp.example/Üpper/m"), Version(f"v1.{number}.0"))


class LogBookContract:
    """The promises of model/logbook.py, one test each."""

    async def test_an_unknown_log_is_empty(self, book: LogBook) -> None:
        assert await book.size(LOG) == 0
        assert await book.head(LOG) is None
        assert await book.find(LOG, version(1)) is None
        assert await book.records(LOG, 0, 10) == []
        assert await book.append(LOG, []) == []

    async def test_records_are_numbered_in_their_order_without_gaps(self, book: LogBook) -> None:
        first = await book.append(LOG, [(version(n), b"text %d\n" % n) for n in range(3)])
        second = await book.append(LOG, [(version(9), b"nine\n")])
        assert first + second == [
            *(LogEntry(n, version(n), b"text %d\n" % n) for n in range(3)),
            LogEntry(3, version(9), b"nine\n"),
        ]
        assert await book.size(LOG) == 4
        assert await book.records(LOG, 0, 100) == first + second
        assert await book.records(LOG, 2, 4) == [first[2], second[0]]
        assert await book.records(LOG, 4, 5) == []

    async def test_the_first_record_of_a_version_stands(self, book: LogBook) -> None:
        await book.append(LOG, [(version(1), b"first\n")])
        again = await book.append(
            LOG, [(version(2), b"new\n"), (version(1), b"later\n"), (version(2), b"x\n")]
        )
        assert [(each.number, each.text) for each in again] == [(1, b"new\n"), (0, b"first\n"), (1, b"new\n")]
        assert await book.find(LOG, version(1)) == LogEntry(0, version(1), b"first\n")
        assert await book.size(LOG) == 2

    async def test_very_many_records_are_numbered_at_once(self, book: LogBook) -> None:
        await book.append(LOG, [(version(n), b"t\n") for n in range(0, 3000, 2)])
        entries = await book.append(LOG, [(version(n), b"u\n") for n in range(3000)])
        assert [entry.number for entry in entries[::2]] == list(range(1500))
        assert [entry.number for entry in entries[1::2]] == list(range(1500, 3000))

    async def test_logs_are_apart(self, book: LogBook) -> None:
        await book.append(LOG, [(version(1), b"one\n")])
        assert (await book.append("other.example", [(version(1), b"two\n")]))[0].number == 0
        await book.set_head(LOG, LogHead(1, b"note"))
        assert await book.head("other.example") is None

    async def test_of_many_appends_at_once_each_number_is_given_once(self, book: LogBook) -> None:
        done = await asyncio.gather(
            *(book.append(LOG, [(version(n), b"%d\n" % n), (version(n % 7), b"again\n")]) for n in range(200))
        )
        assert await book.size(LOG) == 200
        assert sorted({entry.number for pair in done for entry in pair}) == list(range(200))
        kept = await book.records(LOG, 0, 200)
        assert [entry.number for entry in kept] == list(range(200))
        assert {entry for pair in done for entry in pair} == set(kept)

    async def test_the_first_head_of_a_size_stands_and_the_largest_is_the_head(self, book: LogBook) -> None:
        await book.append(LOG, [(version(n), b"t\n") for n in range(5)])
        assert await book.set_head(LOG, LogHead(5, b"five")) == LogHead(5, b"five")
        assert await book.set_head(LOG, LogHead(3, b"three")) == LogHead(3, b"three")
        assert await book.set_head(LOG, LogHead(5, b"another five")) == LogHead(5, b"five")
        assert await book.head(LOG) == LogHead(5, b"five")

    async def test_no_head_is_kept_of_records_that_are_not_there(self, book: LogBook) -> None:
        await book.append(LOG, [(version(1), b"t\n")])
        with pytest.raises(Unavailable):
            await book.set_head(LOG, LogHead(2, b"two"))
        assert await book.head(LOG) is None
