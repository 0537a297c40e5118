"""The memo: bounds, generations, expiry, and files that stay open as long as somebody sends them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modgate.model.twins import MemoryBlob
from modgate.server.memo import Memo
from modgate.server.represent import Representation
from modgate.telemetry import Cell

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fixed(data: bytes) -> Representation:
    return Representation(b"text/plain", data, len(data), [], True, "ab")


def changing(data: bytes, *, age: float, rest: float) -> Representation:
    return Representation(b"text/plain", data, len(data), [], False, age=age, rest=rest)


def keep(memo: Memo, path: bytes, rep: Representation) -> None:
    assert isinstance(rep.body, bytes)
    memo.put((path, ""), rep, rep.body, kind="mod", cell=Cell(), generation=memo.generation())


def test_a_hit_is_found_by_path_and_view(clock: Clock) -> None:
    memo = Memo(clock=clock)
    keep(memo, b"/a", fixed(b"one"))
    hot = memo.get(b"/a")
    assert hot is not None
    assert hot.body == b"one"
    assert memo.get(b"/b") is None
    assert memo.get(b"/a", "other") is None


def test_a_remembered_head_keeps_no_bytes_of_what_was_dropped(clock: Clock) -> None:
    memo = Memo(clock=clock, max_bytes=4096)
    keep(memo, b"/a", fixed(b"one"))
    hot = memo.get(b"/a")
    assert hot is not None
    memo.remember(b"HEAD", hot)
    keep(memo, b"/b", fixed(b"x" * 3000))
    assert not hot.alive
    assert (hot.body, hot.rep.body) == (b"", b"")


def test_a_new_generation_forgets(clock: Clock) -> None:
    generation = 1
    memo = Memo(clock=clock, generation=lambda: generation)
    keep(memo, b"/a", fixed(b"one"))
    memo.remember(b"HEAD", hot) if (hot := memo.get(b"/a")) else None
    assert memo.recall(b"HEAD") is not None
    generation = 2
    assert memo.recall(b"HEAD") is None
    assert memo.get(b"/a") is None
    assert memo.held == 0


def test_an_answer_fetched_under_an_older_generation_is_never_given(clock: Clock) -> None:
    """Something was removed while the source was asked: what it said may be what was removed."""
    memo = Memo(clock=clock, generation=lambda: 2)
    rep = fixed(b"one")
    memo.put((b"/a", ""), rep, b"one", kind="mod", cell=Cell(), generation=1)
    assert memo.get(b"/a") is None


def test_what_changes_expires_and_ages_until_then(clock: Clock) -> None:
    memo = Memo(clock=clock)
    keep(memo, b"/list", changing(b"v1\n", age=5, rest=10))
    hot = memo.get(b"/list")
    assert hot is not None
    assert b"age: 5\r\n" in hot.head(clock.now)
    clock.now += 7
    assert b"age: 12\r\n" in hot.head(clock.now)
    assert b"max-age=15\r\n" in hot.head(clock.now)
    clock.now += 3
    assert memo.get(b"/list") is None


def test_even_what_cannot_change_is_asked_for_again_after_an_hour(clock: Clock) -> None:
    """Else the store would take what is used most for unused, and evict it."""
    memo = Memo(clock=clock)
    keep(memo, b"/a", fixed(b"one"))
    clock.now += 3599
    assert memo.get(b"/a") is not None
    clock.now += 1
    assert memo.get(b"/a") is None


def test_bytes_are_bounded_and_the_least_used_goes_first(clock: Clock) -> None:
    memo = Memo(clock=clock, max_bytes=10 * 2048)
    for number in range(10):
        keep(memo, b"/%d" % number, fixed(b"x" * 1024))
    memo.get(b"/0")
    keep(memo, b"/new", fixed(b"x" * 1024))
    assert memo.held <= 10 * 2048
    assert memo.get(b"/0") is not None
    assert memo.get(b"/1") is None
    assert memo.get(b"/new") is not None


def test_entries_are_bounded(clock: Clock) -> None:
    memo = Memo(clock=clock, max_entries=3)
    for number in range(10):
        keep(memo, b"/%d" % number, fixed(b""))
    assert len(memo) == 3


def test_a_forgotten_entry_keeps_no_bytes_through_remembered_heads(clock: Clock) -> None:
    memo = Memo(clock=clock)
    keep(memo, b"/a", fixed(b"one"))
    hot = memo.get(b"/a")
    assert hot is not None
    memo.remember(b"HEAD", hot)
    memo.clear()
    assert hot.body == b""
    assert memo.recall(b"HEAD") is None


def test_remembered_heads_are_bounded(clock: Clock) -> None:
    memo = Memo(clock=clock, max_entries=4)
    keep(memo, b"/a", fixed(b"one"))
    hot = memo.get(b"/a")
    assert hot is not None
    memo.remember(b"x" * 5000, hot)
    assert memo.recall(b"x" * 5000) is None
    for number in range(9):
        memo.remember(b"HEAD %d" % number, hot)
    assert memo.recall(b"HEAD 0") is None
    assert memo.recall(b"HEAD 8") is hot


def file_rep(folder: Path, name: str, data: bytes) -> Representation:
    path = folder / name
    path.write_bytes(data)
    blob = MemoryBlob.of(name, data)
    blob.path = path
    return Representation(b"application/zip", blob, len(data), [], True, blob.meta.sha256, 1.0)


def test_a_file_stays_open_until_its_last_sender_is_done(clock: Clock, tmp_path: Path) -> None:
    memo = Memo(clock=clock)
    hot = memo.put_file((b"/z", ""), file_rep(tmp_path, "z", b"zip"), kind="zip", cell=Cell(), generation=0)
    assert hot is not None
    assert hot.file is not None
    file = hot.file.acquire()
    memo.clear()
    assert os.pread(file.fd, 3, 0) == b"zip"
    file.release()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.pread(file.fd, 3, 0)


def test_a_file_that_was_removed_is_not_held_open_once_something_else_is_kept(
    clock: Clock, tmp_path: Path
) -> None:
    generations = [0]
    memo = Memo(clock=clock, generation=lambda: generations[0])
    hot = memo.put_file((b"/z", ""), file_rep(tmp_path, "z", b"zip"), kind="zip", cell=Cell(), generation=0)
    assert hot is not None
    assert hot.file is not None
    generations[0] = 1
    keep(memo, b"/a", fixed(b"one"))
    assert not hot.alive
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.pread(hot.file.fd, 3, 0)
    assert len(memo) == 1


def test_open_files_are_bounded(clock: Clock, tmp_path: Path) -> None:
    memo = Memo(clock=clock, max_files=2)
    reps = [file_rep(tmp_path, str(number), b"zip") for number in range(4)]
    hots = [
        memo.put_file((b"/%d" % number, ""), rep, kind="zip", cell=Cell(), generation=0)
        for number, rep in enumerate(reps)
    ]
    assert [hot is not None and hot.alive for hot in hots] == [False, False, True, True]
    memo.clear()


def test_a_file_of_another_size_is_not_kept(clock: Clock, tmp_path: Path) -> None:
    memo = Memo(clock=clock)
    rep = file_rep(tmp_path, "z", b"zip")
    (tmp_path / "z").write_bytes(b"zi")
    assert memo.put_file((b"/z", ""), rep, kind="zip", cell=Cell(), generation=0) is None
    (tmp_path / "z").unlink()
    assert memo.put_file((b"/z", ""), rep, kind="zip", cell=Cell(), generation=0) is None
    assert len(memo) == 0


def test_what_is_forgotten_is_asked_for_again_and_the_rest_stays(clock: Clock) -> None:
    memo = Memo(clock=clock)
    keep(memo, b"/a/@v/list", changing(b"v1.0.0\n", age=0, rest=3600))
    keep(memo, b"/b/@v/list", changing(b"v1.0.0\n", age=0, rest=3600))
    hot = memo.get(b"/a/@v/list")
    assert hot is not None
    memo.remember(b"HEAD", hot)
    before = memo.forgotten
    memo.forget(b"/a/@v/list")
    memo.forget(b"/never/@v/list")
    assert memo.get(b"/a/@v/list") is None
    assert memo.recall(b"HEAD") is None
    assert memo.get(b"/b/@v/list") is not None
    assert memo.forgotten == before + 2
