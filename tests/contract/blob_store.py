"""What every blob store promises: a suite to inherit from, with a `store` fixture.

A new implementation joins by one subclass whose fixture opens it (see test_blob_store.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import BinaryIO

import pytest

from modgate.errors import Invalid, ModgateError, Tampered, Unavailable
from modgate.model import BlobMeta, BlobStore, StoredObject

__all__ = ["BlobStoreContract", "meta_of"]

KEY = "example.com/!upper/mod/@v/v1.2.3.zip"
LIST = "example.com/!upper/mod/@v/list"
PIECE = 256 * 1024


def meta_of(data: bytes, *, h1: str = "", verified: str = "sumdb", stored_at: float = 1000.5) -> BlobMeta:
    sha256 = hashlib.sha256(data).hexdigest()
    return BlobMeta(sha256=sha256, size=len(data), stored_at=stored_at, verified=verified, h1=h1)


def body(size: int, seed: int = 1) -> bytes:
    return (hashlib.sha256(bytes([seed])).digest() * (size // 32 + 1))[:size]


async def whole(store: BlobStore, key: str) -> bytes | None:
    blob = await store.get(key)
    return None if blob is None else await blob.read()


async def walked(store: BlobStore, prefix: str = "") -> list[StoredObject]:
    return [each async for batch in store.walk(prefix) for each in batch]


SIZES = [0, 1, 1000, 64 * 1024, 64 * 1024 + 1, PIECE, 3 * PIECE + 17]


class BlobStoreContract:
    """The promises of model/blob.py, one test each."""

    async def test_what_was_never_stored_is_absent(self, store: BlobStore) -> None:
        assert await store.get(KEY) is None
        assert await store.names("example.com/!upper/mod/@v") == []
        assert await store.remove(KEY) is False

    @pytest.mark.parametrize("size", SIZES)
    async def test_what_is_put_is_read_back(self, store: BlobStore, size: int) -> None:
        data = body(size)
        put = await store.put(KEY, data, meta_of(data, h1="h1:abc="))
        assert await put.read() == data
        blob = await store.get(KEY)
        assert blob is not None
        assert (blob.key, blob.meta) == (KEY, meta_of(data, h1="h1:abc="))
        assert await blob.read() == data
        await blob.verify()

    @pytest.mark.parametrize("size", SIZES)
    async def test_what_is_written_and_committed_is_read_back(self, store: BlobStore, size: int) -> None:
        data = body(size)
        writer = await store.create(KEY)
        for start in range(0, size, 100_000):
            await writer.write(data[start : start + 100_000])
        blob = await writer.commit(meta_of(data))
        assert blob.meta == meta_of(data)
        assert await blob.read() == data
        assert await whole(store, KEY) == data

    async def test_nothing_is_visible_before_commit(self, store: BlobStore) -> None:
        writer = await store.create(KEY)
        await writer.write(body(2 * PIECE))
        assert await store.get(KEY) is None
        assert await store.names("example.com/!upper/mod/@v") == []
        await writer.abort()
        assert await store.get(KEY) is None

    async def test_every_byte_written_can_be_read_along_at_once_and_after_commit(
        self, store: BlobStore
    ) -> None:
        data = body(2 * PIECE + 100)
        writer = await store.create(KEY)
        assert writer.written == 0
        for start in range(0, len(data), 50_001):
            await writer.write(data[start : start + 50_001])
            assert writer.written == min(len(data), start + 50_001)
            assert writer.read_at(start, 50_001) == data[start : start + 50_001]
        assert _read_along(writer.read_at, len(data)) == data
        await writer.commit(meta_of(data))
        assert _read_along(writer.read_at, len(data)) == data
        assert writer.written == len(data)
        assert writer.read_at(len(data), 10) == b""

    @pytest.mark.parametrize("size", [10, PIECE + 5])
    async def test_check_sees_the_whole_object_and_its_errors_pass_through(
        self, store: BlobStore, size: int
    ) -> None:
        data = body(size)
        writer = await store.create(KEY)
        await writer.write(data[:7])
        await writer.write(data[7:])

        def hash_twice(file: BinaryIO) -> tuple[str, int]:
            first = file.read()
            file.seek(0)
            assert file.read() == first
            return hashlib.sha256(first).hexdigest(), file.seek(0, 2)

        assert await writer.check(hash_twice) == (meta_of(data).sha256, size)

        def refuse(_: BinaryIO) -> None:
            raise Tampered("not these bytes")

        with pytest.raises(Tampered, match="not these bytes"):
            await writer.check(refuse)
        await writer.write(b"more")
        assert writer.read_at(size, 4) == b"more"
        await writer.commit(meta_of(data + b"more"))
        assert await whole(store, KEY) == data + b"more"

    async def test_an_aborted_object_is_gone_for_its_readers(self, store: BlobStore) -> None:
        writer = await store.create(KEY)
        await writer.write(body(PIECE + 1))
        await writer.abort()
        await writer.abort()
        with pytest.raises(Unavailable):
            writer.read_at(0, 1)
        with pytest.raises(Unavailable):
            await writer.write(b"x")
        with pytest.raises(Unavailable):
            await writer.commit(meta_of(b""))
        assert await store.get(KEY) is None

    async def test_abort_after_commit_does_nothing(self, store: BlobStore) -> None:
        writer = await store.create(KEY)
        await writer.write(b"abc")
        blob = await writer.commit(meta_of(b"abc"))
        await writer.abort()
        assert await (await writer.commit(meta_of(b"abc"))).read() == await blob.read() == b"abc"

    @pytest.mark.parametrize("size", [10, PIECE + 1])
    async def test_a_closed_writer_aborts_what_was_not_committed(self, store: BlobStore, size: int) -> None:
        writer = await store.create(KEY)
        await writer.write(body(size))
        await writer.aclose()
        await writer.aclose()
        with pytest.raises(Unavailable):
            await writer.commit(meta_of(body(size)))
        assert await store.get(KEY) is None

    @pytest.mark.parametrize("size", [10, PIECE + 1])
    async def test_closing_a_writer_after_its_commit_leaves_the_object(
        self, store: BlobStore, size: int
    ) -> None:
        writer = await store.create(KEY)
        await writer.write(body(size))
        await writer.commit(meta_of(body(size)))
        await writer.aclose()
        with pytest.raises(Unavailable):
            writer.read_at(0, 1)
        assert await whole(store, KEY) == body(size)

    async def test_the_first_writer_wins(self, store: BlobStore) -> None:
        first, second = body(PIECE + 1, 1), body(PIECE + 1, 2)
        writers = [await store.create(KEY), await store.create(KEY)]
        await writers[0].write(first)
        await writers[1].write(second)
        await writers[0].commit(meta_of(first))
        standing = await writers[1].commit(meta_of(second))
        assert standing.meta == meta_of(first)
        assert await standing.read() == first
        assert await (await store.put(KEY, b"third", meta_of(b"third"))).read() == first
        assert await whole(store, KEY) == first

    async def test_of_many_writers_one_wins_and_all_get_its_bytes(self, store: BlobStore) -> None:
        async def write(seed: int) -> bytes:
            data = body(1000 if seed % 2 else PIECE + seed, seed)
            if seed % 3 == 0:
                return await (await store.put(KEY, data, meta_of(data))).read()
            writer = await store.create(KEY)
            await writer.write(data)
            return await (await writer.commit(meta_of(data))).read()

        got = await asyncio.gather(*(write(seed) for seed in range(24)))
        assert set(got) == {await whole(store, KEY)}

    async def test_a_size_that_disagrees_is_refused(self, store: BlobStore) -> None:
        writer = await store.create(KEY)
        await writer.write(b"abc")
        with pytest.raises(Tampered):
            await writer.commit(meta_of(b"abcd"))
        assert await store.get(KEY) is None

    async def test_bytes_that_disagree_with_their_hash_are_refused(self, store: BlobStore) -> None:
        with pytest.raises(Tampered):
            await store.put(KEY, b"abc", meta_of(b"xyz"))
        with pytest.raises(Tampered):
            await store.replace(LIST, b"abc", meta_of(b"xyz"))
        assert await store.get(KEY) is None
        assert await store.get(LIST) is None

    @pytest.mark.parametrize("size", [10, PIECE + 1])
    @pytest.mark.parametrize("how", ["read", "verify"])
    async def test_damaged_bytes_are_found_and_set_aside(self, store: BlobStore, how: str, size: int) -> None:
        good, bad = body(size, 1), body(size, 2)
        writer = await store.create(KEY)
        await writer.write(bad)
        await writer.commit(meta_of(good))
        blob = await store.get(KEY)
        assert blob is not None
        before = store.generation
        with pytest.raises(Tampered):
            await (blob.read() if how == "read" else blob.verify())
        assert store.generation > before
        assert await store.get(KEY) is None
        await store.put(KEY, good, meta_of(good))
        # Whoever still holds the damaged one must not take the good one away.
        with pytest.raises(ModgateError):
            await blob.read()
        assert await whole(store, KEY) == good

    async def test_replace_swaps_at_once(self, store: BlobStore) -> None:
        for version in range(20):
            data = b"v" * version
            await store.replace(LIST, data, meta_of(data, stored_at=float(version)))
            blob = await store.get(LIST)
            assert blob is not None
            assert await blob.read() == data
            assert blob.meta.stored_at == float(version)
            assert blob.path is None

    async def test_a_reader_of_a_replaced_object_gets_one_whole_version(self, store: BlobStore) -> None:
        versions = [body(3000 + 40_000 * number, number) for number in range(4)]
        done = asyncio.Event()

        async def write() -> None:
            for turn in range(40):
                data = versions[turn % 4]
                await store.replace(LIST, data, meta_of(data))
            done.set()

        async def read() -> int:
            count = 0
            while not done.is_set():
                data = await whole(store, LIST)
                assert data is None or data in versions
                count += 1
                await asyncio.sleep(0)
            return count

        counts = await asyncio.gather(read(), read(), write())
        assert min(count for count in counts if count is not None) > 0

    async def test_confirming_a_mutable_object_renews_its_time(self, store: BlobStore) -> None:
        await store.replace(LIST, b"v1\n", meta_of(b"v1\n", stored_at=1.0))
        await store.replace(LIST, b"v1\n", meta_of(b"v1\n", stored_at=2.0))
        blob = await store.get(LIST)
        assert blob is not None
        assert blob.meta.stored_at == 2.0

    @pytest.mark.parametrize("size", [100, 3 * PIECE + 5])
    async def test_chunks_give_any_range_in_pieces(self, store: BlobStore, size: int) -> None:
        data = body(size)
        await store.put(KEY, data, meta_of(data))
        blob = await store.get(KEY)
        assert blob is not None
        for start, stop in [(0, None), (7, None), (7, 70), (size - 1, size), (size, None), (5, size + 9)]:
            pieces = [piece async for piece in blob.chunks(start, stop)]
            assert b"".join(pieces) == data[start:stop]
            assert all(0 < len(piece) <= PIECE for piece in pieces)

    @pytest.mark.parametrize("size", [100, PIECE + 1])
    async def test_a_removed_object_gives_its_bytes_or_unavailable(self, store: BlobStore, size: int) -> None:
        data = body(size)
        await store.put(KEY, data, meta_of(data))
        blob = await store.get(KEY)
        assert blob is not None
        before = store.generation
        assert await store.remove(KEY) is True
        assert store.generation > before
        assert await store.get(KEY) is None
        await store.put(KEY, b"other", meta_of(b"other"))
        with contextlib.suppress(Unavailable):
            assert await blob.read() == data
        assert await whole(store, KEY) == b"other"

    async def test_new_objects_leave_the_generation_alone(self, store: BlobStore) -> None:
        before = store.generation
        await store.put(KEY, b"a", meta_of(b"a"))
        await store.replace(LIST, b"a", meta_of(b"a"))
        await store.replace(LIST, b"b", meta_of(b"b"))
        assert await store.remove("example.com/other/@v/v1.0.0.mod") is False
        assert store.generation == before

    async def test_what_is_set_aside_is_absent_and_can_come_again(self, store: BlobStore) -> None:
        await store.put(KEY, b"abc", meta_of(b"abc", h1="h1:abc="))
        before = store.generation
        await store.set_aside(KEY, "somebody found it wrong")
        assert store.generation > before
        assert await store.get(KEY) is None
        assert await store.names("example.com/!upper/mod/@v") == []
        await store.put(KEY, b"xyz", meta_of(b"xyz"))
        assert await whole(store, KEY) == b"xyz"
        await store.set_aside("example.com/nothing/@v/v1.0.0.zip", "not there")

    async def test_names_are_sorted_and_leave_out_folders(self, store: BlobStore) -> None:
        for name in ("v1.0.0.zip", "v1.0.0.mod", "list", "v0.1.0.info"):
            await store.put(f"example.com/m/@v/{name}", b"x", meta_of(b"x", h1="h1:abc="))
        await store.put("example.com/m/@latest", b"x", meta_of(b"x"))
        await store.put("example.com/m/@v/deeper/x", b"x", meta_of(b"x"))
        assert await store.names("example.com/m/@v") == ["list", "v0.1.0.info", "v1.0.0.mod", "v1.0.0.zip"]
        assert await store.names("example.com/m") == ["@latest"]
        assert await store.names("example.com/m/@v/list") == []

    async def test_a_walk_meets_each_object_once_with_what_is_known_of_it(self, store: BlobStore) -> None:
        names = ("v1.0.0.zip", "v1.0.0.mod", "v0.1.0.info")
        for module in ("example.com/m", "example.com/m/deeper", "example.com/a!b"):
            for name in names:
                data = f"{module} {name}".encode()
                await store.put(f"{module}/@v/{name}", data, meta_of(data, h1="h1:abc=", verified="local"))
            await store.replace(f"{module}/@v/list", b"v1.0.0\n", meta_of(b"v1.0.0\n", stored_at=7.0))
        await store.put("sumdb/x/tile/8/0/000", b"t", meta_of(b"t"))
        met = await walked(store)
        assert len(met) == 13
        assert {each.key for each in met} == {
            f"{module}/@v/{name}"
            for module in ("example.com/m", "example.com/m/deeper", "example.com/a!b")
            for name in (*names, "list")
        } | {"sumdb/x/tile/8/0/000"}
        found = {each.key: each for each in met}
        zipped, listed = found["example.com/m/@v/v1.0.0.zip"], found["example.com/m/@v/list"]
        assert (zipped.size, zipped.stored_at, zipped.verified) == (24, 1000.5, "local")
        assert (zipped.mutable, listed.mutable) == (False, True)
        assert (listed.size, listed.stored_at) == (7, 7.0)
        assert all(each.used_at >= each.stored_at for each in met)

    async def test_a_walk_takes_a_beginning_of_keys(self, store: BlobStore) -> None:
        for key in ("a/m/@v/v1.0.0.mod", "a/m/@v/v1.1.0.mod", "a/mm/@v/list", "b/m/@v/v1.0.0.mod"):
            await store.put(key, b"x", meta_of(b"x"))
        for prefix, count in [
            ("", 4),
            ("a/", 3),
            ("a/m", 3),
            ("a/m/", 2),
            ("a/m/@v/v1.1", 1),
            ("a/m/@v/v1.1.0.mod", 1),
            ("c", 0),
            ("c/d/", 0),
        ]:
            met = await walked(store, prefix)
            assert len(met) == count, prefix
            assert all(each.key.startswith(prefix) for each in met)
        for prefix in ("../", "/", "a/../b", ".modgate/meta"):
            with pytest.raises(Invalid):
                await walked(store, prefix)

    async def test_a_walk_goes_folder_by_folder_and_bears_what_happens_meanwhile(
        self, store: BlobStore
    ) -> None:
        for number in range(1203):
            key = f"example.com/m{number % 3}/@v/v1.{number}.0.mod"
            await store.put(key, b"x", meta_of(b"x"))
        met: list[str] = []
        sizes: list[int] = []
        async for batch in store.walk():
            if not met:
                for number in range(2, 1203, 3):
                    await store.remove(f"example.com/m2/@v/v1.{number}.0.mod")
                await store.put("zzz.example/m/@v/v1.0.0.mod", b"x", meta_of(b"x"))
            sizes.append(len(batch))
            met += [each.key for each in batch]
        assert 0 < max(sizes) <= 500
        assert len(met) == len(set(met))
        assert {f"example.com/m{n % 3}/@v/v1.{n}.0.mod" for n in range(1203) if n % 3 != 2} <= set(met)
        folders = [key.rpartition("/")[0] for key in met]
        assert len(
            [1 for here, before in zip(folders, ["", *folders], strict=False) if here != before]
        ) == len(set(folders))
        assert met[:401] == sorted(met[:401])

    async def test_a_walk_meets_a_module_in_one_piece(self, store: BlobStore) -> None:
        keys = [
            f"a/{module}/{name}"
            for module in ("m", "m-x", "m/0/x", "m/!z", "m/sub", "n")
            for name in ("@latest", "@v/v1.0.0.info", "@v/v1.0.0.mod")
        ]
        for key in keys:
            await store.put(key, b"x", meta_of(b"x"))
        met = [each.key for each in await walked(store)]
        assert sorted(met) == sorted(keys)
        modules = [key.partition("/@")[0] for key in met]
        assert len([1 for here, before in zip(modules, ["", *modules], strict=False) if here != before]) == 6

    async def test_a_walk_may_be_left(self, store: BlobStore) -> None:
        for number in range(1100):
            await store.put(f"example.com/m/@v/v1.{number}.0.mod", b"x", meta_of(b"x"))
        async with contextlib.aclosing(store.walk()) as batches:
            async for _ in batches:
                break
        assert len(await walked(store)) == 1100

    async def test_a_folder_is_no_object(self, store: BlobStore) -> None:
        await store.put(KEY, b"x", meta_of(b"x"))
        assert await store.get("example.com/!upper") is None
        assert await store.get(f"{KEY}/below") is None
        assert await store.remove("example.com/!upper") is False

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "a/../b",
            "..",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\x1bb",
            "a\x7fb",
            "a\udc80b",
            ".modgate/format",
            "a/.ModGate/x",
            "a/" + "x" * 256,
            "a/" + "ü" * 128,
            "x/" * 1200 + "x",
            "example.com/m/@v/v1.0.0.ziphash",
        ],
    )
    async def test_a_key_that_could_leave_the_store_is_invalid(self, store: BlobStore, key: str) -> None:
        with pytest.raises(Invalid):
            await store.get(key)
        with pytest.raises(Invalid):
            await store.create(key)
        with pytest.raises(Invalid):
            await store.put(key, b"", meta_of(b""))
        with pytest.raises(Invalid):
            await store.replace(key, b"", meta_of(b""))
        with pytest.raises(Invalid):
            await store.remove(key)
        with pytest.raises(Invalid):
            await store.set_aside(key, "why")

    @pytest.mark.parametrize("key", ["x" * 255, "a/" + "ü" * 127, "a/b~c +d/@v/v1.0.0-x.y+incompatible.mod"])
    async def test_an_unusual_but_plain_key_is_fine(self, store: BlobStore, key: str) -> None:
        await store.put(key, b"x", meta_of(b"x"))
        assert await whole(store, key) == b"x"

    async def test_it_is_ready_until_it_is_closed(self, store: BlobStore) -> None:
        await store.ready()
        writer = await store.create(KEY)
        await writer.write(b"abc")
        await store.close()
        await store.close()
        with pytest.raises(Unavailable):
            await store.ready()
        with pytest.raises(Unavailable):
            await store.get(KEY)
        with pytest.raises(Unavailable):
            await store.put(KEY, b"x", meta_of(b"x"))
        with pytest.raises(Unavailable):
            await writer.commit(meta_of(b"abc"))
        await writer.abort()


def _read_along(read_at: object, size: int) -> bytes:
    """Everything written, in odd pieces, as a follower reads it."""
    assert callable(read_at)
    data = b""
    while len(data) < size:
        piece = read_at(len(data), 99_999)
        assert isinstance(piece, bytes)
        assert piece
        data += piece
    return data
