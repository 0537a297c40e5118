"""Reading a file of go.etcd.io/bbolt: a tree of buckets, each of which maps keys to values and buckets.

The file is pages of one size. Numbers are little-endian, as on every machine that such files are made on:

    page        id u64, flags u16, count u16, overflow u32, then `count` elements
    meta        in pages 0 and 1: magic, version, page size, the root bucket, high-water mark, transaction,
                and the FNV-1a sum of that; the one of the later transaction whose sum is right counts
    branch      pos u32, size of key u32, page u64: the keys of that page and below it begin with this one
    leaf        flags u32 (1: the value is a bucket), pos u32, size of key u32, size of value u32
    bucket      root page u64, sequence u64; where the root is 0 the only page follows within the value

`pos` counts from the element itself. A page whose elements need more room goes on over `overflow` pages. The
list of free pages says nothing to a reader and is not looked at.

Whoever made the file is not trusted. A page must be the one that was asked for, lie within the file and below
the high-water mark; elements must lie within their page and beside each other, keys must rise; no walk goes
deeper than 64 or takes more pages than there are, nor do all walks together take many times as many, as where
all buckets are the same one. What breaks that is Invalid, with the offset in the file. Pages are read one by
one when they are needed: the file may have gigabytes. Source: go.etcd.io/bbolt (the format of version 2).
"""

from __future__ import annotations

import os
import stat
import struct
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from modgate.errors import Absent, Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

__all__ = ["Bolt", "Bucket", "is_bolt"]

_MAGIC: Final = 0xED0CDAED
_VERSION: Final = 2
_PAGE = struct.Struct("<QHHI")
_META = struct.Struct("<IIIIQQQQQQ")
_BRANCH = struct.Struct("<IIQ")
_LEAF = struct.Struct("<IIII")
_BUCKET = struct.Struct("<QQ")
_BRANCH_PAGE, _LEAF_PAGE = 0x01, 0x02
_IS_BUCKET = 0x01
_SMALLEST, _LARGEST = 512, 1 << 16
_MAX_DEPTH: Final = 64
_MAX_PAGE: Final = 64 << 20
"""Bytes of one page with what overflows: bbolt puts a value into one, and no advisory has so much."""
_CACHED: Final = 256
_WALKS: Final = 16
"""How often all pages may be walked through."""
_SMALL_PAGE: Final = 64 << 10
_NO_SIZE_ERRNO = "it cannot be read"


class _Page(NamedTuple):
    """A page that was read: its keys, and for each the page below it, or its value and whether that is a
    bucket.
    """

    keys: list[bytes]
    below: list[int]
    values: list[tuple[bytes, bool]]
    leaf: bool
    offset: int


def is_bolt(path: Path) -> bool:
    """Whether a file has a bbolt meta page where one may be. False where there is no file."""
    try:
        with path.open("rb") as file:
            return any(_magic_at(file.fileno(), offset) for offset in _meta_offsets())
    except OSError:
        return False


def _meta_offsets() -> Iterator[int]:
    yield 0
    size = _SMALLEST
    while size <= _LARGEST:
        yield size
        size *= 2


def _magic_at(descriptor: int, offset: int) -> bool:
    data = os.pread(descriptor, 4, offset + _PAGE.size)
    return data == _MAGIC.to_bytes(4, "little")


class Bolt:
    """A bbolt file, open for reading. Its calls block. Raises Absent, Invalid, Unavailable."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise Absent("there is no such file", where=self.where) from None
        except OSError as error:
            raise Unavailable(f"{_NO_SIZE_ERRNO}: {error.strerror}", where=self.where) from error
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        try:
            found = os.fstat(self._descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Invalid("it is no file", where=self.where)  # noqa: TRY301  it closes as all below
            self._size = found.st_size
            self._page_size, self._root, high_water = self._meta()
            self.high_water = min(high_water, self._size // self._page_size + 1)
            self._steps = _WALKS * (self.high_water + 1)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def root(self) -> Bucket:
        """The bucket that holds all others."""
        return Bucket(self, self._root, None, 0)

    def page(self, number: int) -> _Page:
        """A page of the file. Raises Invalid for what is none, Unavailable."""
        known = self._pages.get(number)
        if known is not None:
            self._pages.move_to_end(number)
            return known
        offset = number * self._page_size
        if not 2 <= number < self.high_water:
            self.broken(offset, f"page {number} is not one of {self.high_water}")
        identifier, _, _, overflow = _PAGE.unpack(self._read(offset, _PAGE.size))
        if identifier != number:
            self.broken(offset, f"page {number} says that it is page {identifier}")
        size = (overflow + 1) * self._page_size
        if size > _MAX_PAGE or number + overflow >= self.high_water:
            self.broken(offset, f"page {number} has {overflow} more, which is too many")
        page = self.parse(self._read(offset, size), offset)
        if size <= _SMALL_PAGE:
            self._pages[number] = page
            if len(self._pages) > _CACHED:
                self._pages.popitem(last=False)
        return page

    def walked(self, page: _Page) -> None:
        """Count a page of a walk. Raises Invalid for more than a file of that size is good for."""
        self._steps -= 1
        if self._steps < 0:
            self.broken(page.offset, "its buckets hold the same pages many times")

    def parse(self, data: bytes, offset: int) -> _Page:
        """The elements of a page's bytes, which lie at `offset` of the file. Raises Invalid."""
        if len(data) < _PAGE.size:
            self.broken(offset, "a page is too short")
        _, flags, count, _ = _PAGE.unpack_from(data)
        leaf = flags == _LEAF_PAGE
        if not leaf and flags != _BRANCH_PAGE:
            self.broken(offset, f"a page is neither branch nor leaf (flags {flags:#x})")
        form = _LEAF if leaf else _BRANCH
        first = _PAGE.size + count * form.size
        if first > len(data) or (not leaf and not count):
            self.broken(offset, f"a page cannot have {count} elements")
        keys: list[bytes] = []
        below: list[int] = []
        values: list[tuple[bytes, bool]] = []
        taken = first
        for at in range(_PAGE.size, first, form.size):
            if leaf:
                kind, pos, key_size, value_size = _LEAF.unpack_from(data, at)
            else:
                pos, key_size, child = _BRANCH.unpack_from(data, at)
                kind, value_size = 0, 0
                below.append(child)
            start = at + pos
            end = start + key_size
            if start < first or end + value_size > len(data):
                self.broken(offset + at, "an element lies outside its page")
            taken += key_size + value_size
            if taken > len(data):
                self.broken(offset + at, "elements of a page lie over each other")
            key = data[start:end]
            if keys and key <= keys[-1]:
                self.broken(offset + at, "the keys of a page do not rise")
            keys.append(key)
            if leaf:
                values.append((data[end : end + value_size], bool(kind & _IS_BUCKET)))
        return _Page(keys, below, values, leaf, offset)

    def broken(self, offset: int, why: str) -> NoReturn:
        """Raises Invalid."""
        raise Invalid(f"the bbolt file is broken at offset {offset}: {why}", where=self.where)

    def _read(self, offset: int, size: int) -> bytes:
        if offset + size > self._size:
            self.broken(offset, f"the file ends at {self._size}")
        try:
            data = os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise Unavailable(f"{_NO_SIZE_ERRNO}: {error.strerror}", where=self.where) from error
        if len(data) != size:
            self.broken(offset, "the file became shorter while it was read")
        return data

    def _meta(self) -> tuple[int, int, int]:
        """Page size, root page and high-water mark of the newest meta page that is whole."""
        best: tuple[int, tuple[int, int, int]] | None = None
        reason = "it has no meta page"
        for offset in _meta_offsets():
            if offset + _PAGE.size + _META.size > self._size or not _magic_at(self._descriptor, offset):
                continue
            data = self._read(offset + _PAGE.size, _META.size)
            _, version, page_size, _, root, _, _, high_water, transaction, total = _META.unpack(data)
            if version != _VERSION:
                reason = f"its format has version {version}, not {_VERSION}"
            elif total != _fnv(data[:-8]):
                reason = f"the sum of the meta page at offset {offset} is wrong"
            elif page_size not in _sizes() or offset not in {0, page_size}:
                reason = f"the meta page at offset {offset} says that pages have {page_size} bytes"
            elif best is None or transaction > best[0]:
                best = transaction, (page_size, root, high_water)
        if best is None:
            raise Invalid(f"it is no bbolt file, or a broken one: {reason}", where=self.where)
        return best[1]


def _sizes() -> set[int]:
    return {size for size in _meta_offsets() if size}


def _fnv(data: bytes) -> int:
    total = 0xCBF29CE484222325
    for byte in data:
        total = ((total ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return total


class Bucket:
    """A map from keys to values and further buckets, in the order of its keys."""

    def __init__(self, bolt: Bolt, root: int, inline: _Page | None, depth: int) -> None:
        self._bolt = bolt
        self._root = root
        self._inline = inline
        self._depth = depth

    def get(self, key: bytes) -> bytes | None:
        """A value; None where there is none, or a bucket. Raises Invalid, Unavailable."""
        found = self._find(key)
        return None if found is None or found[0][1] else found[0][0]

    def bucket(self, key: bytes) -> Bucket | None:
        """A bucket within it; None where there is none. Raises Invalid, Unavailable."""
        found = self._find(key)
        return None if found is None or not found[0][1] else self._inner(found[0][0], found[1])

    def items(self) -> Iterator[tuple[bytes, bytes | Bucket]]:
        """Everything in it. Raises Invalid, Unavailable."""
        last: bytes | None = None
        for page in self._leaves():
            for key, (value, is_bucket) in zip(page.keys, page.values, strict=True):
                if last is not None and key <= last:
                    self._bolt.broken(page.offset, "the keys of a bucket do not rise")
                last = key
                yield key, self._inner(value, page.offset) if is_bucket else value

    def _leaves(self) -> Iterator[_Page]:
        """The leaf pages from left to right, each branch's pages behind it: no recursion, no page twice."""
        if self._inline is not None:
            yield self._inline
            return
        waiting, taken = [(self._root, 0)], 0
        while waiting:
            number, depth = waiting.pop()
            taken += 1
            page = self._bolt.page(number)
            if depth > _MAX_DEPTH or taken > self._bolt.high_water:
                self._bolt.broken(page.offset, "its pages lead in a circle")
            self._bolt.walked(page)
            if page.leaf:
                yield page
            else:
                waiting += [(each, depth + 1) for each in reversed(page.below)]

    def _find(self, key: bytes) -> tuple[tuple[bytes, bool], int] | None:  # noqa: RET503  `broken` never returns
        page = self._inline or self._bolt.page(self._root)
        for _ in range(_MAX_DEPTH):
            place = bisect_right(page.keys, key) - 1
            if page.leaf:
                if place < 0 or page.keys[place] != key:
                    return None
                return page.values[place], page.offset
            page = self._bolt.page(page.below[max(place, 0)])
        self._bolt.broken(page.offset, "its pages lead in a circle")

    def _inner(self, value: bytes, offset: int) -> Bucket:
        if len(value) < _BUCKET.size or self._depth >= _MAX_DEPTH:
            self._bolt.broken(offset, "a bucket is none, or is in too many others")
        root, _ = _BUCKET.unpack_from(value)
        if root:
            return Bucket(self._bolt, root, None, self._depth + 1)
        inline = self._bolt.parse(value[_BUCKET.size :], offset)
        if not inline.leaf:
            self._bolt.broken(offset, "a bucket within a page has pages below it")
        return Bucket(self._bolt, 0, inline, self._depth + 1)
