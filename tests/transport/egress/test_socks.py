"""SOCKS5 through the guard: who gets in, where it leads, what is said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transport.egress.conftest import Socks, Town


async def ended(socks: Socks) -> int:
    """How many bytes still came before the connection ended."""
    got = 0
    try:
        async with asyncio.timeout(15):
            while piece := await socks.reader.read(1000):
                got += len(piece)
    except ConnectionError:
        pass
    return got


async def test_bytes_flow_both_ways_and_are_counted(town: Town) -> None:
    port = await town.echo()
    async with town.passage() as passage:
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
        socks.writer.write(b"hello")
        assert await socks.reader.readexactly(5) == b"hello"
        socks.writer.write_eof()
        assert await socks.reader.read() == b""
        assert (passage.received, passage.sent) == (5, 5)
        assert passage.refusals == []
        socks.close()


async def test_the_end_of_one_way_leaves_the_other_open(town: Town) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        writer.write(b"you said " + asked)

    port = await town.serve(late)
    async with town.passage() as passage:
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
        socks.writer.write(b"all")
        socks.writer.write_eof()
        assert await socks.reader.read() == b"you said all"
        socks.close()


async def test_the_far_end_may_stop_talking_and_go_on_listening(town: Town) -> None:
    heard = b""
    done = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(b"go on")
        writer.write_eof()
        heard = await reader.read()
        done.set()

    port = await town.serve(early)
    async with town.passage() as passage:
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
        async with asyncio.timeout(15):
            assert await socks.reader.read() == b"go on"
            socks.writer.write(b"all right")
            socks.writer.write_eof()
            await done.wait()
        assert heard == b"all right"


async def test_a_slow_reader_slows_the_sender(town: Town) -> None:
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while sent < 200_000_000:
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    port = await town.serve(flood)
    async with town.passage() as passage:
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
        await asyncio.sleep(0.3)
        assert passage.received < 40_000_000
        socks.close()


@pytest.mark.parametrize("methods", [b"\x00", b"", b"\x00\x01\x03"])
async def test_without_name_and_password_nothing_is_done(town: Town, methods: bytes) -> None:
    async with town.passage() as passage:
        assert await town.socks(passage).greet(methods) == b"\x05\xff"
    assert town.asked == []


@pytest.mark.parametrize(
    ("user", "password"),
    [(None, "x"), ("x", None), (None, ""), ("", ""), ("é" * 20, "é"), ("x" * 255, "y" * 255)],
)
async def test_a_wrong_name_or_password_is_refused(
    town: Town, user: str | None, password: str | None
) -> None:
    async with town.passage() as passage:
        socks = town.socks(passage, user=user, password=password)
        await socks.greet()
        assert await socks.prove() == b"\x01\x01"
        assert await socks.reader.read() == b""
    assert town.asked == []


async def test_a_passage_is_over_with_its_run(town: Town) -> None:
    port = await town.echo()
    gate = town.gate()
    async with gate.passage(quota=100) as first:
        pass
    async with gate.passage(quota=100) as second:
        socks = town.socks(first)
        await socks.greet()
        assert await socks.prove() == b"\x01\x01"
        assert await town.socks(second).connect("good.test", port) == 0
        assert first.proxy != second.proxy


async def test_the_end_of_the_run_ends_its_connections(town: Town) -> None:
    port = await town.echo()
    async with town.passage() as passage:
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
    await ended(socks)


async def test_one_runs_end_leaves_another_alone(town: Town) -> None:
    port = await town.echo()
    gate = town.gate()
    async with gate.passage(quota=100) as first:
        socks = town.socks(first)
        assert await socks.connect("good.test", port) == 0
        async with gate.passage(quota=100) as second:
            assert await town.socks(second).connect("good.test", port) == 0
        socks.writer.write(b"still")
        assert await socks.reader.readexactly(5) == b"still"


async def test_only_connect_is_spoken(town: Town) -> None:
    async with town.passage() as passage:
        for command in (2, 3, 9):
            socks = town.socks(passage)
            await socks.greet()
            await socks.prove()
            assert await socks.ask("good.test", 443, command=command) == 7
        socks = town.socks(passage)
        await socks.greet()
        await socks.prove()
        assert await socks.ask(b"", 443, kind=7) == 8
    assert town.asked == []


async def test_addresses_can_be_asked_for(town: Town) -> None:
    port = await town.echo()
    async with town.passage(("127.0.0.1",)) as passage:
        socks = town.socks(passage)
        await socks.greet()
        await socks.prove()
        assert await socks.ask(bytes([127, 0, 0, 1]), port, kind=1) == 0
        socks = town.socks(passage)
        await socks.greet()
        await socks.prove()
        assert await socks.ask(bytes(15) + b"\x01", port, kind=4) == 2
        assert passage.refusals == ["::1 is not public, and no setting names it (vcs.internal_hosts)"]
    assert town.asked == []


@pytest.mark.parametrize("nonsense", [b"\x04\x01", b"\x16\x03\x01\x02", b"\x00", b"\x05\x01\x02\x07\x01a"])
async def test_nonsense_is_cut_off(town: Town, nonsense: bytes) -> None:
    async with town.passage() as passage:
        reader, writer = await asyncio.open_connection("127.0.0.1", town.socks(passage).port)
        writer.write(nonsense)
        try:
            said = await reader.read()
        except ConnectionError:
            said = b""
        assert said in {b"", b"\x05\x02"}
        writer.close()


async def test_more_bytes_than_the_quota_end_everything(town: Town) -> None:
    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(10_000))
            await writer.drain()

    flooding, quiet = await town.serve(flood), await town.echo()
    async with town.passage(quota=50_000) as passage:
        idle, socks = town.socks(passage), town.socks(passage)
        assert await idle.connect("good.test", quiet) == 0
        assert await socks.connect("good.test", flooding) == 0
        assert await ended(socks) <= 50_000
        assert await ended(idle) == 0
        assert passage.refusals == ["more than 50000 bytes came: the transfer was stopped"]
        again = town.socks(passage)
        await again.greet()
        assert await again.prove() == b"\x01\x01"


async def test_a_silent_connection_is_closed(town: Town) -> None:
    port = await town.echo()
    async with town.gate(idle=0.2).passage(quota=100) as passage:
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
        assert await ended(socks) == 0
        assert passage.refusals == ["nothing came or went for 0.2 s: the connection to good.test was closed"]


async def test_connections_are_bounded(town: Town) -> None:
    port = await town.echo()
    async with town.gate(connections=2).passage(quota=100) as passage:
        assert await town.socks(passage).connect("good.test", port) == 0
        assert await town.socks(passage).connect("good.test", port) == 0
        assert await town.socks(passage).connect("good.test", port) == 2
        assert passage.refusals == ["more than 2 connections at a time"]


async def test_a_closed_gate_opens_no_passage(town: Town) -> None:
    from modgate.errors import Unavailable  # noqa: PLC0415  one test's

    gate = town.gate()
    async with gate.passage(quota=1) as passage:
        await gate.close()
        with pytest.raises(OSError):  # noqa: PT011  whatever the system says
            await town.socks(passage).greet()
    with pytest.raises(Unavailable):
        async with gate.passage(quota=1):
            pass


async def test_no_secret_is_shown(town: Town) -> None:
    async with town.passage() as passage:
        secret = passage.proxy.partition("@")[0].rpartition(":")[2]
        assert len(secret) >= 32
        assert secret not in repr(passage)
        assert secret not in passage.proxy_command
        assert secret in passage.environment["MODGATE_EGRESS_PASSAGE"]
        assert secret in passage.http_proxy


async def test_strangers_who_say_nothing_keep_nobody_out(town: Town) -> None:
    port = await town.echo()
    async with town.passage() as passage:
        gate = int(passage.proxy.rpartition(":")[2])
        silent = [await asyncio.open_connection("127.0.0.1", gate) for _ in range(140)]
        socks = town.socks(passage)
        assert await socks.connect("good.test", port) == 0
        # Those who came first had to go.
        assert await silent[0][0].read() == b""
        for _, writer in silent:
            writer.close()
        socks.close()
