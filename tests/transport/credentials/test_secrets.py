"""Secrets in files and variables: fresh when they change, an error with the way out when not there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.model.credentials import Secret
from modgate.transport.credentials import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transport.credentials.conftest import Bench

HOST = "git.corp.example"


async def password(bench: Bench, file: Path) -> str:
    found = await bench.credentials(Entry(HOST, token_file=file)).https(HOST, 443, "/")
    assert found is not None
    return found.password.reveal()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_the_newline_at_the_end_is_no_part_of_a_token(bench: Bench, end: str) -> None:
    assert await password(bench, bench.file("token", f"s3cret{end}")) == "s3cret"


async def test_a_token_that_changes_is_read_again(bench: Bench) -> None:
    file = bench.file("token", "first\n")
    found = bench.credentials(Entry(HOST, token_file=file))
    for text in ("first", "secnd", "third and longer"):
        bench.file("fresh", text).replace(file)
        credential = await found.https(HOST, 443, "/")
        assert credential is not None
        assert credential.password.reveal() == text
    file.write_text("again", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    credential = await found.https(HOST, 443, "/")
    assert credential is not None
    assert credential.password.reveal() == "again"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"one\ntwo\n", "more than one line"),
        (b"a\x1b[2Jb", "characters that no token has"),
        (b"a\r\nAuthorization: x", "more than one line"),
        (b"\xff\xfet\x00", "not UTF-8"),
        (b"x" * 70_000, "larger than 64 KiB"),
    ],
)
async def test_a_file_that_holds_no_token_is_said_and_never_anonymous(
    bench: Bench, content: bytes, why: str
) -> None:
    file = bench.folder / "token"
    file.write_bytes(content)
    with pytest.raises(Unavailable, match=why) as caught:
        await password(bench, file)
    assert caught.value.where == str(file)
    assert "[[credentials]]" in caught.value.next_step


async def test_a_file_that_is_not_there_or_no_file_is_said(bench: Bench) -> None:
    with pytest.raises(Unavailable, match="No such file") as caught:
        await password(bench, bench.folder / "nowhere")
    assert caught.value.where.endswith("nowhere")
    with pytest.raises(Unavailable, match="directory"):
        await password(bench, bench.folder)


async def test_a_token_that_comes_back_is_used(bench: Bench) -> None:
    file = bench.file("token", "one")
    found = bench.credentials(Entry(HOST, token_file=file))
    file.unlink()
    with pytest.raises(Unavailable):
        await found.https(HOST, 443, "/")
    bench.file("token", "two")
    credential = await found.https(HOST, 443, "/")
    assert credential is not None
    assert credential.password.reveal() == "two"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
async def test_a_secret_that_others_may_read_is_told_in_one_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = bench.file("good", "x")
    wide = bench.file("wide", "x", 0o644)
    key = bench.file("key", "x", 0o640)
    netrc = bench.file("netrc", "machine a login b password c", 0o604)
    monkeypatch.setenv("NETRC", str(netrc))
    bench.environ["SET"] = "x"
    found = bench.credentials(
        Entry("a.example", token_file=good),
        Entry("b.example", token_file=wide),
        Entry("c.example", token_file=wide),
        Entry("d.example", "ssh", key_file=key),
        Entry("e.example", token_env="UNSET"),
        Entry("f.example", token_env="SET"),
        Entry("g.example", token_file=bench.folder / "gone"),
    )
    lines = found.warnings()
    assert [line.partition(" ")[0] for line in lines[:3]] == [str(wide), str(key), str(netrc)]
    assert "chmod 600" in lines[0]
    assert "0644" in lines[0]
    assert "UNSET is empty or not set" in lines[3]
    assert "there is no file" in lines[4]
    assert len(lines) == 5


def test_a_secret_shows_nothing() -> None:
    secret = Secret("s3cret")
    assert "s3cret" not in f"{secret} {secret!r} {[secret]} {(secret,)!s}"
    assert secret.reveal() == "s3cret"
