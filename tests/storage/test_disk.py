"""What the disk store does beyond the contract: layout, sidecars, possession, damage, cost."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Tampered, Unavailable
from modgate.storage import files as storage_files
from modgate.storage import ground, leaving, tree
from modgate.storage.disk import DiskStore
from modgate.storage.failures import explain
from modgate.storage.folder import FORMAT, take_folder
from modgate.storage.hands import Hands
from tests.contract.blob_store import KEY, LIST, body, meta_of, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parent.parent.parent
LARGE = 700_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[DiskStore]:
    store = await DiskStore.open(root, clock=lambda: 77.0)
    yield store
    await store.close()


async def reopened(store: DiskStore) -> DiskStore:
    await store.close()
    return await DiskStore.open(store.tree.root, clock=lambda: 77.0)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


# --- layout


async def test_the_folder_has_the_goproxy_layout_and_keeps_its_own_apart(
    store: DiskStore, root: Path
) -> None:
    await store.put(KEY, b"zip", meta_of(b"zip", h1="h1:abc="))
    await store.replace(LIST, b"v1.2.3\n", meta_of(b"v1.2.3\n"))
    await store.put("sumdb/sum.golang.org/tile/8/0/000", b"t", meta_of(b"t"))
    assert {name for name in files(root) if not name.startswith(".modgate")} == {
        KEY,
        KEY + "hash",
        LIST,
        "sumdb/sum.golang.org/tile/8/0/000",
    }
    assert (root / KEY).read_bytes() == b"zip"
    assert (root / f"{KEY}hash").read_bytes() == b"h1:abc="
    assert (root / ".modgate/format").read_text() == f"{FORMAT}\n"


async def test_a_zip_without_h1_gets_no_ziphash(store: DiskStore, root: Path) -> None:
    await store.put(KEY, b"zip", meta_of(b"zip"))
    assert KEY + "hash" not in files(root)


@pytest.mark.parametrize("how", ["remove", "set_aside"])
async def test_a_zip_that_goes_has_its_ziphash_as_long_as_it_stands(
    store: DiskStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    copies: list[Path] = []

    def unlink(path: str) -> None:
        storage_files.unlink(path)
        copies.append(Path(shutil.copytree(root, tmp_path / f"copy{len(copies)}")))

    monkeypatch.setattr(leaving, "unlink", unlink)
    await store.put(KEY, b"zip", meta_of(b"zip", h1="h1:abc="))
    await (store.remove(KEY) if how == "remove" else store.set_aside(KEY, "a reason"))
    assert len(copies) >= 2
    for copy in copies:  # as a kill at that moment leaves it
        await (await DiskStore.open(copy, clock=time.time)).close()
        assert (copy / KEY).exists() == (copy / f"{KEY}hash").exists()


@pytest.mark.parametrize("how", ["remove", "set_aside"])
async def test_what_goes_takes_its_ziphash_and_sidecar_along(store: DiskStore, root: Path, how: str) -> None:
    await store.put(KEY, b"zip", meta_of(b"zip", h1="h1:abc="))
    await (store.remove(KEY) if how == "remove" else store.set_aside(KEY, "a reason"))
    left = files(root) - {".modgate/format", ".modgate/lock"}
    kept = {".modgate/quarantine/77-0/v1.2.3.zip", ".modgate/quarantine/77-0/reason.json"}
    assert left == (set() if how == "remove" else kept)


async def test_the_quarantine_keeps_every_object_with_its_reason(store: DiskStore, root: Path) -> None:
    for number in range(3):
        await store.put(KEY, bytes([number]), meta_of(bytes([number])))
        await store.set_aside(KEY, f"reason {number}")
    for number in range(3):
        folder = root / f".modgate/quarantine/77-{number}"
        assert (folder / "v1.2.3.zip").read_bytes() == bytes([number])
        note = {"key": KEY, "reason": f"reason {number}", "at": 77.0}
        assert json.loads((folder / "reason.json").read_bytes()) == note


async def test_the_path_of_an_object_holds_its_bytes(store: DiskStore) -> None:
    blob = await store.put(KEY, b"zip", meta_of(b"zip"))
    assert blob.path is not None
    assert blob.path.read_bytes() == b"zip"


# --- sidecars


async def test_meta_survives_a_restart(store: DiskStore) -> None:
    await store.put(KEY, b"zip", meta_of(b"zip", h1="h1:abc="))
    store = await reopened(store)
    blob = await store.get(KEY)
    assert blob is not None
    assert blob.meta == meta_of(b"zip", h1="h1:abc=")
    await store.close()


@pytest.mark.parametrize("torn", [None, b"", b'{"key":"', b"\xff\xfe", b"[]", b'{"key":"other"}'])
@pytest.mark.parametrize("size", [10, LARGE])
async def test_a_missing_or_torn_sidecar_is_recomputed_from_the_bytes(
    store: DiskStore, root: Path, torn: bytes | None, size: int
) -> None:
    data = body(size)
    await store.put(KEY, data, meta_of(data, h1="h1:abc="))
    sidecar = root / ".modgate/meta" / KEY
    sidecar.unlink()
    if torn is not None:
        sidecar.write_bytes(torn)
    store = await reopened(store)
    blob = await store.get(KEY)
    assert blob is not None
    assert (blob.meta.sha256, blob.meta.size) == (meta_of(data).sha256, size)
    assert (blob.meta.verified, blob.meta.h1) == ("none", "")
    assert await blob.read() == data
    store = await reopened(store)
    again = await store.get(KEY)
    assert again is not None
    assert again.meta == blob.meta
    await store.close()


async def test_a_folder_filled_by_others_is_adopted(root: Path) -> None:
    (root / KEY).parent.mkdir(parents=True)
    (root / KEY).write_bytes(b"zip")
    store = await DiskStore.open(root, clock=time.time)
    blob = await store.get(KEY)
    assert blob is not None
    assert blob.meta.verified == "none"
    assert await blob.read() == b"zip"
    await store.close()


async def test_a_mutable_object_whose_sidecar_lags_is_described_anew(store: DiskStore, root: Path) -> None:
    await store.replace(LIST, b"v1\n", meta_of(b"v1\n"))
    old = (root / ".modgate/meta" / LIST).read_bytes()
    await store.replace(LIST, b"v1\nv2\n", meta_of(b"v1\nv2\n"))
    (root / ".modgate/meta" / LIST).write_bytes(old)  # as a power cut may leave it
    store = await reopened(store)
    blob = await store.get(LIST)
    assert blob is not None
    assert await blob.read() == b"v1\nv2\n"
    assert (blob.meta.sha256, blob.meta.verified) == (meta_of(b"v1\nv2\n").sha256, "none")
    await store.close()


async def test_a_restored_copy_with_other_times_keeps_what_was_proved(store: DiskStore, root: Path) -> None:
    await store.put(KEY, b"zip", meta_of(b"zip", h1="h1:abc="))
    os.utime(root / KEY, (1, 1))
    store = await reopened(store)
    blob = await store.get(KEY)
    assert blob is not None
    assert blob.meta == meta_of(b"zip", h1="h1:abc=")
    assert await blob.read() == b"zip"
    await store.close()


# --- damage


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize("damage", ["flip", "cut", "grow"])
@pytest.mark.parametrize("how", ["read", "verify"])
async def test_rot_is_found_quarantined_and_the_object_can_come_again(
    store: DiskStore, root: Path, size: int, damage: str, how: str
) -> None:
    data = body(size)
    await store.put(KEY, data, meta_of(data))
    path = root / KEY
    found = path.stat()
    bad = {"flip": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-1], "grow": data + b"x"}[damage]
    path.write_bytes(bad)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    blob = await store.get(KEY)
    assert blob is not None
    with pytest.raises(Tampered, match="SHA-256"):
        await (blob.read() if how == "read" else blob.verify())
    assert await store.get(KEY) is None
    assert store.generation == 1
    assert [path.read_bytes() for path in root.glob(".modgate/quarantine/*/v1.2.3.zip")] == [bad]
    await store.put(KEY, data, meta_of(data))
    assert await whole(store, KEY) == data


async def test_verify_reads_a_file_once_while_it_is_unchanged(store: DiskStore, root: Path) -> None:
    data = body(LARGE)
    await store.put(KEY, data, meta_of(data))
    blob = await store.get(KEY)
    assert blob is not None
    await blob.verify()
    found = (root / KEY).stat()
    with (root / KEY).open("r+b") as file:
        file.write(b"rot")
    os.utime(root / KEY, ns=(found.st_atime_ns, found.st_mtime_ns))
    await blob.verify()  # nothing tells that it changed
    os.utime(root / KEY)
    fresh = await store.get(KEY)
    assert fresh is not None
    with pytest.raises(Tampered):
        await fresh.verify()


async def test_a_large_blob_whose_file_was_replaced_is_unavailable(store: DiskStore) -> None:
    first, second = body(LARGE, 1), body(LARGE, 2)
    blob = await store.put(KEY, first, meta_of(first))
    await store.remove(KEY)
    await store.put(KEY, second, meta_of(second))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await blob.read()
        with pytest.raises(Unavailable):
            await anext(blob.chunks())
    assert await whole(store, KEY) == second


async def test_a_file_cut_while_it_is_streamed_is_unavailable(store: DiskStore, root: Path) -> None:
    data = body(LARGE)
    blob = await store.put(KEY, data, meta_of(data))
    chunks = blob.chunks()
    await anext(chunks)
    os.truncate(root / KEY, 300_000)
    with pytest.raises(Unavailable):
        async for _ in chunks:
            pass


# --- what stands in the way


async def test_symbolic_links_are_not_followed(store: DiskStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "@v").mkdir(parents=True)
    (outside / "@v/list").write_bytes(b"secret")
    (root / "example.com").mkdir()
    (root / "example.com/linked").symlink_to(outside)
    (root / "example.com/m/@v").mkdir(parents=True)
    (root / "example.com/m/@v/list").symlink_to(outside / "@v/list")
    for key in ("example.com/linked/@v/list", "example.com/m/@v/list"):
        with pytest.raises(Unavailable, match="symbolic link"):
            await store.get(key)
        with pytest.raises(Unavailable, match="symbolic link"):
            await store.put(key, b"x", meta_of(b"x"))
    with pytest.raises(Unavailable, match="symbolic link"):
        await store.put("example.com/linked/@v/v1.0.0.mod", b"x", meta_of(b"x"))
    with pytest.raises(Unavailable, match="symbolic link"):
        await store.names("example.com/linked/@v")
    assert files(outside) == {"@v/list"}
    assert (outside / "@v/list").read_bytes() == b"secret"


async def test_a_fifo_is_refused_without_waiting(store: DiskStore, root: Path) -> None:
    (root / "example.com").mkdir()
    os.mkfifo(root / "example.com/m")
    with pytest.raises(Unavailable, match="something else than a file"):
        await store.get("example.com/m")


async def test_a_file_in_place_of_a_folder_is_unavailable_for_writers(store: DiskStore) -> None:
    await store.put("example.com/m", b"x", meta_of(b"x"))
    with pytest.raises(Unavailable):
        await store.put("example.com/m/@v/list", b"x", meta_of(b"x"))
    assert await whole(store, "example.com/m") == b"x"


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        ("ENOSPC", "storage-full", "full"),
        ("EDQUOT", "storage-full", "full"),
        ("EROFS", "unreachable", "read-only"),
        ("EIO", "unreachable", "input/output"),
        ("EMFILE", "overloaded", "descriptor"),
        ("ENFILE", "overloaded", "descriptor"),
        ("EACCES", "unreachable", "permission"),
        ("ESTALE", "unreachable", "Stale"),
    ],
)
def test_each_error_of_the_system_says_what_to_do(number: str, kind: str, text: str) -> None:

    error = explain(OSError(getattr(errno, number), "x"), "cannot write", "/store")
    assert isinstance(error, Unavailable)
    assert error.kind == kind
    assert text in error.what
    assert error.where == "/store"


def test_a_name_the_file_system_cannot_take_is_invalid() -> None:

    assert isinstance(explain(OSError(errno.ENAMETOOLONG, "x"), "cannot write", "/store"), Unavailable)


# --- possession


async def test_a_second_server_is_told_who_holds_the_folder(root: Path) -> None:
    store = await DiskStore.open(root, clock=time.time, address="127.0.0.1:3000")
    with pytest.raises(Unavailable) as refused:
        await DiskStore.open(root, clock=time.time)
    assert refused.value.lines()[0] == (
        f"{root}: the store's folder is in use by pid {os.getpid()} at 127.0.0.1:3000"
    )
    await store.put(KEY, b"x", meta_of(b"x"))
    await store.close()
    again = await DiskStore.open(root, clock=time.time)
    assert await whole(again, KEY) == b"x"
    await again.close()


def test_another_process_is_refused_and_a_dead_one_holds_nothing(root: Path) -> None:
    code = (
        "import asyncio, sys, time; from pathlib import Path; from modgate.storage.disk import DiskStore\n"
        "async def main():\n"
        "    await DiskStore.open(Path(sys.argv[1]), clock=time.time)\n"
        "    print('open', flush=True); sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(Unavailable, match=f"pid {holder.pid}"):
            take_folder(root)
        holder.kill()
    os.close(take_folder(root))


async def test_temporary_files_of_a_dead_server_are_swept(root: Path) -> None:
    os.close(take_folder(root))
    for name in ("0", "1f", "2.meta", "format"):
        (root / ".modgate/tmp" / name).write_bytes(b"rest")
    store = await DiskStore.open(root, clock=time.time)
    assert files(root) == {".modgate/format", ".modgate/lock"}
    await store.close()


def test_a_file_in_place_of_the_folder_is_one_clear_line(root: Path) -> None:
    root.write_bytes(b"")
    for path in (root, root / "below"):
        with pytest.raises(Unavailable, match="is a file"):
            take_folder(path)


def test_a_folder_that_cannot_be_written_is_one_clear_line() -> None:
    with pytest.raises(Unavailable) as refused:
        take_folder(Path("/proc/modgate"))
    assert len(refused.value.lines()) <= 2
    assert "cannot make the store's folder" in str(refused.value)


@pytest.mark.parametrize("text", ["99\n", "0\n"])
def test_a_folder_of_another_format_is_refused(root: Path, text: str) -> None:
    os.close(take_folder(root))
    (root / ".modgate/format").write_text(text)
    for _ in range(2):  # the refusal gives the lock back
        with pytest.raises(Unavailable, match=f"has format {text.strip()}"):
            take_folder(root)


@pytest.mark.parametrize("text", ["", "one\n", "-1\n"])
def test_a_damaged_format_file_is_refused(root: Path, text: str) -> None:
    os.close(take_folder(root))
    (root / ".modgate/format").write_text(text)
    with pytest.raises(Unavailable, match="damaged"):
        take_folder(root)


def test_an_older_folder_is_migrated_step_by_step(root: Path) -> None:
    os.close(take_folder(root))
    (root / ".modgate/format").write_text("0\n")
    seen: list[Path] = []
    os.close(take_folder(root, migrations={FORMAT - 1: seen.append}))
    assert seen == [root]
    assert (root / ".modgate/format").read_text() == f"{FORMAT}\n"


async def test_folders_that_somebody_removed_are_made_again(store: DiskStore, root: Path) -> None:
    for turn, gone in enumerate(["example.com", ".modgate/meta/example.com", "example.com/m/@v"]):
        key = f"example.com/m/@v/v1.{turn}.0.zip"
        await store.put(key, b"first", meta_of(b"first"))
        shutil.rmtree(root / gone)
        for name in (key, f"{key[:-4]}.mod"):
            await store.put(name, b"second", meta_of(b"second", h1="h1:abc="))
            assert await whole(store, name) in {b"first", b"second"}
        assert (root / ".modgate/meta" / f"{key[:-4]}.mod").is_file()


async def test_only_what_no_database_proves_waits_for_its_folders(
    store: DiskStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(ground, "sync_folder", lambda path: synced.append(os.path.relpath(path, root)))
    monkeypatch.setattr(tree, "sync_data", lambda _: synced.append("data"))
    unproved = meta_of(b"t", verified="none")
    await store.put("sumdb/x/tile/8/0/000", b"t", meta_of(b"t"))
    assert synced == []
    await store.replace("sumdb/x/latest", b"t", meta_of(b"t"))
    await store.put("example.com/m/@v/v1.0.0.mod", b"t", meta_of(b"t"))
    assert synced == ["data", "data"]
    synced.clear()
    # The folders above were made by the proved one, which did not wait for them.
    await store.put("example.com/m/@v/v1.0.0.info", b"t", unproved)
    assert synced == ["data", "example.com/m/@v", "example.com/m", "example.com", "."]
    synced.clear()
    await store.put("example.com/m/@v/v1.1.0.info", b"t", unproved)
    assert synced == ["data", "example.com/m/@v"]
    synced.clear()
    shutil.rmtree(root / "example.com/m")
    await store.put("example.com/m/@v/v1.1.0.info", b"t", unproved)
    assert synced == ["data", "example.com/m/@v", "example.com/m", "example.com"]


async def test_the_first_writer_wins_where_names_cannot_be_given_once(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_files, "_renameat2", None)
    await store.put(KEY, b"first", meta_of(b"first"))
    writer = await store.create(KEY)
    await writer.write(body(LARGE))
    blob = await writer.commit(meta_of(body(LARGE)))
    await writer.aclose()
    assert await blob.read() == b"first"
    assert list((store.tree.root / ".modgate/tmp").iterdir()) == []


# --- cost


async def test_a_small_object_costs_one_trip_to_a_thread(store: DiskStore) -> None:
    trips = 0
    submit = store._threads.submit

    def counted(*args: object) -> object:
        nonlocal trips
        trips += 1
        return submit(*args)  # type: ignore[arg-type]

    store._threads.submit = counted  # type: ignore[method-assign,assignment]
    data = body(1000)
    await store.put(KEY, data, meta_of(data))
    assert trips == 1
    blob = await store.get(KEY)
    assert blob is not None
    await blob.verify()
    await blob.read()
    assert trips == 2
    writer = await store.create("example.com/m/@v/v1.0.0.zip")
    await writer.write(data)
    await writer.commit(meta_of(data))
    await writer.aclose()
    assert trips == 3


async def test_look_ups_do_not_wait_behind_checks(store: DiskStore) -> None:
    go_on = threading.Event()
    writers = [await store.create(f"example.com/m/@v/v1.{number}.0.zip") for number in range(8)]
    for writer in writers:
        await writer.write(body(LARGE))
    checks = [asyncio.create_task(writer.check(lambda _: go_on.wait())) for writer in writers]
    await asyncio.sleep(0)
    assert await store.get(KEY) is None
    go_on.set()
    assert await asyncio.gather(*checks) == [True] * 8
    for writer in writers:
        await writer.abort()


async def test_a_job_cancelled_before_its_turn_does_not_run() -> None:
    hands = Hands(1, "test")
    go_on, ran = threading.Event(), list[int]()
    first = hands.submit(go_on.wait)
    second = hands.submit(lambda: ran.append(2))
    third = hands.submit(lambda: ran.append(3))
    second.cancel()
    go_on.set()
    await asyncio.gather(first, third)
    with pytest.raises(ZeroDivisionError):
        await hands.submit(lambda: 1 // 0)
    last = hands.submit(lambda: ran.append(4))
    await hands.close()
    assert last.done()
    assert ran == [3, 4]


async def test_many_small_writes_reach_the_disk_in_large_pieces(root: Path) -> None:
    stages: list[str] = []
    store = await DiskStore.open(root, clock=time.time, stages=stages.append)
    data = body(1_000_000)
    writer = await store.create(KEY)
    for start in range(0, len(data), 1000):
        await writer.write(data[start : start + 1000])
    await writer.commit(meta_of(data))
    await writer.aclose()
    assert stages.count("flushed") == 4
    assert stages[-7:] == [
        "written",
        "synced",
        "meta",
        "folder",
        "linked",
        "described",
        "dirsynced",
    ]
    await store.close()


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  a count


async def test_descriptors_and_temporary_files_are_given_back(store: DiskStore, root: Path) -> None:
    before = _descriptors()
    data = body(LARGE)
    for turn in range(10):
        key = f"example.com/m/@v/v1.{turn}.0.zip"
        writer = await store.create(key)
        await writer.write(data)
        if turn % 3 == 0:
            await writer.commit(meta_of(data))
            await writer.aclose()
        elif turn % 3 == 1:
            await writer.abort()
        del writer  # a forgotten one, too
        blob = await store.get(key)
        if blob is not None:
            await anext(blob.chunks(), b"")
    gc.collect()
    for _ in range(10):  # the event loop closes generators that were forgotten
        await asyncio.sleep(0)
    assert _descriptors() <= before
    assert list((root / ".modgate/tmp").iterdir()) == []


async def test_a_write_cancelled_half_way_stores_nothing_and_leaks_nothing(
    store: DiskStore, root: Path
) -> None:
    before = _descriptors()
    data = body(LARGE)
    for turn in range(20):
        writer = await store.create(KEY)
        writing = asyncio.create_task(writer.write(data))
        for _ in range(turn % 4):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await writer.abort()
    assert await store.get(KEY) is None
    assert list((root / ".modgate/tmp").iterdir()) == []
    assert _descriptors() <= before


async def test_a_commit_cancelled_half_way_leaves_the_whole_object_or_none(
    store: DiskStore, root: Path
) -> None:
    for turn in range(20):
        key = f"example.com/m/@v/v1.{turn}.0.zip"
        data = body(LARGE if turn % 2 else 100, turn)
        writer = await store.create(key)
        await writer.write(data)
        committing = asyncio.create_task(writer.commit(meta_of(data)))
        for _ in range(turn % 5):
            await asyncio.sleep(0.0002)
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        await writer.aclose()
        assert await whole(store, key) in {None, data}
    store = await reopened(store)
    for turn in range(20):
        key = f"example.com/m/@v/v1.{turn}.0.zip"
        assert await whole(store, key) in {None, body(LARGE if turn % 2 else 100, turn)}
    assert list((root / ".modgate/tmp").iterdir()) == []
    await store.close()


def test_nothing_of_the_store_warns_at_exit(root: Path) -> None:
    code = (
        "import asyncio, sys, time; from pathlib import Path; from modgate.storage.disk import DiskStore\n"
        "async def main():\n"
        "    store = await DiskStore.open(Path(sys.argv[1]), clock=time.time)\n"
        "    writer = await store.create('a/b'); await writer.write(bytes(10**6))\n"
        "    await store.close(); await writer.aclose()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list((root / ".modgate/tmp").iterdir()) == []


async def test_a_close_that_is_cancelled_before_its_turn_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = await DiskStore.open(tmp_path, clock=time.time, threads=1)
    writer = await store.create("example.test/m/@v/v1.0.0.zip")
    await writer.write(bytes(1 << 20))
    temporary = tmp_path / ".modgate" / "tmp"
    assert list(temporary.iterdir())
    released = threading.Event()
    busy = asyncio.ensure_future(store.run(lambda: released.wait(10)))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(writer.aclose())
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    released.set()
    await busy
    await store.run(lambda: None)
    assert not list(temporary.iterdir())
    await store.close()
