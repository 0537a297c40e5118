"""The audit end to end over real sockets and folders: each planted line gets the status that is true."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.checksumdb.remote import Candidate, Remote
from modgate.client.machine.local import LocalHost
from modgate.client.sums.judge import counts, failed
from modgate.client.sums.kept import Kept, KeptOps
from modgate.client.sums.lines import read_lines
from modgate.client.sums.rows import Cause, Status
from modgate.client.sums.run import Wish, run_audit
from modgate.client.sums.verify import AT_ONCE, Patience, Verifier
from modgate.errors import Absent, Invalid, Unavailable
from modgate.sumdb.spec import parse_gosumdb
from modgate.transport.memory import MemoryUpstream
from modgate.wiring.client import upstream
from tests.client.sums.lab import (
    BROKEN,
    GOOD,
    NEVER,
    PRIVATE,
    SMALL,
    WRONG,
    WRONG_MOD,
    both,
    database,
    fails,
    h1,
    mirror_folder,
    planted,
    truth,
)
from tests.support.gate import Gate
from tests.support.sumdb_server import Reply, TestDatabase, serve

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.client.sums.rows import Report, Verdict

NOW = 1_800_000_000.0


class Desk:
    """Runs audits of one go.sum with a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "HOME": str(folder / "home"),
            "PATH": "",
            "GOENV": "off",
            "XDG_STATE_HOME": str(folder / "state"),
            "GOPRIVATE": "*.corp.example",
            "GOPROXY": "off",
        }
        self.now = NOW
        self.timeout = 5.0

    def run(self, text: str, **wish: object) -> Report:
        """One audit."""
        file = self.folder / "go.sum"
        file.write_text(text, encoding="utf-8")
        host = LocalHost(self.environ, cwd=self.folder)
        asked = Wish(files=("go.sum",), timeout=self.timeout, versions=False, **wish)  # type: ignore[arg-type]
        return asyncio.run(
            run_audit(
                host,
                asked,
                lambda url: upstream(url, seconds=self.timeout),
                lambda: self.now,
                lambda _d, _t: None,
            )
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def verdict(report: Report, name: str) -> Verdict:
    path, version = name.split()
    (found,) = [r.verdict for r in report.rows if (r.entry.path, r.entry.version) == (path, version)]
    return found


def what(report: Report, name: str) -> tuple[Status, Cause | None]:
    found = verdict(report, name)
    return found.status, found.cause


def test_each_planted_line_has_its_status_and_every_other_is_verified(desk: Desk) -> None:
    lines = truth()
    plan = planted(lines)
    db = database(lines)
    db.hooks.append(fails("lookup/example.com/broken@v1.2.0", Reply(b"down for maintenance", 503)))
    with serve(db) as served:
        report = desk.run(plan.text, sumdb=served.gosumdb)
    assert counts(report) == {
        "verified": plan.good,
        "mismatch": 2,
        "unknown": 1,
        "unverifiable": 1,
        "private": 1,
    }
    assert what(report, GOOD) == (Status.VERIFIED, None)
    assert what(report, NEVER) == (Status.UNVERIFIABLE, Cause.NOT_FOUND)
    assert what(report, PRIVATE) == (Status.UNVERIFIABLE, Cause.PRIVATE)
    assert what(report, BROKEN) == (Status.UNKNOWN, Cause.OVERLOADED)
    assert "503" in verdict(report, BROKEN).words
    assert what(report, WRONG) == (Status.MISMATCH, None)
    assert [recorded for _, recorded in verdict(report, WRONG).wrong] == [both(WRONG)[0].split()[2]]
    assert [recorded for _, recorded in verdict(report, WRONG_MOD).wrong] == [both(WRONG_MOD)[1].split()[2]]
    assert failed(report, strict=False)
    assert not any(path.startswith("lookup/git.corp.example") for path in db.requests)
    looked = [path for path in db.requests if path.startswith("lookup/")]
    assert len(looked) == plan.good + 4
    assert sum(db.requests.values()) <= len(looked) + 20


def test_rows_that_need_a_look_come_first(desk: Desk) -> None:
    with serve(database(SMALL)) as served:
        report = desk.run(planted(SMALL).text, sumdb=served.gosumdb)
    assert [row.verdict.status for row in report.rows] == [
        *[Status.MISMATCH] * 2,
        Status.UNVERIFIABLE,
        Status.UNVERIFIABLE,
        *[Status.VERIFIED] * 2,
    ]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(b"boom", 500), Cause.BAD_ANSWER),
        (Reply(b"", hang=True), Cause.TIMEOUT),
        (Reply(b"no", 403), Cause.REFUSED),
        (Reply(b"<html>log in</html>", 200), Cause.BAD_ANSWER),
        (Reply(b"slow down", 429), Cause.OVERLOADED),
    ],
)
def test_broken_is_never_absent(desk: Desk, reply: Reply, cause: Cause) -> None:
    db = database(SMALL)
    desk.timeout = 0.8 if reply.hang else 5.0
    db.hooks.append(fails("lookup/example.com/broken@v1.2.0", reply))
    with serve(db) as served:
        report = desk.run("\n".join(SMALL), sumdb=served.gosumdb)
    assert what(report, BROKEN) == (Status.UNKNOWN, cause)
    assert counts(report)["verified"] == 3
    assert not failed(report, strict=False)
    assert failed(report, strict=True)


def test_a_database_that_is_not_there_leaves_everything_unknown_with_the_words(desk: Desk) -> None:
    db = database(SMALL)
    report = desk.run("\n".join(SMALL), sumdb=f"{db.verifier_key} http://127.0.0.1:1/db")
    assert counts(report)["unknown"] == 4
    assert what(report, GOOD) == (Status.UNKNOWN, Cause.UNREACHABLE)
    assert "127.0.0.1:1" in verdict(report, GOOD).words


def test_offline_from_a_folder_each_line_has_its_status(desk: Desk) -> None:
    lines = truth()
    plan = planted(lines)
    mirror = desk.folder / "mirror"
    made = mirror_folder(mirror, lines)
    broken = mirror / "sumdb" / made.name / "lookup" / "example.com" / "broken@v1.2.0"
    broken.unlink()
    broken.mkdir()
    desk.environ["GOPROXY"] = mirror.as_uri()
    report = desk.run(plan.text, sumdb=made.key, offline=True)
    assert counts(report) == {
        "verified": plan.good,
        "mismatch": 2,
        "unknown": 2,
        "unverifiable": 0,
        "private": 1,
    }
    assert what(report, NEVER) == (Status.UNKNOWN, Cause.NOT_IN_MIRROR)
    assert what(report, BROKEN) == (Status.UNKNOWN, Cause.UNREACHABLE)
    assert what(report, WRONG) == (Status.MISMATCH, None)
    assert what(report, WRONG_MOD) == (Status.MISMATCH, None)


def test_a_folder_named_as_proxy_is_its_file_url(desk: Desk) -> None:
    made = mirror_folder(desk.folder / "mirror", SMALL)
    report = desk.run("\n".join(SMALL), sumdb=made.key, proxy="mirror")
    assert counts(report)["verified"] == 4


def test_what_the_gate_keeps_is_verified_through_it_when_everything_behind_it_is_gone(desk: Desk) -> None:
    plan = planted(SMALL)
    db = database(SMALL)
    with serve(db) as served:
        with Gate(desk.folder / "gate", upstream=served.proxy_url, sumdb=db.verifier_key) as gate:
            desk.environ["GOPROXY"] = gate.url
            online = desk.run(plan.text, sumdb=db.verifier_key, state=False)
        asked = sum(db.requests.values())
    assert what(online, NEVER) == (Status.UNVERIFIABLE, Cause.NOT_FOUND)
    assert counts(online)["mismatch"] == 2
    nowhere = "http://127.0.0.1:1"
    with Gate(desk.folder / "gate", upstream=nowhere, sumdb=db.verifier_key) as gate:
        desk.environ["GOPROXY"] = gate.url
        offline = desk.run(plan.text, sumdb=db.verifier_key, state=False)
    assert sum(db.requests.values()) == asked
    assert counts(offline)["verified"] == counts(online)["verified"]
    assert counts(offline)["mismatch"] == 2
    assert what(offline, NEVER)[0] is Status.UNKNOWN
    # The store of the gate is a mirror in itself.
    desk.environ["GOPROXY"] = (desk.folder / "gate" / "store").as_uri()
    alone = desk.run(plan.text, sumdb=db.verifier_key, state=False)
    assert counts(alone)["verified"] == counts(online)["verified"]
    assert what(alone, NEVER) == (Status.UNKNOWN, Cause.NOT_IN_MIRROR)


def test_the_second_run_asks_for_the_head_alone_and_the_third_nobody(desk: Desk) -> None:
    db = database(SMALL)
    with serve(db) as served:
        first = desk.run("\n".join(SMALL), sumdb=served.gosumdb)
        db.requests.clear()
        second = desk.run("\n".join(SMALL), sumdb=served.gosumdb)
        assert dict(db.requests) == {"latest": 1}
    third = desk.run("\n".join(SMALL), sumdb=served.gosumdb, offline=True)
    assert counts(first)["verified"] == counts(second)["verified"] == counts(third)["verified"] == 4
    new = desk.run("\n".join([*SMALL, *both(NEVER)]), sumdb=served.gosumdb, offline=True)
    assert what(new, NEVER) == (Status.UNKNOWN, Cause.OFFLINE)


def test_what_is_kept_is_proved_anew_and_serves_as_a_mirror(desk: Desk) -> None:
    db = database(SMALL)
    with serve(db) as served:
        desk.run("\n".join(SMALL), sumdb=served.gosumdb)
        kept = desk.folder / "state" / "modgate" / "sums"
        file = kept / "sumdb" / db.name / "lookup" / "example.com" / "good@v1.1.0"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(both(GOOD)[0].split()[2], h1("evil")), encoding="utf-8")
        db.requests.clear()
        report = desk.run("\n".join(SMALL), sumdb=served.gosumdb)
        assert db.requests["lookup/example.com/good@v1.1.0"] == 1
    assert counts(report)["verified"] == 4
    desk.environ["GOPROXY"] = kept.as_uri()
    assert counts(desk.run("\n".join(SMALL), sumdb=db.verifier_key, state=False))["verified"] == 4


def test_a_fork_is_an_alarm_with_its_proof_and_fails_the_audit(desk: Desk) -> None:
    db = database(SMALL)
    with serve(db) as served:
        desk.run("\n".join(SMALL), sumdb=served.gosumdb)
    forked = db.fork(600)
    forked.add_filler(900)
    forked.add_go_sum([*SMALL, *both(NEVER)])
    with serve(forked) as served:
        report = desk.run("\n".join([*SMALL, *both(NEVER)]), sumdb=served.gosumdb)
    assert any("go.sum database server misbehavior detected" in alarm for alarm in report.alarms)
    assert what(report, NEVER) == (Status.UNKNOWN, Cause.TAMPERED)
    assert what(report, GOOD) == (Status.VERIFIED, None)
    assert failed(report, strict=False)


def test_a_forged_record_is_an_alarm_and_no_mismatch(desk: Desk) -> None:
    db = database(SMALL)
    path = "lookup/example.com/good@v1.1.0"
    forged = db.answer(path).body.replace(both(GOOD)[0].split()[2].encode(), h1("evil").encode())
    db.hooks.append(fails(path, Reply(forged)))
    with serve(db) as served:
        report = desk.run("\n".join([f"{GOOD} {h1('evil')}", *SMALL[2:]]), sumdb=served.gosumdb)
    assert what(report, GOOD) == (Status.UNKNOWN, Cause.TAMPERED)
    assert report.alarms
    assert failed(report, strict=False)


def test_a_private_module_whose_hash_changed_is_told(desk: Desk) -> None:
    with serve(database(SMALL)) as served:
        desk.run("\n".join(both(PRIVATE)), sumdb=served.gosumdb)
        desk.now += 86_400
        report = desk.run("\n".join(both(PRIVATE, "moved tag")), sumdb=served.gosumdb)
    (row,) = report.rows
    assert row.changed == both(PRIVATE)[0].split()[2]
    assert row.first_seen == NOW
    assert not failed(report, strict=False)
    assert failed(report, strict=True)
    text = "\n".join(both(PRIVATE, "moved tag"))
    assert not failed(desk.run(text, sumdb=served.gosumdb, accept=True), strict=True)
    assert not failed(desk.run(text, sumdb=served.gosumdb), strict=True)


def test_a_wrong_line_that_was_mended_is_not_held_against_the_file(desk: Desk) -> None:
    with serve(database(SMALL)) as served:
        desk.run("\n".join(both(WRONG, "evil")), sumdb=served.gosumdb)
        report = desk.run("\n".join(both(WRONG)), sumdb=served.gosumdb)
    assert counts(report)["verified"] == 1
    assert not failed(report, strict=True)


def test_gosumdb_off_vouches_for_nothing_and_asks_nobody(desk: Desk) -> None:
    report = desk.run("\n".join(SMALL), sumdb="off")
    assert {row.verdict.cause for row in report.rows} == {Cause.OFF}
    assert not failed(report, strict=False)
    assert failed(report, strict=True)


def test_a_setting_that_is_no_database_ends_the_audit(desk: Desk) -> None:
    with pytest.raises(Invalid, match="malformed verifier id"):
        desk.run("\n".join(SMALL), sumdb="https://sum.golang.google.cn")


def test_a_toolchain_is_checked_whatever_the_patterns_say(desk: Desk) -> None:
    toolchain = "golang.org/toolchain v0.0.1-go1.24.0.linux-amd64"
    desk.environ["GONOSUMDB"] = "golang.org"
    with serve(database([*SMALL, *both(toolchain)])) as served:
        report = desk.run(
            "\n".join([*both(toolchain), *both("golang.org/x/secret v1.0.0")]), sumdb=served.gosumdb
        )
    assert what(report, toolchain) == (Status.VERIFIED, None)
    assert what(report, "golang.org/x/secret v1.0.0") == (Status.UNVERIFIABLE, Cause.PRIVATE)


def test_the_proxies_are_tried_as_go_tries_them(desk: Desk) -> None:
    db = database(SMALL)
    with serve(db) as served:
        other = served.url.replace("/db", "/nothing")
        through = desk.run("\n".join(SMALL), sumdb=db.verifier_key, proxy=f"{other},{served.proxy_url}")
        stops = desk.run(
            "\n".join(SMALL),
            sumdb=db.verifier_key,
            proxy=f"http://127.0.0.1:1,{served.proxy_url}",
            state=False,
        )
        passes = desk.run(
            "\n".join(SMALL),
            sumdb=db.verifier_key,
            proxy=f"http://127.0.0.1:1|{served.proxy_url}",
            state=False,
        )
    assert counts(through)["verified"] == 4
    assert counts(stops)["unknown"] == 4
    assert counts(passes)["verified"] == 4


async def test_look_ups_are_bounded_and_asked_once_and_tiles_are_shared() -> None:
    db = TestDatabase()
    names = [f"example.com/m{i} v1.0.{j}" for i in range(40) for j in range(5)]
    lines = [line for name in names for line in both(name)]
    db.add_go_sum(lines)
    running, most = 0, 0

    async def page(path: str) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        reply = db.answer(path)
        if reply.status != 200:
            raise Absent("no")
        return reply.body

    spec = parse_gosumdb(f"{db.verifier_key} https://sum.test")
    assert spec is not None
    remote = Remote(spec.name, [Candidate(MemoryUpstream("https://sum.test", otherwise=page), proxy=False)])
    ops = KeptOps(spec.name, remote, Kept(None))
    verifier = Verifier(spec, ops, lambda: NOW)
    await verifier.open()
    entries = read_lines("\n".join(lines).encode(), "go.sum").entries
    done: list[int] = []
    await verifier.look_up([(e.path, e.version) for e in [*entries, *entries]], lambda: done.append(1))
    await ops.close()
    assert {verifier.verdict(entry).status for entry in entries} == {Status.VERIFIED}
    assert len(done) == len(names)
    assert set(db.requests.values()) == {1}
    # 200 records lie in one tile; the head is the other request.
    assert sum(db.requests.values()) == len(names) + 2
    assert most <= AT_ONCE + 1


def test_patience_ends_after_failures_in_a_row_and_begins_anew_with_an_answer() -> None:
    patience = Patience(3)
    for error in (Unavailable("a"), Unavailable("b"), Absent("c"), Unavailable("d"), Unavailable("e")):
        patience.saw(error)
    assert not patience.spent
    patience.saw(Unavailable("refused", where="sum.test"))
    assert patience.spent
    assert patience.words == "sum.test: refused"
