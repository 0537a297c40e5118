"""A folder as an upstream: a missing file proves absence, a missing folder proves nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Invalid, Unavailable
from modgate.model import Context
from modgate.transport.file import FileUpstream

if TYPE_CHECKING:
    from pathlib import Path

CTX = Context()


@pytest.mark.parametrize("url", ["file://host/x", "file:", "http://x/", "file://"])
def test_only_an_absolute_folder_of_this_machine_is_an_upstream(url: str) -> None:
    with pytest.raises(Invalid):
        FileUpstream(url)


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/%2e%2e/b", "a%2F..%2Fb", "a\0b", ""]
)
async def test_no_path_leaves_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_bytes(b"outside")
    with pytest.raises(Invalid):
        await FileUpstream((tmp_path / "in").as_uri()).get(CTX, path, limit=100)


async def test_a_folder_that_is_gone_is_broken_and_not_absence(tmp_path: Path) -> None:
    upstream = FileUpstream((tmp_path / "gone").as_uri())
    with pytest.raises(Unavailable):
        await upstream.get(CTX, "m/@v/list", limit=100)
    with pytest.raises(Unavailable):
        await upstream.ready()
    (tmp_path / "gone").mkdir()
    with pytest.raises(Absent):
        await upstream.get(CTX, "m/@v/list", limit=100)


async def test_what_is_no_regular_file_is_broken_and_never_waited_for(tmp_path: Path) -> None:
    upstream = FileUpstream(tmp_path.as_uri())
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder" / "plain").write_bytes(b"x")
    for name in ("folder", "pipe", "loop", "n" * 300):
        with pytest.raises(Unavailable, match="cannot read"):
            await upstream.get(CTX, name, limit=100)
    with pytest.raises(Absent):
        await upstream.get(CTX, "folder/plain/deeper", limit=100)


async def test_a_file_that_shrinks_while_it_is_read_is_a_broken_body(tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(b"x" * 1_000_000)
    stream = await FileUpstream(tmp_path.as_uri()).open(CTX, "zip")
    os.truncate(tmp_path / "zip", 300_000)
    with pytest.raises(Unavailable, match="ended after 300000 of 1000000"):
        [chunk async for chunk in stream.chunks()]
    await stream.aclose()


async def test_a_file_that_grows_while_it_is_read_ends_where_it_was_announced(tmp_path: Path) -> None:
    (tmp_path / "zip").write_bytes(b"x" * 10)
    stream = await FileUpstream(tmp_path.as_uri()).open(CTX, "zip")
    with (tmp_path / "zip").open("ab") as more:
        more.write(b"y" * 10)
    assert b"".join([chunk async for chunk in stream.chunks()]) == b"x" * 10
    await stream.aclose()
