"""The gate's own checksum log: what it answers, what it refuses, and what a verifying client makes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from modgate.checksumdb.mirrors import Mirrors
from modgate.errors import Absent, Denied, Invalid, ModgateError, Tampered, Unavailable, Unverified
from modgate.model.answer import Verification
from modgate.model.checksums import Sums
from modgate.model.context import Context
from modgate.sumdb.head import open_head
from modgate.sumdb.log import split_data_tile
from modgate.sumdb.note import new_verifier, verifier_list
from modgate.sumdb.records import EMPTY_TREE, parse_record
from modgate.sumdb.tiles import Tile
from tests.checksumdb.logsetup import ASK, NAME, Company, h1, sums_of
from tests.checksumdb.setup import World, mv

A = "corp.example/a"


@pytest.fixture
def company() -> Company:
    return Company()


async def test_a_lookup_logs_what_the_authority_says_and_a_client_believes_it(company: Company) -> None:
    answer = await company.get(f"lookup/{A}@v1.0.0")
    number, text, note = parse_record(answer)
    assert (number, text.decode()) == (
        0,
        f"{A} v1.0.0 {h1(f'{A} v1.0.0 zip')}\n{A} v1.0.0/go.mod {h1(f'{A} v1.0.0 mod')}\n",
    )
    assert open_head(note, verifier_list(new_verifier(company.verifier_key))).tree.n == 1
    assert (await company.client().sums(ASK, mv(A))).zip == sums_of(A).zip


async def test_every_record_of_many_is_proved_to_a_client_that_remembers(company: Company) -> None:
    client = company.client()
    for start in range(0, 700, 100):
        await company.record(*range(start, start + 100))
        for number in (start, start + 99, start // 2):
            path = f"corp.example/m{number}"
            assert (await client.sums(ASK, mv(path))).mod == sums_of(path).mod
    assert await company.alerts() == []
    assert company.oracle.asked == {}


async def test_one_by_one_over_the_edge_of_a_tile_every_step_is_proved(company: Company) -> None:
    await company.record(*range(250))
    client = company.client()
    for number in range(250, 260):
        await company.record(number)
        assert (await client.sums(ASK, mv(f"corp.example/m{number}"))).verified is Verification.SUMDB
    fresh = company.client()
    assert (await fresh.sums(ASK, mv("corp.example/m3"))).zip == sums_of("corp.example/m3").zip


async def test_the_authority_is_asked_once_for_all_who_wait(company: Company) -> None:
    company.oracle.gate.clear()
    asking = [asyncio.create_task(company.get(f"lookup/{A}@v1.0.0")) for _ in range(20)]
    await asyncio.sleep(0.01)
    asking[0].cancel()
    company.oracle.gate.set()
    answers = await asyncio.gather(*asking[1:])
    assert company.oracle.asked == {f"{A}@v1.0.0": 1}
    assert len({parse_record(answer)[:2] for answer in answers}) == 1
    await company.get(f"lookup/{A}@v1.0.0")
    assert company.oracle.asked.total() == 1


async def test_askers_of_other_rights_do_not_share_a_question(company: Company) -> None:
    company.oracle.gate.clear()
    asking = [
        asyncio.create_task(company.get(f"lookup/{A}@v1.0.0", Context(credential_scope=scope)))
        for scope in "xy"
    ]
    await asyncio.sleep(0.01)
    company.oracle.gate.set()
    await asyncio.gather(*asking)
    assert company.oracle.asked.total() == 2
    assert await company.book.size(NAME) == 1


async def test_what_waits_together_gets_one_head(company: Company) -> None:
    await company.record(*range(60))
    assert company.steps.count("signed") <= 2
    assert await company.book.size(NAME) == 60


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Absent("404"), Absent),
        (Unverified("the public database does not know it"), Absent),
        (Denied("policy"), Denied),
        (Unavailable("down"), Unavailable),
        (Tampered("other bytes"), Tampered),
        (Invalid("no such version"), Invalid),
    ],
)
async def test_only_what_is_proved_unknown_is_absent_and_nothing_is_logged(
    company: Company, raised: ModgateError, expected: type[ModgateError]
) -> None:
    company.oracle.errors[A] = raised
    with pytest.raises(expected, match=raised.what):
        await company.get(f"lookup/{A}@v1.0.0")
    assert await company.book.size(NAME) == 0
    del company.oracle.errors[A]
    assert await company.get(f"lookup/{A}@v1.0.0")


async def test_without_fetching_the_book_alone_answers(company: Company) -> None:
    closed = Context(fetch=False)
    with pytest.raises(Absent, match="not in the log"):
        await company.get(f"lookup/{A}@v1.0.0", closed)
    assert company.oracle.asked.total() == 0
    await company.record(7)
    assert parse_record(await company.get("lookup/corp.example/m7@v1.0.0", closed))[0] == 0


async def test_other_sums_for_a_version_are_refused_and_told_and_the_record_stands(company: Company) -> None:
    await company.log.log(ASK, mv(A), sums_of(A))
    await company.log.log(ASK, mv(A), sums_of(A, verified=Verification.SUMDB))
    for other in (replace(sums_of(A), zip=h1("x")), replace(sums_of(A), mod=h1("x"))):
        with pytest.raises(Tampered, match="differ from record 0"):
            await company.log.log(ASK, mv(A), other)
    assert await company.alerts() == ["sumdb-tampered", "sumdb-tampered"]
    assert await company.log.known(mv(A)) == sums_of(A, verified=Verification.LOG)
    assert await company.book.size(NAME) == 1


async def test_of_two_sums_at_once_one_stands_and_the_other_is_refused(company: Company) -> None:
    done = await asyncio.gather(
        *(company.log.log(ASK, mv(A), replace(sums_of(A), zip=h1(text))) for text in "abab"),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Tampered) for each in done) == 2
    assert await company.book.size(NAME) == 1


@pytest.mark.parametrize(
    "sums",
    [
        Sums("", "", Verification.SUMDB),
        Sums("", h1("m"), Verification.LOCAL),
        Sums(h1("z"), "", Verification.NONE),
        Sums("h1:short=", h1("m"), Verification.SUMDB),
        Sums(h1("z") + "\nevil v1.0.0 h1:x=", h1("m"), Verification.SUMDB),
        Sums("h2:" + h1("z")[3:], h1("m"), Verification.SUMDB),
    ],
)
async def test_what_is_no_sums_is_never_recorded(company: Company, sums: Sums) -> None:
    with pytest.raises(Invalid):
        await company.log.log(ASK, mv(A), sums)
    assert await company.book.size(NAME) == 0


async def test_a_public_record_of_one_line_is_logged_as_it_is(company: Company) -> None:
    await company.log.log(ASK, mv(A), Sums("", h1("m"), Verification.SUMDB))
    assert await company.log.known(mv(A)) == Sums("", h1("m"), Verification.LOG)


@pytest.mark.parametrize(
    ("rest", "malformed"),
    [
        ("lookup/corp.example/a", True),
        ("lookup/corp.example/a@master", False),
        ("lookup/corp.example/a@v1", False),
        ("lookup/corp.example/a@v1.0.0+meta", False),
        ("lookup/corp.example/a@v2.0.0", False),
        ("lookup/corp.example/A@v1.0.0", False),
        ("lookup/../a@v1.0.0", False),
        ("lookup/@v1.0.0", False),
        ("tile/8/0/0", True),
        ("tile/8/0/000.p/0", True),
        ("tile/9/0/000", False),
        ("tile/8/0", True),
        ("latest/x", False),
        ("", False),
        ("lookup/", False),
    ],
)
async def test_nonsense_is_refused_without_asking_anybody(
    company: Company, rest: str, malformed: bool
) -> None:
    with pytest.raises(Invalid) as caught:
        await company.get(rest)
    assert caught.value.malformed is malformed
    assert company.oracle.asked.total() == 0


async def test_toolchains_are_looked_up_as_everything_else(company: Company) -> None:
    version = "v0.0.1-go1.26.0.linux-amd64"
    assert version.encode() in await company.get(f"lookup/golang.org/toolchain@{version}")


async def test_upper_case_is_escaped_in_urls_and_files_and_written_plainly_in_records(
    company: Company,
) -> None:
    assert b"corp.example/Big v1.0.0 " in await company.get("lookup/corp.example/!big@v1.0.0")
    assert await company.kept("lookup/corp.example/!big@v1.0.0")


async def test_an_empty_log_has_a_signed_head_and_no_tiles(company: Company) -> None:
    assert await company.get("supported") == b""
    head = open_head(await company.get("latest"), verifier_list(new_verifier(company.verifier_key)))
    assert head.tree == EMPTY_TREE
    with pytest.raises(Absent):
        await company.get("tile/8/0/000.p/1")


async def test_tiles_are_given_up_to_the_head_and_no_further(company: Company) -> None:
    await company.record(*range(300))
    assert len(await company.get("tile/8/0/000")) == 256 * 32
    assert await company.get("tile/8/0/000.p/7") == (await company.get("tile/8/0/000"))[: 7 * 32]
    assert len(await company.get("tile/8/0/001.p/44")) == 44 * 32
    assert len(await company.get("tile/8/1/000.p/1")) == 32
    for beyond in (
        "tile/8/0/001",
        "tile/8/0/001.p/45",
        "tile/8/0/002.p/1",
        "tile/8/1/000.p/2",
        "tile/8/2/000.p/1",
    ):
        with pytest.raises(Absent, match="size 300"):
            await company.get(beyond)


async def test_data_tiles_hold_all_records_in_order(company: Company) -> None:
    await company.record(*range(300))
    texts = split_data_tile(Tile(8, -1, 0, 256), await company.get("tile/8/data/000"))
    texts += split_data_tile(Tile(8, -1, 1, 44), await company.get("tile/8/data/001.p/44"))
    assert texts == [entry.text for entry in await company.book.records(NAME, 0, 300)]
    assert len(split_data_tile(Tile(8, -1, 1, 9), await company.get("tile/8/data/001.p/9"))) == 9
    with pytest.raises(Absent):
        await company.get("tile/8/data/001")


async def test_the_folder_is_complete_and_the_forms_that_a_full_tile_replaced_are_gone(
    company: Company,
) -> None:
    for number in range(258):
        await company.record(number)
    for rest in (
        "supported",
        "latest",
        "tile/8/0/000",
        "tile/8/data/000",
        "tile/8/0/001.p/2",
        "tile/8/1/000.p/1",
    ):
        assert await company.kept(rest) is not None, rest
    assert await company.kept("tile/8/0/000.p/9") is None
    assert await company.kept("tile/8/data/000.p/9") is None
    assert len(await company.store.names(f"sumdb/{NAME}/lookup/corp.example")) == 258


async def test_the_name_of_another_database_is_absent(company: Company) -> None:
    with pytest.raises(Absent):
        await company.log.fetch(ASK, "sum.golang.org", "supported")
    with pytest.raises(Invalid):
        await company.log.fetch(ASK, "../x", "supported")


async def test_the_facade_asks_each_for_its_own_and_refuses_two_of_one_name(company: Company) -> None:
    world = World()
    mirrors = Mirrors(company.log, world.mirror)
    assert mirrors.names == (NAME, world.db.name)
    assert b"corp.example/a" in (await mirrors.fetch(ASK, NAME, f"lookup/{A}@v1.0.0")).body
    assert b"example.com/m0" in (await mirrors.fetch(ASK, world.db.name, "lookup/example.com/m0@v1.0.0")).body
    with pytest.raises(Absent):
        await mirrors.fetch(ASK, "sum.nobody.example", "supported")
    with pytest.raises(Invalid, match="two checksum databases"):
        Mirrors(company.log, Company().log)
    await mirrors.flush()
    await mirrors.close()


async def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid):
        Company(name="not a name")
    with pytest.raises(Invalid):
        Company(name="nothost/../x")


async def test_closing_while_somebody_asks_is_an_answer_not_a_hang(company: Company) -> None:
    company.oracle.gate.clear()
    asking = asyncio.create_task(company.get(f"lookup/{A}@v1.0.0"))
    await asyncio.sleep(0.01)
    await company.log.close()
    with pytest.raises(Unavailable):
        await asking
