"""`modgate status` as an operator sees it: a server that runs, one that does not, one that goes and comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from modgate.cli.durations import span_text
from modgate.cli.status import run
from modgate.cli.status_show import Watched, picture, size_text
from modgate.config import load
from modgate.errors import ModgateError, Unavailable
from modgate.messages import Catalogue, Language
from modgate.wiring.status_ask import resting_store
from tests.support.gate import Gate
from tests.support.modules import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGLISH = Catalogue(Language.ENGLISH)
UPSTREAM = {
    "url": "https://proxy.example",
    "state": "open",
    "failures_in_a_row": 8,
    "retry_in_seconds": 3.2,
    "last_error": "cannot connect",
    "last_error_seconds_ago": 61.0,
    "connections": 0,
    "answers": 5,
    "errors": 8,
    "p50_seconds": 0.012,
    "p99_seconds": 1.5,
}
ANSWERS = {"answers": 1234, "hits": 1, "misses": 1, "stale": 0, "errors": 3, "bytes": 1_200_000_000}
FACTS: dict[str, Any] = {
    "version": "1.0",
    "pid": 7,
    "listen": "http://127.0.0.1:3000",
    "uptime_seconds": 3 * 3600 + 120,
    "requests": {"since_start": {**ANSWERS, "hit_rate": 0.99999}, "last_minute": None},
    "fills": {"under_way": 2},
    "prefetch": None,
    "upstreams": [UPSTREAM, {"url": "file:///x"}],
    "store": {"path": "/s", "limit": 10**10, "size": 10**9, "objects": 12_345, "disk_free": None},
    "ledger": {"ok": False, "error": "the database is locked"},
    "checksum_log": {"name": "sum.corp.example", "records": 99},
    "index": {"enabled": True, "url": "https://i", "up": False, "lag_seconds": 7200.0, "last_error": "404"},
    "config": {"file": "/c.toml", "loaded_at": 940.0, "error": "line 3", "needs_restart": ["listen"]},
    "problems": ["https://proxy.example: not asked"],
    "alerts": {"last_day": 1, "newest": [{"kind": "tampered", "subject": "m@v1", "text": "bad", "at": 0.0}]},
}


def _drawn(shown: Any, *, terminal: bool = False) -> str:
    console = Console(width=80, force_terminal=terminal, color_system="standard" if terminal else None)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def _run(folder: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modgate", "status", *args],
        env={**_environ(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _environ(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODGATE_")}
    return {**kept, "HOME": str(folder), "COLUMNS": "80", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


@contextmanager
def _gate(folder: Path, **config: Any) -> Iterator[Gate]:
    world = World(folder / "upstream")
    world.add("example.test/m", "v1.0.0")
    world.finish()
    with Gate(folder, upstream=f"file://{world.root}", config=config) as gate:
        yield gate


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One that takes operations over the network as well; its token lies in `token` beside the store."""
    folder = tmp_path_factory.mktemp("server")
    token = folder / "token"
    token.write_text("ops s3cret-s3cret-s3cret\n", encoding="utf-8")
    token.chmod(0o600)
    with _gate(folder, admin={"token_file": str(token)}) as gate:
        yield gate


def test_a_running_server_is_shown_on_one_screen(server: Gate, tmp_path: Path) -> None:
    for _ in range(3):
        assert server.ask("/example.test/m/@v/v1.0.0.mod").status == 200
    told = json.loads(_run(tmp_path, "--json", "--set", f"store={server.store}").stdout)
    assert told["running"] is True
    assert told["pid"] == server.pid
    assert told["listen"] == server.url
    asked = told["requests"]["last_minute"]
    assert asked["answers"] == asked["hits"] + asked["misses"] == 3
    assert told["problems"] == []
    for lang, word in (("en", "Upstreams"), ("zh", "上游")):
        done = _run(tmp_path, "--lang", lang, "--set", f"store={server.store}")
        assert done.returncode == 0, done.stderr
        assert word in done.stdout
        assert "\x1b" not in done.stdout
        assert len(done.stdout.splitlines()) < 24


def test_a_server_elsewhere_is_asked_with_a_token(server: Gate, tmp_path: Path) -> None:
    token = Path(server.store).parent / "token"
    done = _run(tmp_path, "--server", server.url, "--token-file", str(token), "--json")
    assert json.loads(done.stdout)["pid"] == server.pid
    refused = _run(tmp_path, "--server", server.url, "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["running"] is False
    assert "s3cret" not in refused.stdout + refused.stderr


def test_without_a_server_the_next_step_and_the_store_are_told(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.returncode == 1
    assert "modgate serve" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / ".cache").exists()
    (tmp_path / "store" / "m" / "@v").mkdir(parents=True)
    (tmp_path / "store" / "m" / "@v" / "v1.0.0.mod").write_bytes(b"x" * 1000)
    done = _run(tmp_path, "--set", f"store={tmp_path / 'store'}")
    assert done.returncode == 1
    assert "1.0 kB" in done.stdout
    told = json.loads(_run(tmp_path, "--json", "--set", f"store={tmp_path / 'store'}").stdout)
    assert told["running"] is False
    assert told["store"]["objects"] == 1


def test_asking_takes_no_lock_and_makes_no_folder(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    _run(tmp_path, "--set", f"store={store}")
    assert list(store.iterdir()) == []


def test_a_server_without_a_socket_is_seen_by_its_lock(tmp_path: Path) -> None:
    with _gate(tmp_path, admin={"socket": False}) as gate:
        done = _run(tmp_path, "--set", f"store={gate.store}")
        assert done.returncode == 1
        assert str(gate.pid) in done.stderr
        assert "--server URL" in done.stderr


def test_watching_tells_a_line_a_round_and_that_a_server_went_away(tmp_path: Path) -> None:
    with _gate(tmp_path) as gate:
        watching = subprocess.Popen(
            [sys.executable, "-m", "modgate", "status", "--watch=0.2", "--json", f"--set=store={gate.store}"],
            env=_environ(tmp_path),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        try:
            assert json.loads(watching.stdout.readline())["pid"] == gate.pid
            gate.stop()
            while json.loads(watching.stdout.readline())["running"]:
                pass
            watching.send_signal(signal.SIGINT)
            assert watching.wait(20) == 0
        finally:
            watching.kill()
            watching.wait()
            watching.stdout.close()


def test_seconds_of_watch_may_be_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--watch", "soon"]) == 2
    assert "soon" in capfd.readouterr().err
    assert run(["--watch", "0"]) == 2
    assert "--watch" in capfd.readouterr().err


@pytest.mark.parametrize("language", list(Language))
def test_every_part_has_its_row_within_eighty_columns(language: Language) -> None:
    shown = _drawn(picture(FACTS, Catalogue(language), now=1000.0))
    for word in (
        "sum.corp.example",
        "the database is locked",
        "cannot connect",
        "m@v1",
        "/c.toml",
        "line 3",
        "listen",
        "404",
        "12,345",
        "file:///x",
        "p50 12 ms",
    ):
        assert word in shown, word
    assert "None" not in shown


def test_a_hit_rate_below_one_is_never_shown_as_all() -> None:
    assert "99.9 %" in _drawn(picture(FACTS, ENGLISH, now=1000.0))


def test_facts_of_an_older_server_are_shown_as_far_as_they_go() -> None:
    shown = _drawn(picture({"version": "0.9", "uptime_seconds": 5.0}, ENGLISH, now=0.0))
    assert shown.split() == ["modgate", "0.9", "·", "up", "5", "s"]


def test_colours_are_for_terminals() -> None:
    shown = picture(FACTS, ENGLISH, now=1000.0)
    assert "\x1b" in _drawn(shown, terminal=True)
    assert "\x1b" not in _drawn(shown)


def test_a_server_that_went_and_came_is_shown_as_such() -> None:
    answers: list[dict[str, Any] | ModgateError] = [FACTS, Unavailable("it is gone"), FACTS]

    def ask() -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, ModgateError):
            raise answer
        return answer

    watched = Watched(ENGLISH)
    watched.round(ask, ModgateError, lambda: 0.0)
    assert "no answer since" not in _drawn(watched.picture())
    watched.round(ask, ModgateError, lambda: 10.0)
    away = _drawn(watched.picture())
    assert "no answer since" in away
    assert "it is gone" in away
    assert "sum.corp.example" in away
    watched.round(ask, ModgateError, lambda: 20.0)
    assert "is back since" in _drawn(watched.picture())


def test_a_server_that_was_never_there_is_waited_for() -> None:
    def ask() -> dict[str, Any]:
        raise Unavailable("nobody")

    watched = Watched(ENGLISH)
    watched.round(ask, ModgateError, lambda: 10.0)
    assert "nobody" in _drawn(watched.picture())


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (1.5e13, "15.0 TB")]
)
def test_sizes_read_well(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (61, "1 min 1 s"), (7320, "2 h 2 min"), (200_000, "2 d 7 h")]
)
def test_spans_have_two_units(seconds: float, text: str) -> None:
    assert span_text(seconds, ENGLISH) == text


def test_a_process_that_ended_holds_no_store(tmp_path: Path) -> None:
    (tmp_path / ".modgate").mkdir()
    loaded = load({"store": (str(tmp_path), "--store")}, environ={"HOME": str(tmp_path)}, ask_go=lambda _: {})
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    for text, holder in (
        (f"pid {done.pid} at 127.0.0.1:3000\n", None),
        (f"pid {os.getpid()} at 127.0.0.1:3000\n", {"pid": os.getpid(), "address": "127.0.0.1:3000"}),
        ("", None),
        ("pid 99999999999999999999", None),
    ):
        (tmp_path / ".modgate" / "lock").write_text(text, encoding="utf-8")
        found = resting_store(loaded.config)
        assert found is not None
        assert found["holder"] == holder


def test_advisories_and_webhooks_are_shown_with_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, Any] = {
        "advisories": {
            "loaded": True,
            "digest": "d",
            "without_severity": True,
            "advisories": 4291,
            "databases": [
                {"source": "https://vuln.go.dev", "entries": 4291, "checked_at": 940.0, "error": ""},
                {"source": "trivy.db", "entries": 0, "checked_at": None, "error": "it is not there"},
            ],
        },
        "webhooks": [
            {"name": "chat", "configured": True, "waiting": 3, "delivered": 7, "dead": 1, "error": "503"}
        ],
    }
    Console(width=80).print(picture(facts, ENGLISH, now=1000.0))
    shown = capsys.readouterr().out
    assert "4,291 known" in shown
    assert "https://vuln.go.dev · asked 1 min 0 s ago" in shown
    assert "it is not there" in shown
    assert "no database says any" in shown
    assert "chat · waiting: 3, delivered: 7, given up: 1" in shown
    assert "modgate webhooks list --state dead" in shown
