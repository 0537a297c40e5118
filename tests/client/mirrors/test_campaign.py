"""Real mirrors on loopback, each with its set faults, are measured side by side and ranked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.client.mirrors.campaign import Campaign, Progress, Target
from modgate.client.mirrors.ranking import Tier, rank, rate_of
from modgate.client.mirrors.results import LOST, Outcome
from modgate.client.mirrors.stats import summary
from modgate.client.mirrors.subject import Limits, Subject
from modgate.wiring.client import outfit
from tests.client.mirrors.lab import BUSY, MEASURED, MODULE, SUBJECT, TOOLCHAIN, LabMirror
from tests.support.certificates import certificate
from tests.support.modules import make_zip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.client.mirrors.results import MirrorResult
    from tests.support.modules import World
    from tests.support.sumdb_server import TestDatabase

NOW = 1_716_163_200.0
"""2024-05-20T00:00:00Z."""

QUICK = Limits(rounds=3, warm=2, downloads=1, timeout=2.0, pause=0.0, stagger=0.005)


async def _measured(
    mirrors: dict[str, LabMirror],
    limits: Limits = QUICK,
    subject: Subject = SUBJECT,
    *,
    environ: dict[str, str] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    dead: tuple[str, ...] = (),
) -> Campaign:
    async with contextlib.AsyncExitStack() as stack:
        for mirror in mirrors.values():
            await stack.enter_async_context(mirror)
        targets = [Target(name, mirror.url) for name, mirror in mirrors.items()]
        targets += [Target(f"dead{at}", url) for at, url in enumerate(dead)]
        campaign = Campaign(
            targets, subject, limits, outfit(environ or {}), clock=lambda: NOW, progress=progress
        )
        await campaign.run()
    return campaign


async def _one(mirror: LabMirror, limits: Limits = QUICK, subject: Subject = SUBJECT) -> MirrorResult:
    return (await _measured({"it": mirror}, limits, subject)).results[0]


def _ranking(campaign: Campaign) -> list[tuple[str, Tier]]:
    return [(ranked.result.name, ranked.tier) for ranked in rank(campaign.results)]


async def test_five_mirrors_with_set_latency_loss_lag_and_no_database_are_ranked_right(
    world: World, database: TestDatabase
) -> None:
    mirrors = {
        "no-database": LabMirror(world, None, delay=0.005),
        "lagging": LabMirror(world, database, delay=0.01, lag=3),
        "slow": LabMirror(world, database, delay=0.08, rate=2e6),
        "lossy": LabMirror(world, database, delay=0.03, lose_every=4),
        "fast": LabMirror(world, database, delay=0.02, rate=4e6),
    }
    campaign = await _measured(mirrors, replace(QUICK, rounds=6))
    assert [name for name, _ in _ranking(campaign)] == ["fast", "slow", "lagging", "lossy", "no-database"]
    for result in campaign.results:
        cold, warm = summary(result.good(cold=True)), summary(result.good(cold=False))
        print(
            result.name, cold and cold.p50, warm and warm.p50, rate_of(result), result.failed, result.attempts
        )
    by_name = {result.name: result for result in campaign.results}
    assert by_name["fast"].failed == 0
    assert by_name["lagging"].freshness[BUSY].behind == 3
    assert by_name["lossy"].failed >= 3


async def test_a_sound_mirror_passes_everything(world: World, database: TestDatabase) -> None:
    result = await _one(LabMirror(world, database))
    assert [(check.name, check.outcome) for check in result.checks if check.outcome is not Outcome.PASS] == []
    assert result.database is not None
    assert result.database.works
    assert result.database.latest == database.size
    assert result.toolchain is True
    assert (result.http_version, result.status_existing, result.status_absent) == ("HTTP/1.1", 200, 404)
    assert result.freshness[BUSY].newest == "v1.5.0"
    assert [ranked.tier for ranked in rank([result])] == [Tier.SOUND]


async def test_each_round_is_one_new_connection_and_the_asked_warm_requests(
    world: World, database: TestDatabase
) -> None:
    mirror = LabMirror(world, database)
    result = await _one(mirror, replace(QUICK, rounds=4, warm=3))
    assert [(s.round, s.cold) for s in result.samples] == [
        (number, at == 0) for number in range(4) for at in range(4)
    ]
    assert all(sample.step("connect") > 0 for sample in result.samples if sample.cold)
    assert all(sample.step("connect") == 0 for sample in result.samples if not sample.cold)
    assert mirror.seen.count(f"/{MODULE}/@v/v0.20.0.info") == 16
    assert result.requests == len(mirror.seen)


async def test_no_mirror_gets_two_requests_at_once(world: World, database: TestDatabase) -> None:
    mirrors = {name: LabMirror(world, database, delay=0.01) for name in ("a", "b", "c")}
    await _measured(mirrors)
    assert {mirror.most_at_once for mirror in mirrors.values()} == {1}


async def test_the_order_of_starts_turns_from_round_to_round(world: World, database: TestDatabase) -> None:
    order: list[tuple[str, int]] = []

    class Noted(LabMirror):
        name = ""

        def answer(self, path: str) -> tuple[int, str, bytes]:
            if path.endswith("/v0.20.0.info"):
                order.append((self.name, len(order)))
            return super().answer(path)

    mirrors: dict[str, LabMirror] = {}
    for name in ("a", "b", "c"):
        mirror = Noted(world, database)
        mirror.name = name
        mirrors[name] = mirror
    await _measured(mirrors, replace(QUICK, rounds=3, warm=0, stagger=0.05))
    assert "".join(name for name, _ in order) == "abcbcacab"


async def test_a_mirror_that_closes_each_connection_has_no_warm_requests_and_no_failures(
    world: World, database: TestDatabase
) -> None:
    result = await _one(LabMirror(world, database, keep_alive=False))
    assert [sample.cold for sample in result.samples] == [True] * 3
    assert result.failed == 0
    assert rank([result])[0].seconds is not None


async def test_every_lost_request_is_counted_though_a_client_would_try_again(
    world: World, database: TestDatabase
) -> None:
    mirror = LabMirror(world, database, lose_every=5)
    result = await _one(mirror, replace(QUICK, rounds=10))
    asked = sum(path in MEASURED for path in mirror.seen)
    assert result.attempts == asked
    assert result.failed == asked // 5
    assert set(result.failures()) <= {LOST, "headers/closed", "headers/reset"}


async def test_a_tls_mirror_tells_the_share_of_the_handshake(
    world: World, database: TestDatabase, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    mirror = LabMirror(world, database, tls=context)
    campaign = await _measured({"tls": mirror}, environ={"SSL_CERT_FILE": str(cert)})
    cold = [sample for sample in campaign.results[0].samples if sample.cold]
    assert all(0 < sample.step("tls") < sample.seconds for sample in cold)
    assert all(sample.step("tls") == 0 for sample in campaign.results[0].samples if not sample.cold)


async def test_html_for_everything_breaks_the_protocol(world: World) -> None:
    result = await _one(LabMirror(world, html=True))
    failed = {check.name for check in result.checks if check.outcome is Outcome.FAIL}
    assert {"list", "info", "mod", "zip", "latest", "absent", "absent-module", "list-type"} <= failed
    assert rank([result])[0].tier is Tier.NONCONFORMING
    assert result.database is not None
    assert not result.database.works
    assert result.toolchain is False


async def test_a_bogus_mirror_answers_404_to_what_exists(world: World) -> None:
    result = await _one(LabMirror(world, empty=True))
    assert (result.status_existing, result.status_absent) == (404, 404)
    ranked = rank([result])[0]
    assert ranked.tier is Tier.NONCONFORMING
    assert ranked.reasons[0].key == "mirrors.reason.bogus"
    assert result.transfers == []


async def test_the_wrong_zip_is_found(world: World, database: TestDatabase) -> None:
    result = await _one(LabMirror(world, database, bad_zip=True))
    assert result.check("zip") is Outcome.FAIL
    assert rank([result])[0].tier is Tier.NONCONFORMING


async def test_another_zip_of_the_right_form_is_found_by_the_database(
    world: World, database: TestDatabase
) -> None:
    class Retagged(LabMirror):
        def answer(self, path: str) -> tuple[int, str, bytes]:
            status, kind, body = super().answer(path)
            if path == f"/{MODULE}/@v/v0.20.0.zip":
                prefix = f"{MODULE}@v0.20.0"
                go_mod = world.modules[MODULE, "v0.20.0"].mod
                body = make_zip({f"{prefix}/go.mod": go_mod, f"{prefix}/sys.go": b"package sys\n"})
            return status, kind, body

    result = await _one(Retagged(world, database))
    assert result.check("zip") is Outcome.PASS
    assert result.check("zip-sum") is Outcome.FAIL


async def test_wrong_tiles_are_not_believed(world: World, database: TestDatabase) -> None:
    result = await _one(LabMirror(world, database, bad_tiles=True))
    assert result.database is not None
    assert result.database.supported == 200
    assert not result.database.lookup
    assert rank([result])[0].reasons[0].key == "mirrors.reason.database-broken"
    assert result.check("zip-sum") is Outcome.UNTESTED


async def test_500_for_what_is_absent_is_no_absence(world: World, database: TestDatabase) -> None:
    for status, outcome in ((410, Outcome.PASS), (403, Outcome.FAIL), (500, Outcome.UNTESTED)):
        result = await _one(LabMirror(world, database, refuse_absent=status))
        assert result.check("absent") is outcome, status


async def test_lag_is_told_in_versions_and_in_days_since_the_first_that_is_missed(
    world: World, database: TestDatabase
) -> None:
    campaign = await _measured(
        {"fresh": LabMirror(world, database), "old": LabMirror(world, database, lag=2)}
    )
    fresh, old = campaign.results
    assert (fresh.freshness[BUSY].behind, fresh.freshness[BUSY].days) == (0, None)
    # v1.4.0 was made on 2024-05-14, six days before now.
    assert old.freshness[BUSY].behind == 2
    assert old.freshness[BUSY].days == pytest.approx(6.0)
    assert _ranking(campaign) == [("fresh", Tier.SOUND), ("old", Tier.RESERVED)]


async def test_a_mirror_alone_is_behind_nobody(world: World, database: TestDatabase) -> None:
    result = await _one(LabMirror(world, database, lag=2))
    assert result.freshness[BUSY].behind is None


async def test_the_hosts_that_zips_come_from_and_the_referer_they_see_are_told(
    world: World, database: TestDatabase
) -> None:
    async with LabMirror(world, database) as store:
        mirror = LabMirror(world, database, zip_at=store.url)
        result = await _one(mirror)
    url = f"{mirror.url}/{MODULE}/@v/v0.20.0.zip"
    assert result.redirects == ((url, f"127.0.0.1:{store.port}"),)
    assert result.check("zip") is Outcome.PASS


async def test_headers_of_age_are_shown_and_nothing_is_concluded_from_them(
    world: World, database: TestDatabase
) -> None:
    result = await _one(
        LabMirror(world, database, headers={"Age": "17", "X-Go-Mod-Age": "3 days", "Cache-Control": "public"})
    )
    assert result.freshness[BUSY].age == 17
    assert result.freshness[BUSY].mirror_age == "x-go-mod-age: 3 days"
    assert result.cache_control == "public"
    assert rank([result])[0].tier is Tier.SOUND


async def test_nobody_there_ends_quickly_and_says_why() -> None:
    campaign = await _measured({}, dead=("http://127.0.0.1:9", "http://name.invalid"))
    assert [result.reachable for result in campaign.results] == [False, False]
    assert campaign.results[0].trouble == "connect/refused"
    assert campaign.results[0].samples == []
    assert {tier for _, tier in _ranking(campaign)} == {Tier.UNMEASURED}


async def test_who_is_silent_is_asked_once_only() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        limits = replace(QUICK, timeout=0.2)
        campaign = await _measured({}, limits, dead=(f"http://127.0.0.1:{port}",))
    assert campaign.results[0].trouble == "headers/stall"
    assert asked == 1


async def test_a_dead_mirror_does_not_keep_the_others_from_being_measured(
    world: World, database: TestDatabase
) -> None:
    campaign = await _measured({"it": LabMirror(world, database)}, dead=("http://127.0.0.1:9",))
    assert _ranking(campaign) == [("it", Tier.SOUND), ("dead0", Tier.UNMEASURED)]


async def test_a_module_without_a_version_means_the_newest_that_most_mirrors_name(
    world: World, database: TestDatabase
) -> None:
    subject = replace(SUBJECT, path=BUSY, version="")
    mirrors = {
        "a": LabMirror(world, database, lag=1),
        "b": LabMirror(world, database, lag=1),
        "c": LabMirror(world, database),
    }
    campaign = await _measured(mirrors, subject=subject)
    assert campaign.subject.version == "v1.4.0"
    assert {result.status_existing for result in campaign.results} == {200}


async def test_a_module_that_nobody_has_is_not_measured(world: World, database: TestDatabase) -> None:
    subject = replace(SUBJECT, path="example.com/nothing", version="")
    campaign = await _measured({"it": LabMirror(world, database)}, subject=subject)
    assert campaign.results[0].trouble == "content/no-version"


async def test_a_toolchain_is_asked_for_with_a_few_bytes(world: World, database: TestDatabase) -> None:
    mirror = LabMirror(world, database)
    result = await _one(mirror)
    assert any(path.startswith(f"/{TOOLCHAIN[0]}/@v/") for path in mirror.seen)
    assert result.toolchain_status == 200


@pytest.fixture
async def slow(world: World, database: TestDatabase) -> AsyncIterator[LabMirror]:
    async with LabMirror(world, database, delay=0.02) as mirror:
        yield mirror


async def test_what_was_measured_before_it_was_cancelled_is_there_and_judged(slow: LabMirror) -> None:
    campaign: Campaign | None = None
    halfway = asyncio.Event()

    def progress(step: Progress) -> None:
        if step.stage == "rounds" and step.done == 2:
            halfway.set()

    campaign = Campaign(
        [Target("it", slow.url)],
        SUBJECT,
        replace(QUICK, rounds=1000),
        outfit({}),
        clock=lambda: NOW,
        progress=progress,
    )
    task = asyncio.create_task(campaign.run())
    await halfway.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert campaign.rounds_done == 2
    assert len(campaign.results[0].good(cold=True)) >= 2
    assert campaign.results[0].check("list") is Outcome.PASS
    assert campaign.results[0].check("zip") is Outcome.UNTESTED


async def test_credentials_in_a_url_are_used_and_not_shown(world: World, database: TestDatabase) -> None:
    async with LabMirror(world, database) as mirror:
        url = mirror.url.replace("http://", "http://me:secret@")
        campaign = Campaign([Target("it", url)], SUBJECT, QUICK, outfit({}), clock=lambda: NOW)
        await campaign.run()
    assert campaign.results[0].url == f"http://***@127.0.0.1:{mirror.port}"
    assert campaign.results[0].reachable
    assert "secret" not in repr(campaign.results[0])
