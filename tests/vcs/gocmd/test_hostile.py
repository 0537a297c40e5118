"""Nothing that a repository or a question holds makes a program run, and no program runs away."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, ModgateError, Unavailable
from modgate.gomod.module import check_path
from modgate.gomod.protocol import Kind, Request
from modgate.model import Context
from modgate.vcs.gocmd.process import size_of
from modgate.vcs.gocmd.scratch import Scratch
from tests.vcs.gocmd.world import a_world, hg, hg_commit, needs_go, needs_hg, tool

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath

# What a person's home could hold.
OWN_HGRC = "[hooks]\npre-pull = touch {mark}\npre-init = touch {mark}\n[alias]\nlog = !touch {mark}\n"


@needs_hg
async def test_nothing_of_the_home_or_the_repository_runs(
    tmp_path: Path, hg_folder: Path, hg_port: int
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".hgrc").write_text(OWN_HGRC.format(mark=mark))
    hostile = hg_folder / "hostile"
    hostile.mkdir()
    hg(hostile, "init")
    (hostile / "go.mod").write_text("module code.test/hostile\n")
    (hostile / "sub").mkdir()
    hg(hostile / "sub", "init")
    hg_commit(hostile / "sub", {"s.go": "package s\n"})
    (hostile / ".hgsub").write_text("sub = http://inner.test/sub\n")
    (hostile / "hgrc").write_text(OWN_HGRC.format(mark=mark))
    hg(hostile, "commit", "-A", "-q", "-m", "x", "-d", "0 0")
    hg(hostile, "tag", "-d", "0 0", "v1.0.0")
    (hostile / ".hg" / "hgrc").write_text(
        "[web]\ndescription = x\n[paths]\ndefault = ext::touch " + str(mark) + "\n"
    )
    environ = dict(os.environ) | {
        "HOME": str(tmp_path / "home"),
        "HGRCPATH": str(tmp_path / "home" / ".hgrc"),
        "HGPLAIN": "",
        "GOFLAGS": "-toolexec=touch",
        "GOPROXY": "http://127.0.0.1:1",
        "GIT_SSH_COMMAND": f"touch {mark}",
    }
    async with a_world(tmp_path / "cache", {"hg.test": hg_port}, environ=environ) as world:
        world.put("code.test/hostile", "hg", "http://hg.test/hostile")
        assert await world.ask(Kind.ZIP, "code.test/hostile", "v1.0.0")
        assert {host for host, _ in world.names.asked} == {"hg.test"}
    assert not mark.exists()


@pytest.mark.parametrize(
    "revision",
    [
        "--config=alias.log=!touch mark",
        "-x",
        "--debugger",
        "ancestors(tip)",
        "file('set:**')",
        "a:b",
        "x y",
        "a\x1b[31m",
        "..",
        "$(touch mark)",
        "r" * 300,
        "",
    ],
)
async def test_a_revision_that_is_no_plain_name_starts_nothing(tmp_path: Path, revision: str) -> None:
    environ = tool(tmp_path / "bin", "hg", f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    async with a_world(tmp_path / "cache", {"hg.test": 1}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        for kind in (Kind.QUERY, Kind.INFO, Kind.ZIP):
            request = Request(kind, _path("code.test/m"), revision)
            with pytest.raises(Invalid):
                await world.source.fetch(Context(), request)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "cache").exists()


@needs_go
async def test_programs_see_nothing_of_ours_and_no_secret_is_in_argv(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    environ = tool(
        tmp_path / "bin",
        "hg",
        f"import json, os, sys\nwith open({str(seen)!r}, 'a') as out:\n"
        " print(json.dumps([sys.argv, dict(os.environ), open(os.environ['HGRCPATH']).read(),"
        " os.stat(os.environ['HGRCPATH']).st_mode & 0o777]), file=out)\nsys.exit(255)\n",
    )
    environ |= {"AWS_SECRET_ACCESS_KEY": "x", "NETRC": "/etc/netrc", "GOPRIVATE": "*", "MODGATE_TOKEN": "x"}
    environ |= {"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*", "PYTHONPATH": "/nowhere"}
    async with a_world(tmp_path / "cache", {"hg.test": 1}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        with pytest.raises(Unavailable):
            await world.list("code.test/m")
    runs = [json.loads(line) for line in seen.read_text().splitlines()]
    assert runs
    for argv, environment, hgrc, mode in runs:
        assert mode == 0o600
        password = next(line for line in hgrc.splitlines() if line.startswith("passwd = ")).partition("= ")[2]
        assert len(password) > 20
        assert not [word for word in argv if password in word]
        assert not {"AWS_SECRET_ACCESS_KEY", "NETRC", "MODGATE_TOKEN", "ALL_PROXY", "PYTHONPATH"} & set(
            environment
        )
        assert environment["NO_PROXY"] == ""
        assert environment["GOVCS"] == "code.test/m:hg,*:off"
        assert environment["HOME"].startswith(str(tmp_path / "cache" / "runs"))


@needs_go
async def test_control_characters_and_secrets_of_programs_are_not_shown(tmp_path: Path) -> None:
    environ = tool(
        tmp_path / "bin",
        "hg",
        "import sys\nsys.stderr.write('abort: \\x1b[31mred\\x1b]0;title\\x07\\r "
        "https://gopher:hunter2@hg.test/ ' + 'x' * 5000 + '\\n' * 9 + 'more\\n' * 90)\nsys.exit(255)\n",
    )
    async with a_world(tmp_path / "cache", {"hg.test": 1}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        with pytest.raises(Unavailable) as caught:
            await world.list("code.test/m")
    text = str(caught.value)
    assert "red" in text
    assert "hunter2" not in text
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len(text) < 2000
    assert str(tmp_path) not in text


@needs_go
async def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    environ = tool(
        tmp_path / "bin",
        "hg",
        "import os, time\n"
        f"os.fork()\nprint(os.getpid(), file=open({str(pids)!r}, 'a'), flush=True)\ntime.sleep(600)\n",
    )
    async with a_world(tmp_path / "cache", {"hg.test": 1}, environ=environ, timeout=1.5) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        with pytest.raises(Unavailable) as caught:
            await world.list("code.test/m")
        assert caught.value.kind == "timeout"
        assert list((tmp_path / "cache" / "runs").glob("go-*")) == []
    numbers = [int(line) for line in pids.read_text().split()]
    assert len(numbers) == 2
    await _gone(numbers)


@needs_go
async def test_a_run_that_is_cancelled_is_ended(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    environ = tool(
        tmp_path / "bin",
        "hg",
        f"import os, time\nprint(os.getpid(), file=open({str(pids)!r}, 'a'), flush=True)\ntime.sleep(600)\n",
    )
    async with a_world(tmp_path / "cache", {"hg.test": 1}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        asking = asyncio.ensure_future(world.list("code.test/m"))
        while not pids.exists() or not pids.read_text():
            await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await _gone([int(line) for line in pids.read_text().split()])


@needs_go
async def test_a_repository_above_its_quota_is_stopped_and_dropped(tmp_path: Path) -> None:
    environ = tool(
        tmp_path / "bin",
        "hg",
        "import os, time\nos.makedirs('.hg', exist_ok=True)\n"
        "while True:\n open('.hg/big', 'ab').write(b'x' * 65536)\n time.sleep(0.002)\n",
    )
    async with a_world(tmp_path / "cache", {"hg.test": 1}, environ=environ, quota=1 << 20) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        with pytest.raises(Unavailable, match="more than the 1048576 bytes"):
            await world.list("code.test/m")
        home = next((tmp_path / "cache" / "gocmd").glob("hg-*"))
        assert size_of(tmp_path / "cache") < 50 << 20
        # The note that makes the next run begin anew.
        assert (home / "busy").exists()


@pytest.mark.parametrize("vcs", ["hg", "svn", "fossil", "bzr"])
async def test_a_program_that_is_not_installed_is_named(tmp_path: Path, vcs: str) -> None:
    environ = tool(tmp_path / "bin", "go", "raise SystemExit(1)\n") | {"PATH": str(tmp_path / "bin")}
    async with a_world(tmp_path / "cache", {"v.test": 1}, environ=environ) as world:
        world.put("code.test/m", vcs, "http://v.test/m")
        for kind, version in ((Kind.LIST, ""), (Kind.ZIP, "v1.0.0")):
            with pytest.raises(Unavailable, match=f"{vcs} is not installed here") as caught:
                await world.ask(kind, "code.test/m", version)
            assert str(tmp_path / "bin") in caught.value.what
            assert "install" in caught.value.next_step


async def test_without_go_the_text_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder that is not absolute is no place for programs.
    tool(tmp_path / "here", "go", "")
    monkeypatch.chdir(tmp_path)
    environ = tool(tmp_path / "bin", "hg", "") | {"PATH": f"here{os.pathsep}{tmp_path / 'bin'}"}
    async with a_world(tmp_path / "cache", {"v.test": 1}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://v.test/m")
        with pytest.raises(Unavailable, match="the go command is not installed") as caught:
            await world.list("code.test/m")
        assert "vcs.go" in caught.value.next_step


async def test_where_nothing_may_be_fetched_nothing_runs(tmp_path: Path) -> None:
    async with a_world(tmp_path / "cache", {}, environ={"PATH": ""}) as world:
        world.put("code.test/m", "hg", "http://v.test/m")
        with pytest.raises(ModgateError, match="nothing may be fetched"):
            await world.ask(Kind.LIST, "code.test/m", ctx=Context(fetch=False))


async def test_what_a_killed_gate_left_is_swept_and_what_another_uses_stays(tmp_path: Path) -> None:
    (tmp_path / "go-left" / "run" / "mod").mkdir(parents=True)
    async with Scratch(tmp_path).folder() as mine:
        assert not (tmp_path / "go-left").exists()
        async with Scratch(tmp_path).folder() as other:
            assert mine.exists()
            assert list(other.iterdir()) == []
        assert not other.parent.exists()
    assert list(tmp_path.glob("go-*")) == []


def _path(text: str) -> ModulePath:
    return check_path(text)


async def _gone(numbers: list[int]) -> None:
    """Wait until the processes are no more than a name."""
    end = time.monotonic() + 10
    for number in numbers:
        while time.monotonic() < end:
            try:
                if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    break
            except OSError:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail(f"process {number} still runs")
