"""Scanners that are programs: what they are given, what their end means, and what they cannot do."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.scan.command import CommandScanner, CommandSettings
from modgate.scan.unpacked import licences_in, unpack
from tests.support.modules import make_zip

_VERSION = ModuleVersion(ModulePath("example.test/lib"), Version("v1.0.0"))
_PREFIX = "example.test/lib@v1.0.0/"


def _zip(**files: str) -> io.BytesIO:
    content = {"go.mod": "module example.test/lib\n", "a/b.go": "package b\n"} | files
    return io.BytesIO(make_zip({f"{_PREFIX}{name}": text.encode() for name, text in content.items()}))


def _scanner(folder: Path, script: str, *words: str, **settings: object) -> CommandScanner:
    known: dict[str, object] = {"timeout": 20.0, "memory": 0, "network": True} | settings
    command = (sys.executable, "-I", "-c", script, *words)
    return CommandScanner(CommandSettings(command, scratch=folder / "scratch", **known))  # type: ignore[arg-type]


async def test_a_program_sees_the_files_of_the_module_and_its_status_is_the_verdict(tmp_path: Path) -> None:
    script = (
        "import os,sys; found=sorted(os.path.join(d,f)[2:] for d,_,fs in os.walk('.') for f in fs);"
        "print('noise'); print(*found, *sys.argv[1:], os.environ['MODGATE_VERSION']);"
        "sys.exit(int(sys.argv[1]))"
    )
    for status, clean in (("0", True), ("1", False), ("3", False)):
        scanner = _scanner(tmp_path, script, status, "{module}", "{version}")
        assert await scanner.scan(_VERSION, "h1:x", _zip()) == (
            clean,
            f"a/b.go go.mod {status} example.test/lib v1.0.0 v1.0.0",
        )
    assert list((tmp_path / "scratch").iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; print('broken'); sys.exit(2)", "exit status 2\\): broken"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
    ],
)
async def test_a_scan_that_failed_is_no_verdict(tmp_path: Path, script: str, told: str) -> None:
    with pytest.raises(Unavailable, match=told):
        await _scanner(tmp_path, script).scan(_VERSION, "h1:x", _zip())


async def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    script = (
        "import os,time; pid=os.fork();"
        f"open({str(tmp_path / 'child')!r},'w').write(str(pid)) if pid else None; time.sleep(60)"
    )
    with pytest.raises(Unavailable, match="did not end within"):
        await _scanner(tmp_path, script, timeout=1.5).scan(_VERSION, "h1:x", _zip())
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if _is_gone(child):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the child is still there")


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux")
@pytest.mark.parametrize("lasts", [False, True])
async def test_what_went_to_another_session_is_gone_with_the_scan(tmp_path: Path, lasts: bool) -> None:
    hidden = (
        "import os,sys,time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        open(sys.argv[1], 'w').write('begun')\n"
        "        time.sleep(300)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        f"{'time.sleep(300)' if lasts else 'sys.exit(1)'}\n"
    )
    mark = tmp_path / "mark"
    scanner = _scanner(tmp_path, hidden, str(mark), network=False, timeout=5.0 if lasts else 60.0)
    if lasts:
        with pytest.raises(Unavailable, match="did not end within"):
            await scanner.scan(_VERSION, "h1:x", _zip())
    else:
        assert await scanner.scan(_VERSION, "h1:x", _zip()) == (False, "exit status 1")
    assert mark.read_text() == "begun"
    for _ in range(200):
        if not _naming(str(mark)):
            return
        await asyncio.sleep(0.05)
    pytest.fail("it lives on")


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux")
async def test_a_scanner_without_network_that_is_killed_gives_no_verdict(tmp_path: Path) -> None:
    scanner = _scanner(tmp_path, "import os; os.kill(os.getpid(), 9)", network=False)
    with pytest.raises(Unavailable, match="exit status 137"):
        await scanner.scan(_VERSION, "h1:x", _zip())


def _naming(word: str) -> list[int]:
    """The processes with this word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_memory_is_bounded(tmp_path: Path) -> None:
    script = "b=bytearray(400<<20); print('had it')"
    assert await _scanner(tmp_path, script).scan(_VERSION, "h1:x", _zip()) == (True, "had it")
    clean, line = await _scanner(tmp_path, script, memory=200 << 20).scan(_VERSION, "h1:x", _zip())
    assert (clean, line) == (False, "MemoryError")


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux")
async def test_an_unshare_that_is_forbidden_refuses_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    forbidden = programs / "unshare"
    forbidden.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    forbidden.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match="cannot be started: unshare failed: Operation not permitted"):
        await _scanner(tmp_path, "pass", network=False).scan(_VERSION, "h1:x", _zip())


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux")
async def test_the_network_is_closed(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    script = f"import socket; socket.create_connection(('127.0.0.1',{port}),2); print('through')"
    assert await _scanner(tmp_path, script).scan(_VERSION, "h1:x", _zip()) == (True, "through")
    clean, line = await _scanner(tmp_path, script, network=False).scan(_VERSION, "h1:x", _zip())
    assert not clean
    assert "unreachable" in line
    server.close()
    await server.wait_closed()


async def test_nothing_of_the_gates_environment_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODGATE_ADMIN_TOKEN", "secret")
    script = "import os; print(*sorted(os.environ))"
    _, line = await _scanner(tmp_path, script).scan(_VERSION, "h1:x", _zip())
    assert set(line.split()) <= {
        "HOME", "LANG", "LC_CTYPE", "MODGATE_H1", "MODGATE_MODULE", "MODGATE_VERSION", "PATH", "TMPDIR",
    }  # fmt: skip


def test_another_command_is_another_scanner(tmp_path: Path) -> None:
    assert _scanner(tmp_path, "1").name != _scanner(tmp_path, "2").name


def test_a_program_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    settings = CommandSettings(("no-such-scanner",), 1.0, 0, True, tmp_path)
    with pytest.raises(Invalid, match="no program no-such-scanner"):
        CommandScanner(settings).check()


@pytest.mark.parametrize(
    "name", ["../out", f"{_PREFIX}../../out", "/etc/out", "other@v1/x", f"{_PREFIX}a\\b"]
)
def test_a_file_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable, match="leads out"):
        unpack(_VERSION, io.BytesIO(make_zip({name: b"x"})), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_licences_are_found_at_the_root_alone() -> None:
    mit = "Permission is hereby granted, free of charge, to any person obtaining a copy of this"
    assert licences_in(_VERSION, _zip(LICENSE=mit)) == ("MIT",)
    assert licences_in(_VERSION, _zip(**{"sub/LICENSE": mit})) == ()
    assert licences_in(_VERSION, _zip(COPYING="all yours")) == ("LicenseRef-unknown",)
    both = _zip(**{"LICENSE-MIT": mit, "LICENSE.apache": "Apache License\nVersion 2.0, January 2004"})
    assert licences_in(_VERSION, both) == ("Apache-2.0", "MIT")


def test_a_licence_that_is_too_long_to_read_is_not_none() -> None:
    """A rule about AGPL must not be led past by what is added behind it."""
    assert licences_in(_VERSION, _zip(LICENSE="x" * (1 << 20) + "y")) == ("LicenseRef-unknown",)
