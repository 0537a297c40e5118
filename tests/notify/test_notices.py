"""Who uses what an advisory hits hears of it once, with the way out; nobody else hears anything."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.firewall.fixes import Called, Way
from modgate.firewall.notices import AdvisoryNotices, Settings
from modgate.firewall.subscriptions import Subscription
from modgate.firewall.told import Told
from modgate.ledger.sql import SqlLedger
from modgate.messages import Catalogue, Language
from modgate.model.advisory import Advisory, Block, Event, Severity
from modgate.model.consumers import Fetches
from modgate.notify.story import tell
from modgate.policy.advisories import AdvisoryIndex
from modgate.wiring.books import build_books
from tests.notify.parts import dispatching, settled, target
from tests.support.receiver import OK, Receiver, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from modgate.firewall.fixes import Closing, Ways
    from modgate.gomod.types import ModuleVersion
    from modgate.model.outbox import Message
    from modgate.wiring.books import Books

NOW = 1_800_000_000.0
DAY = 86400.0
LIB = "example.com/lib"


def advisory(
    identifier: str = "GO-2026-0001",
    path: str = LIB,
    fixed: str = "1.2.0",
    **more: object,
) -> Advisory:
    events = (Event("introduced", "0"), *((Event("fixed", fixed),) if fixed else ()))
    made = Advisory(
        identifier,
        (Block(path, events),),
        aliases=("CVE-2026-1",),
        summary="It does what nobody should",
        published=NOW - DAY,
        modified=NOW - DAY,
        severity=Severity.CRITICAL,
        severity_from="osv",
        url=f"https://pkg.go.dev/vuln/{identifier}",
    )
    return replace(made, **more)  # type: ignore[arg-type]


class Scene:
    """Books with uses in them, notices on them, and what a second process would be."""

    def __init__(self, books: Books, ledger: SqlLedger) -> None:
        self.books = books
        self.ledger = ledger
        self.settings = Settings(subscriptions=(Subscription("ops"),), ask="#security")
        self.woken: list[str] = []

    def notices(self, outbox: object = None, ways: Callable[[], Ways] = Called) -> AdvisoryNotices:
        return AdvisoryNotices(
            self.books.consumers,
            self.books.outbox if outbox is None else outbox,  # type: ignore[arg-type]
            self.ledger,
            holder="a",
            clock=lambda: NOW,
            settings=lambda: self.settings,
            ways=ways,
            wake=self.woken.extend,
        )

    async def use(self, consumer: str, version: str, path: str = LIB, kind: str = "zip") -> None:
        await self.books.consumers.add([Fetches(consumer, path, version, kind, 1, NOW - 5, NOW - 5)])

    async def messages(self, name: str = "ops") -> list[Message]:
        return [each.message for each in await self.books.outbox.waiting(name, limit=10_000)]

    async def consumers(self) -> list[str]:
        return sorted(each.consumer for each in await self.messages())


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    ledger = await SqlLedger.open_memory(clock=lambda: NOW)
    yield Scene(build_books(ledger, clock=lambda: NOW), ledger)
    await ledger.close()


async def test_who_uses_a_version_that_is_hit_is_told_with_the_command_that_fixes_it(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    await scene.use("team-a", "v1.1.0")
    await scene.use("team-b", "v1.2.0")
    await scene.use("team-c", "v1.0.0", kind="mod")
    assert await scene.notices().changed(None, AdvisoryIndex([advisory()])) == 1
    [message] = await scene.messages()
    assert message.consumer == "team-a"
    assert message.body["advisory"]["id"] == "GO-2026-0001"
    assert [(each["version"], each["fixed"]) for each in message.body["versions"]] == [
        ("v1.0.0", "v1.2.0"),
        ("v1.1.0", "v1.2.0"),
    ]
    assert message.body["ask"] == "#security"
    assert scene.woken == ["ops"]


async def test_the_same_index_tells_nothing_twice_and_another_process_neither(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    index = AdvisoryIndex([advisory()])
    assert await scene.notices().changed(None, index) == 1
    assert await scene.notices().changed(None, index) == 0
    await scene.use("team-b", "v1.0.0")
    assert await scene.notices().changed(None, index) == 0


async def test_what_was_published_long_ago_is_no_news_when_it_is_met_first(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    await scene.use("team-a", "v1.0.0", "example.com/other")
    old = advisory(published=NOW - 31 * DAY)
    fresh = advisory("GO-2026-0002", "example.com/other", published=NOW - 29 * DAY)
    assert await scene.notices().changed(None, AdvisoryIndex([old, fresh])) == 1
    assert [each.body["advisory"]["id"] for each in await scene.messages()] == ["GO-2026-0002"]
    # That an old one names more versions now is news.
    wider = replace(old, blocks=(Block(LIB, (Event("introduced", "0"), Event("fixed", "1.3.0"))),))
    await scene.use("team-b", "v1.2.5")
    assert await scene.notices().changed(None, AdvisoryIndex([wider, fresh])) == 2


async def test_who_is_hit_by_nothing_new_is_not_told_again_when_an_advisory_changes(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    await scene.use("team-b", "v1.2.5")
    old = AdvisoryIndex([advisory()])
    await scene.notices().changed(None, old)
    wider = AdvisoryIndex([advisory(fixed="1.3.0")])
    assert await scene.notices().changed(old, wider) == 1
    assert await scene.consumers() == ["team-a", "team-b"]


async def test_an_advisory_that_turns_out_worse_is_told_again(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    mild = AdvisoryIndex([advisory(severity=Severity.LOW)])
    await scene.notices().changed(None, mild)
    assert await scene.notices().changed(mild, AdvisoryIndex([advisory()])) == 1
    # Milder again: nobody is disturbed.
    assert await scene.notices().changed(AdvisoryIndex([advisory()]), mild) == 0


async def test_a_withdrawn_one_tells_nobody(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    assert await scene.notices().changed(None, AdvisoryIndex([advisory(withdrawn=NOW)])) == 0


async def test_an_entry_that_nobody_reviewed_and_nothing_fixes_is_told_only_on_request(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    doubtful = AdvisoryIndex([advisory(fixed="", reviewed=False)])
    assert await scene.notices().changed(None, doubtful) == 0
    scene.settings = replace(scene.settings, doubtful=True)
    other = AdvisoryIndex([advisory("GO-2026-0009", fixed="", reviewed=False)])
    assert await scene.notices().changed(None, other) == 1
    [message] = await scene.messages()
    assert message.body["versions"][0]["fixed"] == ""


async def test_a_webhook_hears_of_its_own_consumers_alone(scene: Scene) -> None:
    scene.settings = Settings(
        subscriptions=(
            Subscription("a", consumers=("team-a*",)),
            Subscription("net", consumers=("10.1.0.0/16",)),
            Subscription("all"),
            Subscription("denials", events=frozenset({"denied"})),
        )
    )
    for consumer in ("team-a1", "10.1.2.3", "10.2.2.3"):
        await scene.use(consumer, "v1.0.0")
    await scene.notices().changed(None, AdvisoryIndex([advisory()]))
    told = {name: [each.consumer for each in await scene.messages(name)] for name in ("a", "net", "denials")}
    assert told == {"a": ["team-a1"], "net": ["10.1.2.3"], "denials": []}
    assert len(await scene.messages("all")) == 3


async def test_an_erased_consumer_is_not_told(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    await scene.books.consumers.erase("team-a")
    assert await scene.notices().changed(None, AdvisoryIndex([advisory()])) == 0


async def test_go_itself_hits_those_who_were_given_that_toolchain(scene: Scene) -> None:
    await scene.use("team-a", "v0.0.1-go1.26.1.linux-amd64", "golang.org/toolchain")
    await scene.use("team-b", "v0.0.1-go1.26.8.linux-amd64", "golang.org/toolchain")
    await scene.notices().changed(None, AdvisoryIndex([advisory(path="stdlib", fixed="1.26.5")]))
    assert await scene.consumers() == ["team-a"]


class Choosy:
    """Lets everybody go where their own name says."""

    async def out(self, consumer: str, groups: frozenset[str], version: ModuleVersion, index: Closing) -> Way:
        closing = index.closing_fix(version.path, version.version)
        return Way(withheld=closing) if consumer == "strict" or "strict" in groups else Way(closing)


async def test_each_is_told_of_the_fix_that_it_may_have_itself(scene: Scene) -> None:
    for consumer in ("team-a", "strict"):
        await scene.use(consumer, "v1.0.0")
    await scene.notices(ways=Choosy).changed(None, AdvisoryIndex([advisory()]))
    told = {each.consumer: each for each in await scene.messages()}
    assert told["team-a"].body["versions"][0]["fixed"] == "v1.2.0"
    [withheld] = told["strict"].body["versions"]
    assert (withheld["fixed"], withheld["withheld"]) == ("", "v1.2.0")
    for language, words in ((Language.ENGLISH, "may not be used here"), (Language.CHINESE, "不允许使用")):
        story = tell(told["strict"], Catalogue(language))
        assert not story.commands
        [text] = [value for _, value in story.facts if "v1.0.0" in value]
        assert "v1.2.0" in text
        assert words in text


class Dying:
    """An outbox whose process dies after so many writes."""

    def __init__(self, outbox: object, writes: int) -> None:
        self._outbox = outbox
        self._left = writes

    async def enqueue(self, messages: Sequence[Message], *, mark: tuple[str, str] | None = None) -> int:
        if not self._left:
            raise Unavailable("killed")
        self._left -= 1
        found: int = await self._outbox.enqueue(messages, mark=mark)  # type: ignore[attr-defined]
        return found

    async def mark(self, name: str) -> str:
        found: str = await self._outbox.mark(name)  # type: ignore[attr-defined]
        return found


async def test_who_is_killed_in_the_middle_loses_none_and_tells_nobody_twice(scene: Scene) -> None:
    count = 1200
    fetches = [Fetches(f"team-{n:04}", LIB, "v1.0.0", "zip", 1, NOW, NOW) for n in range(count)]
    await scene.books.consumers.add(fetches)
    index = AdvisoryIndex([advisory()])
    for writes in (0, 1, 2):
        with pytest.raises(Unavailable):
            await scene.notices(Dying(scene.books.outbox, writes)).changed(None, index)
    assert len(await scene.messages()) == 1000
    assert await scene.notices().changed(None, index) == count - 1000
    assert await scene.consumers() == [f"team-{n:04}" for n in range(count)]


async def test_of_two_gates_one_tells(scene: Scene) -> None:
    await scene.use("team-a", "v1.0.0")
    lease = await scene.ledger.acquire("notices:advisories", "another", ttl=120.0)
    assert lease is not None
    assert await scene.notices().changed(None, AdvisoryIndex([advisory()])) is None
    await scene.ledger.release(lease)
    assert await scene.notices().changed(None, AdvisoryIndex([advisory()])) == 1


def test_what_was_told_survives_being_written() -> None:
    told = Told.of([advisory(), advisory("GO-2026-0002")], digest="abc", at=NOW)
    assert Told.read(told.write()) == told
    for nonsense in ("", "abc", "abc x y", "abc 1.0 !!!!", "abc 1.0 AAAA"):
        assert Told.read(nonsense) == Told()


async def test_237_consumers_are_told_by_a_receiver_that_fails_half_of_the_time(scene: Scene) -> None:
    mine = [f"consumer-{n:03}" for n in range(237)]
    await scene.books.consumers.add(
        [
            *(Fetches(each, LIB, "v1.1.0", "zip", 1, NOW, NOW) for each in mine),
            *(Fetches(f"fixed-{n}", LIB, "v1.2.0", "zip", 1, NOW, NOW) for n in range(100)),
            *(Fetches(f"reader-{n}", LIB, "v1.1.0", "mod", 1, NOW, NOW) for n in range(100)),
            *(Fetches(f"other-{n}", "example.com/other", "v1.1.0", "zip", 1, NOW, NOW) for n in range(100)),
        ]
    )
    with Receiver() as receiver:
        receiver.answer = lambda _received: OK if len(receiver.got) % 2 == 0 else status(500)
        async with dispatching(scene.books.outbox, [target(receiver.url)], backoff=0.001) as dispatcher:
            started = asyncio.get_running_loop().time()
            assert await scene.notices().changed(None, AdvisoryIndex([advisory()])) == 237
            queued = asyncio.get_running_loop().time() - started
            dispatcher.wake()
            await settled(scene.books.outbox)
    taken = [json.loads(each.body)["data"] for each in receiver.taken]
    assert Counter(each["consumer"] for each in taken) == Counter(mine)
    assert len(receiver.got) == 2 * 237
    assert {each["versions"][0]["command"] for each in taken} == {f"go get {LIB}@v1.2.0"}
    print(f"237 messages queued in {queued:.3f} s, {len(receiver.got)} attempts")
