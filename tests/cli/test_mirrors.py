"""`modgate mirrors` as a person uses it: the list, a measurement, its outputs and statuses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modgate.cli import FAILED, INTERRUPTED, USAGE, main
from modgate.client.mirrors.known import bogus_mirrors, known_mirrors
from tests.client.mirrors.lab import MODULE, LabMirror, build_world, database_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.modules import World
    from tests.support.sumdb_server import TestDatabase


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("mirrors"), size=1 << 18)


@pytest.fixture(scope="module")
def database(world: World) -> TestDatabase:
    return database_of(world)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: TestDatabase) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOSUMDB", database.verifier_key)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "C")


@contextmanager
def serving(*mirrors: LabMirror) -> Iterator[list[str]]:
    """The mirrors from a thread of their own; their URLs."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        for mirror in mirrors:
            await mirror.__aenter__()
        ready.set()
        await stop.wait()
        for mirror in mirrors:
            await mirror.__aexit__(None, None, None)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield [mirror.url for mirror in mirrors]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


TEST = ["mirrors", "test", "--rounds", "2", "--module", f"{MODULE}@v0.20.0"]


def _json(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    capsys.readouterr()
    main([*args, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _fits(text: str) -> bool:
    from rich.cells import cell_len  # noqa: PLC0415

    return all(cell_len(line.rstrip()) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("args", [["mirrors"], ["mirrors", "-v"], ["mirrors", "ls"], ["mirrors", "ls", "-v"]])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_names_every_mirror_and_every_bogus_one(
    args: list[str], language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODGATE_LANG", language)
    assert main(args) == 0
    out = capsys.readouterr().out
    assert _fits(out)
    for mirror in known_mirrors():
        assert mirror.name in out
    for entry in bogus_mirrors():
        assert entry.host in out


def test_the_list_is_json_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "mirrors", "ls")
    assert found["schema"] == 1
    assert {fact["mark"] for it in found["mirrors"] for fact in it["facts"]} == {"stated", "unverified"}
    assert all(entry["reason"] for entry in found["bogus"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_measurement_is_a_table_that_fits_with_its_reasons(
    language: str, capsys: pytest.CaptureFixture[str], world: World, database: TestDatabase
) -> None:
    mirrors = [LabMirror(world, None), LabMirror(world, database, delay=0.02, lag=2)]
    with serving(*mirrors) as urls:
        assert main([*TEST, *urls, "-v", "--lang", language]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert _fits(captured.out)
    assert captured.out.index(urls[1].partition("://")[2]) < captured.out.index(urls[0].partition("://")[2])
    assert ("checksum database" if language == "en" else "校验和数据库") in captured.out


def test_json_is_one_document_and_nothing_else(
    capsys: pytest.CaptureFixture[str], world: World, database: TestDatabase
) -> None:
    with serving(LabMirror(world, database)) as urls:
        found = _json(capsys, *TEST, *urls, "http://127.0.0.1:9")
    assert [mirror["tier"] for mirror in found["mirrors"]] == ["sound", "unmeasured"]
    assert found["complete"]
    assert found["method"]["rounds"] == 2


def _facts_changed(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What changed between the runs beside speed, which on loopback is the noise of the machine."""
    changes = found["comparison"]["changes"]
    return [(c["what"], c["change"]) for c in changes if c["what"] not in {"throughput", "latency"}]


def test_a_saved_run_is_compared_with_by_default(
    capsys: pytest.CaptureFixture[str], world: World, database: TestDatabase, tmp_path: Path
) -> None:
    mirror = LabMirror(world, database)
    with serving(mirror) as urls:
        assert main([*TEST, *urls, "--save"]) == 0
        assert "Saved: " in capsys.readouterr().err
        mirror.database = None
        found = _json(capsys, *TEST, *urls)
        assert _facts_changed(found) == [("sumdb", "worse")]
        assert main([*TEST, *urls]) == 0
        assert "▼" in capsys.readouterr().out
        kept = tmp_path / "kept.json"
        assert main([*TEST, *urls, f"--save={kept}"]) == 0
        again = _json(capsys, *TEST, *urls, "--compare", str(kept))
    assert not _facts_changed(again)


def test_a_report_is_written(
    capsys: pytest.CaptureFixture[str], world: World, database: TestDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    with serving(LabMirror(world, database)) as urls:
        assert main([*TEST, *urls, "--html", str(file), "--lang", "zh"]) == 0
    assert file.read_text(encoding="utf-8").startswith('<!DOCTYPE html>\n<html lang="zh-CN">')
    assert str(file) in capsys.readouterr().err.replace("\n", "")


def test_nobody_reached_is_a_failure_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TEST, "http://127.0.0.1:9", "http://name.invalid", "--save"]) == FAILED
    out = capsys.readouterr().out
    assert "No mirror could be measured" in out
    assert "connect/refused" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["gopoxy.cn"], "goproxy.cn"),
        (["nobody"], "mirrors ls"),
        (["goproxy.cn", "--module", "a b"], "a b"),
        (["goproxy.cn", "--rounds", "0"], "--rounds"),
        (["goproxy.cn", "--compare", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_a_slip_ends_with_two_before_anything_is_measured(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mirrors", "test", *args]) == USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_a_bogus_address_is_told_and_measured_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The name is sent to a proxy where nobody listens, so that nothing leaves the machine.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert main([*TEST, "https://mirrors.tuna.tsinghua.edu.cn/goproxy/"]) == FAILED
    assert "TUNA" in capsys.readouterr().err


def test_ctrl_c_shows_what_was_measured_so_far(world: World, database: TestDatabase) -> None:
    mirror = LabMirror(world, database)
    with serving(mirror) as urls:
        command = [sys.executable, "-m", "modgate", *TEST[:2], "--rounds", "1000", *TEST[4:], *urls, "--json"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy()
        )
        while len(mirror.seen) < 30 and process.poll() is None:
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, err
    found = json.loads(out)
    assert not found["complete"]
    assert 0 < found["method"]["rounds"] < 1000
    assert found["mirrors"][0]["latency"]["cold"]["n"] > 0
    assert b"Traceback" not in err
