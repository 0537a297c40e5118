"""A traced go command: what is seen with and without the tap, and that nothing of go's own is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer, Rules
from modgate.client.findings import Phase
from modgate.client.trace.command import prepared
from modgate.client.trace.run import Outputs, Traced, Tracer
from modgate.client.trace.tap import Tap, Tapped
from modgate.errors import Absent
from modgate.gomod.proxylist import parse_proxy_list

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DOWNLOAD = ("mod", "download", str(DRILL))


@asynccontextmanager
async def _chain(*faults: str, separator: str = ",", rules: Rules | None = None) -> AsyncIterator[str]:
    async with FaultServer(DrillContent(), clock=time.monotonic, rules=rules) as server:
        yield separator.join([await server.url(parse_fault(fault)) for fault in faults])


def _environ(tmp_path: Path, chain: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GOPROXY": chain,
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GONOSUMDB": "example.com",
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(tmp_path / "mod"),
    }


async def _trace(
    argv: tuple[str, ...], environ: dict[str, str], *, tapped: bool = False
) -> tuple[Traced, str, str]:
    """(how it ended, the person's standard error, standard output)."""
    err, out = bytearray(), bytearray()

    def seen(one: Tapped) -> None:
        tracer.board.from_tap(one)

    tracer = Tracer(
        prepared(argv, environ),
        clock=time.monotonic,
        outputs=Outputs(err.extend, out.extend, rewritten=out.extend),
    )
    if not tapped:
        traced = await tracer.run()
    else:
        async with Tap(
            parse_proxy_list(environ["GOPROXY"]),
            clock=time.monotonic,
            context=ssl.create_default_context(),
            authorization=lambda _: None,
            changed=seen,
        ) as tap:
            traced = await tracer.run(tap)
    return traced, err.decode(), out.decode()


async def _plain(argv: tuple[str, ...], environ: dict[str, str]) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *argv, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode or 0, err.decode(), out.decode()


async def test_each_request_is_seen_with_its_place_in_time(go_command: str, tmp_path: Path) -> None:
    async with _chain("404", "ok") as chain:
        traced, err, _ = await _trace((go_command, *DOWNLOAD), _environ(tmp_path, chain))
    assert traced.status == 0
    assert err == ""
    assert traced.analysis.root_cause is None
    assert [(one.endpoint, one.status) for one in traced.requests] == [
        *(("info", 404), ("info", 200), ("mod", 404), ("mod", 200), ("zip", 404), ("zip", 200))
    ]
    assert all(one.module == DRILL.path and one.version == DRILL.version for one in traced.requests)
    starts = [one.start for one in traced.requests]
    assert starts == sorted(starts, key=lambda start: start or 0)


async def test_a_tap_sees_bodies_and_entries_and_changes_nothing_for_go(
    go_command: str, tmp_path: Path
) -> None:
    async with _chain("404", "slow:zip", rules=Rules(rate=10000, delay=0.0)) as chain:
        traced, err, _ = await _trace((go_command, *DOWNLOAD), _environ(tmp_path, chain), tapped=True)
        assert (traced.status, err) == (0, "")
        assert [one.url.startswith(chain.split(",")[one.proxy or 0]) for one in traced.requests] == [True] * 6
    last = traced.requests[-1]
    assert last.endpoint == "zip"
    assert last.size is not None
    assert last.size > 1000
    assert last.body_seconds is not None
    assert last.seconds is not None
    assert last.body_seconds <= last.seconds


def _without_ends(err: str) -> str:
    """The ends of a connection differ from one to the next; the words of an error must not."""
    return re.sub(r"tcp [0-9.]+:[0-9]+(->[0-9.]+:[0-9]+)?", "tcp", err)


FAULTS = ("403", "404", "500", "reset", "eof", "html", "badzip", "truncated:zip", "refused", "wrong-version")


@pytest.mark.parametrize("separator", [",", "|"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_go_ends_the_same_with_and_without_the_tap(
    go_command: str, tmp_path: Path, fault: str, separator: str
) -> None:
    async with _chain(fault, "ok", separator=separator) as chain:
        (tmp_path / "plain").mkdir()
        status, plain_err, _ = await _plain((go_command, *DOWNLOAD), _environ(tmp_path / "plain", chain))
        traced, err, _ = await _trace((go_command, *DOWNLOAD), _environ(tmp_path, chain), tapped=True)
    assert traced.status == status
    assert _without_ends(err) == _without_ends(plain_err)


async def test_a_failure_behind_the_tap_is_told_in_gos_own_words(go_command: str, tmp_path: Path) -> None:
    async with _chain("refused") as chain:
        environ = _environ(tmp_path, chain)
        _, plain_err, _ = await _plain((go_command, *DOWNLOAD), environ)
        traced, err, _ = await _trace((go_command, *DOWNLOAD), environ, tapped=True)
    assert err == plain_err
    assert traced.requests[0].phase is Phase.CONNECT
    assert traced.requests[0].status is None
    assert traced.analysis.root_cause is not None
    assert traced.analysis.root_cause.cause.phase is Phase.CONNECT


async def test_json_output_of_go_names_the_real_proxy(go_command: str, tmp_path: Path) -> None:
    argv = (go_command, "mod", "download", "-json", str(DRILL))
    async with _chain("refused") as chain:
        environ = _environ(tmp_path, chain)
        _, _, plain_out = await _plain(argv, environ)
        _, _, out = await _trace(argv, environ, tapped=True)
    assert out == plain_out


async def test_what_go_prints_reaches_the_person_untouched(go_command: str, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text(
        "module example.com/m\n\ngo 1.21\n\nrequire example.com/modgate/drill v1.0.0\n"
    )
    argv = (go_command, "-C", str(tmp_path), "mod", "tidy")
    async with _chain("451") as chain:
        (tmp_path / "m.go").write_text('package m\n\nimport _ "example.com/modgate/drill"\n')
        environ = _environ(tmp_path, chain)
        plain = await _plain(argv, environ)
        traced, err, out = await _trace(argv, environ)
    assert (traced.status, err, out) == plain
    assert traced.analysis.root_cause is not None
    assert traced.analysis.root_cause.cause.phase is Phase.STATUS


async def test_another_ports_caller_cannot_use_the_tap(go_command: str, tmp_path: Path) -> None:
    async with (
        _chain("ok") as chain,
        Tap(
            parse_proxy_list(chain),
            clock=time.monotonic,
            context=ssl.create_default_context(),
            authorization=lambda _: None,
        ) as tap,
    ):
        origin, secret = tap.chain.rsplit("/", 2)[:2]
        environ = _environ(tmp_path, f"{origin}/{secret[::-1]}/0")
        status, err, _ = await _plain((go_command, *DOWNLOAD), environ)
        assert status == 1
        assert "404" in err
        assert tap.seen == []


async def test_separators_words_and_folders_stay_where_they_are() -> None:
    async with Tap(
        parse_proxy_list("https://me:secret@a.example|file:///srv/mod,https://b.example,direct"),
        clock=time.monotonic,
        context=ssl.create_default_context(),
        authorization=lambda _: None,
    ) as tap:
        first, rest = tap.chain.split("|")
        folder, second, word = rest.split(",")
        assert first.endswith("/0")
        assert second.endswith("/2")
        assert (folder, word) == ("file:///srv/mod", "direct")
        assert "secret" not in tap.chain
        assert tap.untapped(f"# get {first}/x") == "# get https://***@a.example/x"


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(Absent, match="no-such-go"):
        await _trace(("no-such-go", "build"), {"PATH": "/nowhere"})


async def test_a_command_that_calls_go_is_traced_through_goflags(go_command: str, tmp_path: Path) -> None:
    script = f"echo before >&2; {go_command} mod download {DRILL}; status=$?; echo after; exit $status"
    async with _chain("503") as chain:
        traced, err, out = await _trace(("sh", "-c", script), _environ(tmp_path, chain))
    assert traced.status == 1
    assert err.startswith("before\n")
    assert out == "after\n"
    assert [one.status for one in traced.requests] == [503]


@pytest.mark.parametrize(
    ("fault", "phase"), [("slow:zip", None), ("stall:zip", Phase.BODY), ("timeout:mod", Phase.HEADERS)]
)
async def test_stopping_a_download_that_still_comes_is_not_called_a_stall(
    go_command: str, tmp_path: Path, fault: str, phase: Phase | None
) -> None:
    stopped = asyncio.Event()

    async def stop_when_it_waits() -> None:
        await asyncio.sleep(3.5)
        stopped.set()
        os.kill(os.getpid(), signal.SIGTERM)

    async with _chain(fault, rules=Rules(rate=400, delay=0.0)) as chain:
        stopping = asyncio.create_task(stop_when_it_waits())
        traced, _, _ = await _trace((go_command, *DOWNLOAD), _environ(tmp_path, chain), tapped=True)
        await stopping
    root = traced.analysis.root_cause
    assert stopped.is_set()
    assert traced.interrupted
    assert (None if root is None else root.cause.phase) == phase
    assert traced.requests[-1].seconds is None
