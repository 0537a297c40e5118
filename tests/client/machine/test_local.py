"""This machine's files may be anything: reading them ends, whatever stands where a file belongs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from modgate.client.machine.local import LocalHost
from modgate.errors import Absent, Unavailable
from modgate.transport.environment import Netrc

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of POSIX systems")


def test_a_pipe_that_nobody_writes_to_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "env"
    os.mkfifo(pipe)
    with pytest.raises(Unavailable, match="no plain file"):
        LocalHost().read(pipe)


def test_a_device_without_an_end_is_no_file() -> None:
    with pytest.raises(Unavailable, match="no plain file"):
        LocalHost().read(Path("/dev/zero"))


def test_the_null_device_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "env").symlink_to(os.devnull)
    assert LocalHost().read(Path(os.devnull)) == b""
    assert LocalHost().read(tmp_path / "env") == b""


def test_a_folder_and_a_loop_of_links_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "loop"):
        with pytest.raises(Unavailable):
            LocalHost().read(path)


def test_a_path_that_no_system_has_is_told_as_such() -> None:
    host = LocalHost()
    with pytest.raises(Unavailable, match="is no path"):
        host.read(Path("/tmp/a\x00b"))
    assert host.status(Path("/tmp/a\x00b")) is None
    assert host.listdir(Path("/tmp/a\x00b")) == ()


def test_a_netrc_that_is_a_pipe_has_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "netrc")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert Netrc().authorization("host.test") is None


async def test_a_program_is_taken_from_path_alone(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho here\n")
    tool.chmod(0o755)
    for path in ("", ":/nonexistent", ".", "/nonexistent"):
        host = LocalHost({"PATH": path, "HOME": str(tmp_path)}, cwd=tmp_path)
        before = Path.cwd()
        os.chdir(tmp_path)
        try:
            with pytest.raises(Absent):
                await host.run(("tool",))
        finally:
            os.chdir(before)
    assert (await LocalHost({"PATH": str(tmp_path)}).run(("tool",))).stdout == "here\n"


async def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text(
        "#!/bin/sh\nsleep 600 &\necho $! > child\nexec sleep 600\n".replace("child", f"{tmp_path}/child")
    )
    tool.chmod(0o755)
    host = LocalHost({"PATH": f"{tmp_path}:/usr/bin:/bin"})
    with pytest.raises(Unavailable, match="did not end"):
        await host.run(("tool",), limit=0.5)
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


async def test_a_program_that_talks_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="MiB"):
        await LocalHost().run(("cat", "/dev/zero"), limit=30.0)
