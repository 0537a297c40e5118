"""The place in a feed: what every keeper of one promises, and the file's own ways to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.feeds.bookmark import Awaited, Bookmark, MemoryBookmark, Place
from modgate.wiring.index import FileBookmark, feed_address

if TYPE_CHECKING:
    from pathlib import Path

PLACE = Place(
    "https://index.test/index",
    1_790_000_000_123_456_789,
    1_790_000_000_000_000_001,
    (Awaited("example.com/lib", ("v1.0.0", "v1.1.0"), 1_789_999_999_000_000_000),),
)


@pytest.fixture(params=["memory", "file"])
def bookmark(request: pytest.FixtureRequest, tmp_path: Path) -> Bookmark:
    return MemoryBookmark() if request.param == "memory" else FileBookmark(tmp_path / "index.json")


async def test_what_is_saved_is_loaded(bookmark: Bookmark) -> None:
    assert await bookmark.load() is None
    await bookmark.save(PLACE)
    assert await bookmark.load() == PLACE
    later = Place(PLACE.url, PLACE.cursor + 1)
    await bookmark.save(later)
    assert await bookmark.load() == later


async def test_a_file_survives_and_leaves_nothing_beside(tmp_path: Path) -> None:
    await FileBookmark(tmp_path / "index.json").save(PLACE)
    assert await FileBookmark(tmp_path / "index.json").load() == PLACE
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["index.json"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"url":"x","cursor":"soon"}', b"\xff\xfe"])
async def test_a_file_that_makes_no_sense_is_no_place(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(text)
    assert await FileBookmark(path).load() is None
    await FileBookmark(path).save(PLACE)
    assert await FileBookmark(path).load() == PLACE


async def test_a_file_that_cannot_be_written_is_unavailable_and_stays(tmp_path: Path) -> None:
    kept = FileBookmark(tmp_path / "index.json")
    await kept.save(PLACE)
    (tmp_path / "tmp" / "index.json").mkdir()
    with pytest.raises(Unavailable):
        await kept.save(Place(PLACE.url, 1))
    assert await kept.load() == PLACE


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://index.golang.org/index",
            ("https://index.golang.org/", "index", "https://index.golang.org/index"),
        ),
        (
            "https://me:secret@corp.example/go/index?include=all",
            ("https://me:secret@corp.example/go/", "index?include=all", "https://corp.example/go/index"),
        ),
        ("http://127.0.0.1:8080", ("http://127.0.0.1:8080/", "", "http://127.0.0.1:8080")),
    ],
)
def test_an_address_is_an_upstream_and_what_to_ask_it(url: str, expected: tuple[str, str, str]) -> None:
    assert feed_address(url) == expected
