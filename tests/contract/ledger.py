"""What every ledger promises: a suite to inherit from, with `ledger` and `clock` fixtures.

A new implementation joins by one subclass whose fixture opens it (see test_ledger.py).
"""

from __future__ import annotations

import asyncio

import pytest

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model import Alert, Ledger, Pin, TreeHead, VerificationRecord

__all__ = ["LedgerContract", "SetClock", "pin", "record"]


class SetClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def record(number: int = 1, *, kind: str = "zip", h1: str = "h1:a=", at: float = 5.5) -> VerificationRecord:
    version = ModuleVersion(ModulePath("example.com/Üpper/m"), Version(f"v1.{number}.0"))
    return VerificationRecord(version, kind, h1, "sumdb", at)


def pin(path: str, version: str = "", *, note: str = "", at: float = 5.5) -> Pin:
    return Pin(ModulePath(path), Version(version) if version else None, note, at)


class LedgerContract:
    """The promises of model/ledger.py, one test each."""

    async def test_what_was_never_seen_has_no_record(self, ledger: Ledger) -> None:
        assert await ledger.seen(record().version, "zip") is None

    async def test_the_first_record_stands(self, ledger: Ledger) -> None:
        first, later = record(h1="h1:a="), record(h1="h1:b=", at=6.0)
        assert await ledger.first_seen(first) == first
        assert await ledger.first_seen(later) == first
        assert await ledger.seen(first.version, "zip") == first
        assert await ledger.seen(first.version, "mod") is None

    async def test_records_of_kinds_and_versions_are_apart(self, ledger: Ledger) -> None:
        records = [record(1), record(1, kind="mod", h1="h1:m="), record(2)]
        for one in records:
            assert await ledger.first_seen(one) == one
        for one in records:
            assert await ledger.seen(one.version, one.kind) == one

    async def test_of_many_first_sights_at_once_one_stands_and_all_are_told(self, ledger: Ledger) -> None:
        records = [record(number % 40, h1=f"h1:{number}=") for number in range(1200)]
        standing = await asyncio.gather(*(ledger.first_seen(one) for one in records))
        assert [one.version for one in standing] == [one.version for one in records]
        assert standing == [records[number % 40] for number in range(1200)]
        for one in records[:40]:
            assert await ledger.seen(one.version, "zip") == one

    async def test_a_caller_that_goes_away_harms_nobody_else(self, ledger: Ledger) -> None:
        tasks = [asyncio.create_task(ledger.first_seen(record(number))) for number in range(20)]
        tasks += [asyncio.create_task(_seen(ledger, number)) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for number, result in enumerate(done):
            if number % 3:
                assert not isinstance(result, BaseException)
        assert await ledger.first_seen(record(99)) == record(99)

    async def test_tree_heads_come_newest_first_and_a_size_is_kept_as_it_was(self, ledger: Ledger) -> None:
        heads = [TreeHead("sum.example.com", size, bytes([size]) * 32, float(size)) for size in range(1, 8)]
        for head in heads:
            await ledger.add_tree_head(head)
        await ledger.add_tree_head(TreeHead("sum.example.com", 3, b"x" * 32, 99.0))
        await ledger.add_tree_head(TreeHead("other.example.com", 2**40, b"x" * 32, 99.0))
        assert await ledger.tree_heads("sum.example.com") == heads[::-1]
        assert await ledger.tree_heads("sum.example.com", limit=2) == [heads[6], heads[5]]
        assert [head.size for head in await ledger.tree_heads("other.example.com")] == [2**40]
        assert await ledger.tree_heads("nobody.example.com") == []

    async def test_alerts_come_newest_first(self, ledger: Ledger) -> None:
        alerts = [Alert("bit-rot", f"subject {number}", "text\nof two lines", 7.0) for number in range(5)]
        for alert in alerts:
            await ledger.add_alert(alert)
        assert await ledger.alerts() == alerts[::-1]
        assert await ledger.alerts(limit=2) == [alerts[4], alerts[3]]

    async def test_an_alert_may_hold_any_text(self, ledger: Ledger) -> None:
        await ledger.add_alert(Alert("kind", "sub\udc80ject", "a\0b\x1b[31m", 7.0))
        assert (await ledger.alerts())[0].text == "a\0b\x1b[31m"

    async def test_pins_come_and_go(self, ledger: Ledger) -> None:
        assert await ledger.pins() == []
        whole, one = pin("example.com/m"), pin("example.com/m", "v1.0.0", note="for the audit")
        other = pin("example.com/a", "v2.0.0")
        for each in (one, whole, other):
            assert await ledger.add_pin(each) is True
        assert await ledger.pins() == [other, whole, one]
        assert await ledger.remove_pin(whole.path, None) is True
        assert await ledger.remove_pin(whole.path, None) is False
        assert await ledger.remove_pin(one.path, Version("v1.0.1")) is False
        assert await ledger.pins() == [other, one]

    async def test_a_pin_again_takes_the_new_note_and_keeps_its_time(self, ledger: Ledger) -> None:
        await ledger.add_pin(pin("example.com/m", "v1.0.0", at=5.5))
        assert await ledger.add_pin(pin("example.com/m", "v1.0.0", note="now with a note", at=9.0)) is False
        assert await ledger.pins() == [pin("example.com/m", "v1.0.0", note="now with a note", at=5.5)]

    async def test_a_lease_is_held_by_one(self, ledger: Ledger, clock: SetClock) -> None:
        lease = await ledger.acquire("fill", "a", ttl=10)
        assert lease is not None
        assert (lease.name, lease.holder, lease.expires_at) == ("fill", "a", clock.now + 10)
        assert await ledger.acquire("fill", "b", ttl=10) is None
        assert await ledger.acquire("other", "b", ttl=10) is not None

    async def test_renewing_keeps_the_token_and_moves_the_end(self, ledger: Ledger, clock: SetClock) -> None:
        first = await ledger.acquire("fill", "a", ttl=10)
        clock.now += 9
        again = await ledger.acquire("fill", "a", ttl=10)
        assert first is not None
        assert again is not None
        assert (again.token, again.expires_at) == (first.token, clock.now + 10)
        clock.now += 9
        assert await ledger.acquire("fill", "b", ttl=10) is None

    async def test_an_expired_lease_goes_to_the_next_under_a_higher_token(
        self, ledger: Ledger, clock: SetClock
    ) -> None:
        first = await ledger.acquire("fill", "a", ttl=10)
        clock.now += 10
        second = await ledger.acquire("fill", "b", ttl=10)
        assert first is not None
        assert second is not None
        assert second.token > first.token
        assert await ledger.release(first) is False
        assert await ledger.acquire("fill", "a", ttl=10) is None

    async def test_a_clock_that_is_set_back_does_not_keep_a_lease_for_years(
        self, ledger: Ledger, clock: SetClock
    ) -> None:
        first = await ledger.acquire("fill", "a", ttl=10)
        clock.now -= 3600
        second = await ledger.acquire("fill", "b", ttl=10)
        assert first is not None
        assert second is not None
        assert second.token > first.token
        assert second.expires_at == clock.now + 10
        assert await ledger.acquire("fill", "a", ttl=10) is None

    async def test_a_released_lease_is_free_and_its_token_is_never_used_again(self, ledger: Ledger) -> None:
        tokens = []
        for holder in "abab":
            lease = await ledger.acquire("fill", holder, ttl=10)
            assert lease is not None
            tokens.append(lease.token)
            assert await ledger.release(lease) is True
            assert await ledger.release(lease) is False
        assert tokens == sorted(set(tokens))

    async def test_an_expired_lease_cannot_be_released(self, ledger: Ledger, clock: SetClock) -> None:
        lease = await ledger.acquire("fill", "a", ttl=10)
        assert lease is not None
        clock.now += 11
        assert await ledger.release(lease) is False

    async def test_of_many_who_ask_at_once_one_gets_the_lease(self, ledger: Ledger) -> None:
        got = await asyncio.gather(*(ledger.acquire("fill", f"h{n}", ttl=10) for n in range(50)))
        assert sum(lease is not None for lease in got) == 1

    async def test_it_is_ready_until_it_is_closed(self, ledger: Ledger) -> None:
        await ledger.ready()
        await ledger.close()
        await ledger.close()
        with pytest.raises(Unavailable):
            await ledger.ready()
        with pytest.raises(Unavailable):
            await ledger.seen(record().version, "zip")
        with pytest.raises(Unavailable):
            await ledger.pins()
        with pytest.raises(Unavailable):
            await ledger.first_seen(record())
        with pytest.raises(Unavailable):
            await ledger.acquire("fill", "a", ttl=1)


async def _seen(ledger: Ledger, number: int) -> VerificationRecord:
    one = record(number)
    return await ledger.seen(one.version, one.kind) or one
