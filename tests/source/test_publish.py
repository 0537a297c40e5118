"""Publishing: once, whole, checked, and for ever."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Conflict, Denied, Invalid, ModgateError, TooLarge, Unavailable
from modgate.gomod import modzip
from modgate.gomod.protocol import Kind, Request, checked
from modgate.gomod.types import ModulePath
from modgate.ledger.memory import MemoryLedger
from modgate.model import Answer, BlobMeta, Context, VerificationRecord
from modgate.source import upload
from modgate.source.bodies import small_body
from modgate.source.publish import Published, Publisher
from modgate.source.published import PublishedAside, PublishedSource
from modgate.storage.memory import MemoryStore
from tests.gomod.test_tartree import special, tar
from tests.gomod.zip_cases import CASES, Case
from tests.source.publishing import PATH, Steps, gzipped, pieces, tarred, tree, version, zipped
from tests.support.modules import go_mod_h1, make_zip, zip_h1
from tests.support.sources import Clock, ScriptedSource, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.gomod.types import ModuleVersion
    from modgate.model import BlobStore

CTX = Context()


@dataclass
class Bench:
    """A publisher over twins, and what it told."""

    store: BlobStore
    ledger: MemoryLedger
    clock: Clock = field(default_factory=Clock)
    logged: list[tuple[str, str, str, bool]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    alerts: list[tuple[str, str, str]] = field(default_factory=list)
    log_error: ModgateError | None = None

    def publisher(self, store: BlobStore | None = None) -> Publisher:
        return Publisher(
            store or self.store,
            self.ledger,
            clock=self.clock,
            patterns="corp.example,gopkg.in,example.com/m",
            logged=self._log,
            forget=self._forget,
            alert=lambda *told: self.alerts.append(told),
        )

    async def _log(self, of: ModuleVersion, h1: str, h1_mod: str) -> None:
        visible = await self.store.get(Request.exact(Kind.INFO, of).url_path) is not None
        self.logged.append((str(of), h1, h1_mod, visible))
        if self.log_error is not None:
            raise self.log_error

    async def _forget(self, path: ModulePath) -> None:
        self.forgotten.append(path)

    async def put(
        self,
        of: ModuleVersion,
        data: bytes,
        media_type: str = "application/zip",
        store: BlobStore | None = None,
    ) -> Published:
        return await self.publisher(store).publish(of, pieces(data), media_type=media_type, principal="ci")

    async def ask(self, kind: str, text: str = "", path: str = PATH) -> str:
        answer = await self.fetch(kind, text, path)
        body = await small_body(answer)
        return body.decode()

    async def fetch(self, kind: str, text: str = "", path: str = PATH) -> Answer:
        return await PublishedSource(self.store, self.ledger).fetch(CTX, checked(Kind(kind), path, text))

    def stored(self) -> list[str]:
        return sorted(self.store._objects)  # type: ignore[attr-defined]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    store = MemoryStore(64 << 20)
    made = Bench(store, MemoryLedger(clock=Clock()))
    yield made
    used = sum(len(blob.data) for blob in store._objects.values())
    assert store.used == used, "a temporary object was left behind"
    await store.close()


async def test_a_published_version_is_served_with_its_sums(bench: Bench) -> None:
    data = zipped(version())
    done = await bench.put(version(), data)
    assert done == Published(version(), zip_h1(data), go_mod_h1(tree()["go.mod"]), len(data), created=True)
    assert await bench.ask("list") == "v1.0.0\n"
    info = json.loads(await bench.ask("info", "v1.0.0"))
    assert info == {"Version": "v1.0.0", "Time": "1970-01-12T13:46:40Z"}
    assert await bench.ask("mod", "v1.0.0") == tree()["go.mod"].decode()
    assert (
        await bench.ask("latest") == await bench.ask("query", "v1") == json.dumps(info, separators=(",", ":"))
    )
    answer = await bench.fetch("zip", "v1.0.0")
    assert await small_body(answer) == data
    assert answer.verified == "local"
    assert bench.logged == [(f"{PATH}@v1.0.0", done.h1, done.h1_mod, False)]
    assert bench.forgotten == [PATH]


async def test_the_same_content_again_is_a_success_that_changes_nothing(bench: Bench) -> None:
    first = await bench.put(version(), zipped(version()))
    before = [(key, (await bench.store.get(key)).meta) for key in bench.stored()]  # type: ignore[union-attr]
    bench.clock.now += 1000
    # Other bytes, the same files.
    again = await bench.put(
        version(), make_zip({f"{version()}/{k}": v for k, v in tree().items()}, store=True)
    )
    assert (again.h1, again.size, again.created) == (first.h1, first.size, False)
    assert [(key, (await bench.store.get(key)).meta) for key in bench.stored()] == before  # type: ignore[union-attr]
    assert len(bench.logged) == 2


async def test_other_content_is_a_conflict_that_names_what_stands(bench: Bench) -> None:
    first = await bench.put(version(), zipped(version()))
    with pytest.raises(Conflict, match="other content") as caught:
        await bench.put(version(), zipped(version(), tree(more_go="package lib\n")))
    assert first.h1 in caught.value.what
    assert await bench.ask("list") == "v1.0.0\n"
    assert (await bench.fetch("zip", "v1.0.0")).body.meta.h1 == first.h1  # type: ignore[union-attr]
    assert [kind for kind, _, _ in bench.alerts] == ["publish-conflict"]
    assert "by ci" in bench.alerts[0][2]


@pytest.mark.parametrize("kind", ["zip", "mod"])
async def test_what_the_ledger_saw_by_another_way_stands(bench: Bench, kind: str) -> None:
    await bench.ledger.first_seen(VerificationRecord(version(), kind, "h1:other=", "none", 5.0))
    with pytest.raises(Conflict, match="h1:other="):
        await bench.put(version(), zipped(version()))
    assert bench.stored() == []
    other = "mod" if kind == "zip" else "zip"
    assert await bench.ledger.seen(version(), other) is None


async def test_a_stored_zip_that_the_ledger_forgot_stands(bench: Bench) -> None:
    first = await bench.put(version(), zipped(version()))
    bench.ledger = MemoryLedger(clock=bench.clock)
    with pytest.raises(Conflict, match="the module stored"):
        await bench.put(version(), zipped(version(), tree(more_go="package lib\n")))
    assert await bench.ledger.seen(version(), "zip") is None
    assert (await bench.put(version(), zipped(version()))).h1 == first.h1


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_every_hostile_zip_is_refused_and_leaves_nothing(bench: Bench, case: Case) -> None:
    of = version(path="example.com/m")
    if case.verdict == "good":
        assert (await bench.put(of, case.data)).created
        return
    with pytest.raises(Invalid) as caught:
        await bench.put(of, case.data)
    assert caught.value.malformed
    assert bench.stored() == []
    assert await bench.ledger.seen(of, "zip") is None
    assert bench.logged == []


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"go.mod": b"module corp.example/other\n"}, "is that of"),
        ({"go.mod": b"module (\n"}, "go.mod"),
        ({"go.mod": b"go 1.21\n"}, "no module line"),
    ],
)
async def test_a_go_mod_that_is_not_the_modules_is_refused(
    bench: Bench, files: dict[str, bytes], why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        await bench.put(version(), zipped(version(), files))
    assert bench.stored() == []


async def test_a_module_without_go_mod_gets_the_line_that_go_gives_it(bench: Bench) -> None:
    await bench.put(version(), zipped(version(), {"lib.go": b"package lib\n"}))
    assert await bench.ask("mod", "v1.0.0") == f"module {PATH}\n"


async def test_only_modules_that_may_be_published_are_taken_and_the_body_stays_unread(bench: Bench) -> None:
    body = pieces(b"x")
    with pytest.raises(Denied, match="may not be published"):
        await bench.publisher().publish(version(path="other.example/lib"), body)
    assert await anext(body) == b"x"
    await body.aclose()


async def test_a_module_whose_route_takes_it_from_elsewhere_is_not_taken(bench: Bench) -> None:
    body = pieces(b"x")
    publisher = Publisher(
        bench.store,
        bench.ledger,
        clock=bench.clock,
        patterns="corp.example",
        served=lambda path: path != PATH,
    )
    with pytest.raises(Denied, match="would not be served"):
        await publisher.publish(version(), body)
    await body.aclose()


@pytest.mark.parametrize("pack", [tarred, gzipped])
async def test_a_tree_gives_the_zip_that_go_would_make_of_the_folder(bench: Bench, pack: object) -> None:
    files = tree() | {
        "a/b.go": b"package b\n",
        "sub/go.mod": b"module x\n",
        "sub/x.go": b"package x\n",
        "vendor/x/x.go": b"package x\n",
        ".git/config": b"[core]\n",
        "big.bin": bytes(range(256)) * 3000,
    }
    done = await bench.put(version(), pack(files), "application/x-tar")  # type: ignore[operator]
    kept = {name: data for name, data in files.items() if not name.startswith(("sub/", "vendor/", ".git/"))}
    assert done.h1 == zip_h1(zipped(version(), kept))
    stored = await small_body(await bench.fetch("zip", "v1.0.0"))
    assert zip_h1(stored) == done.h1
    assert done.size == len(stored)


async def test_links_and_devices_of_a_tree_are_left_out(bench: Bench) -> None:
    data = tar(
        *tree().items(), special("link", b"2", "/etc/passwd"), special("dev", b"3"), special("fifo", b"6")
    )
    assert (await bench.put(version(), data, "application/x-tar")).h1 == zip_h1(zipped(version()))


@pytest.mark.parametrize(
    ("data", "media_type", "why"),
    [
        (tar(*tree().items(), ("../up.go", b"x")), "application/x-tar", "plain relative"),
        (tar(*tree().items(), ("/etc/passwd", b"x")), "application/x-tar", "plain relative"),
        (tar(*tree().items(), special("hard", b"1", "go.mod")), "application/x-tar", "hard link"),
        (tar(*tree().items(), ("aux.go", b"x")), "application/x-tar", "Windows"),
        (tar(*tree().items(), ("a.go", b"x"), ("A.go", b"x")), "application/x-tar", "case-insensitive"),
        (tarred(tree())[:700], "application/x-tar", "cut short"),
        (gzipped(tree())[:-9], "application/x-tar", "cut short"),
        (gzipped(tree()) + b"more", "application/x-tar", "behind the end"),
        (gzipped(tree()) * 2, "application/x-tar", "behind the end"),
        (b"\x1f\x8b" + b"x" * 600, "application/gzip", "damaged"),
        (zipped(version()), "application/x-tar", "is a zip, but"),
        (tarred(tree()), "application/zip", "is a tar, but"),
        (gzipped(tree()), "application/zip", "is a gzipped tar, but"),
        (zipped(version()), "multipart/form-data; boundary=x", "is no module"),
        (b"<html>", "", "neither a zip nor a tar"),
        (b"", "", "neither a zip nor a tar"),
    ],
)
async def test_a_body_that_is_no_module_is_refused(
    bench: Bench, data: bytes, media_type: str, why: str
) -> None:
    with pytest.raises(Invalid, match=why) as caught:
        await bench.put(version(), data, media_type)
    assert caught.value.malformed
    assert bench.stored() == []


@pytest.mark.parametrize("media_type", ["", "application/octet-stream", "Application/ZIP; x=y"])
async def test_the_first_bytes_tell_what_it_is(bench: Bench, media_type: str) -> None:
    data = zipped(version())
    done = await bench.publisher().publish(version(), pieces(data, 1), media_type=media_type)
    assert done.created


async def test_bodies_above_the_limits_end_where_the_limit_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_TAR", 1 << 20)
    monkeypatch.setattr(modzip, "MAX_ZIP_FILE", 1 << 19)
    bomb = gzip.compress(tarred(tree() | {"big": bytes(8 << 20)}))
    assert len(bomb) < 1 << 16
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield zipped(version())[:30]
        while True:
            sent += 1 << 16
            yield bytes(1 << 16)

    for data, media_type in ((pieces(bomb), "application/gzip"), (endless(), "application/zip")):
        with pytest.raises(TooLarge):
            await bench.publisher().publish(version(), data, media_type=media_type)
    assert sent <= (1 << 19) + (2 << 16)
    assert bench.stored() == []


async def test_a_body_that_breaks_off_leaves_nothing(bench: Bench) -> None:
    class Gone(Exception):
        pass

    async def breaking() -> AsyncIterator[bytes]:
        yield zipped(version(), tree() | {"big": bytes(range(256)) * 4000})[:5000]
        raise Gone

    with pytest.raises(Gone):
        await bench.publisher().publish(version(), breaking())
    assert bench.stored() == []


async def test_of_many_at_once_with_one_content_one_creates_and_all_succeed(bench: Bench) -> None:
    publisher = bench.publisher(Steps(bench.store, 1 << 30))
    done = await asyncio.gather(
        *(publisher.publish(version(), pieces(zipped(version()), 50)) for _ in range(12))
    )
    assert sum(each.created for each in done) == 1
    assert len({each.h1 for each in done}) == 1
    assert publisher._locks == {}


async def test_of_many_at_once_with_two_contents_one_content_wins(bench: Bench) -> None:
    publisher = bench.publisher()
    bodies = [zipped(version(), tree(one_go=f"package lib // {number % 2}\n")) for number in range(12)]
    done = await asyncio.gather(
        *(publisher.publish(version(), pieces(body, 50)) for body in bodies), return_exceptions=True
    )
    won = [each for each in done if isinstance(each, Published)]
    assert len(won) == 6
    assert len({each.h1 for each in won}) == 1
    assert all(isinstance(each, Published | Conflict) for each in done)


async def listed(bench: Bench) -> list[str]:
    try:
        return (await bench.ask("list")).split()
    except Absent:
        return []


async def test_a_publish_that_died_at_any_step_is_invisible_and_completed_by_the_same_content(
    bench: Bench,
) -> None:
    for step in range(1, 20):
        of = version(f"v1.0.{step}")
        before = await listed(bench)
        steps = Steps(bench.store, step)
        try:
            await bench.put(of, zipped(of), store=steps)
        except Unavailable:
            pass
        else:
            assert steps.changes[0].startswith("create"), steps.changes
            assert step > 4
            return
        visible = any("replace" in change for change in steps.changes)
        if not visible:
            # From the ledger's word on it exists, and cannot be had: that is no absence.
            claimed = await bench.ledger.seen(of, "zip") is not None
            for kind in ("info", "mod", "zip"):
                with pytest.raises(Unavailable if claimed else Absent):
                    await bench.fetch(kind, of.version)
            assert await listed(bench) == before
        # What was claimed stays claimed, and its time stays.
        bench.clock.now += 1000
        done = await bench.put(of, zipped(of))
        assert done.created is not visible
        seen = await bench.ledger.seen(of, "zip")
        assert seen is not None
        assert seen.h1 == done.h1
        time = datetime.fromtimestamp(seen.first_seen, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert json.loads(await bench.ask("info", of.version))["Time"] == time
        assert of.version in (await bench.ask("list")).split()
    pytest.fail("no end")


async def test_a_cut_publish_belongs_to_its_content(bench: Bench) -> None:
    steps = Steps(bench.store, 2)
    with pytest.raises(Unavailable):
        await bench.put(version(), zipped(version()), store=steps)
    with pytest.raises(Conflict):
        await bench.put(version(), zipped(version(), tree(more_go="package lib\n")))
    assert (await bench.put(version(), zipped(version()))).created


async def test_a_version_is_not_visible_before_the_log_has_it(bench: Bench) -> None:
    bench.log_error = Unavailable("the log is locked")
    with pytest.raises(Unavailable, match="locked"):
        await bench.put(version(), zipped(version()))
    with pytest.raises(Unavailable, match="known to this gate"):
        await bench.fetch("info", "v1.0.0")
    with pytest.raises(Absent):
        await bench.fetch("list")
    bench.log_error = None
    assert (await bench.put(version(), zipped(version()))).created


async def test_damaged_objects_are_not_absent_and_the_same_content_restores_them(bench: Bench) -> None:
    await bench.put(version(), zipped(version()))
    for kind in ("zip", "mod", "info"):
        await bench.store.remove(checked(Kind(kind), PATH, "v1.0.0").url_path)
        with pytest.raises(Unavailable, match="damaged or gone"):
            await bench.fetch(kind, "v1.0.0")
        await bench.put(version(), zipped(version()))
        assert await bench.ask("info", "v1.0.0") == '{"Version":"v1.0.0","Time":"1970-01-12T13:46:40Z"}'


async def test_a_version_that_the_ledger_knows_is_not_absent_from_a_store_that_was_restored(
    bench: Bench,
) -> None:
    await bench.put(version(), zipped(version()))
    for key in bench.stored():
        await bench.store.remove(key)
    for kind in ("info", "mod", "zip"):
        with pytest.raises(Unavailable, match="known to this gate") as caught:
            await bench.fetch(kind, "v1.0.0")
        assert "same content again" in caught.value.next_step
        with pytest.raises(Absent):
            await bench.fetch(kind, "v1.0.1")
    with pytest.raises(Absent):
        await bench.fetch("list")
    assert (await bench.put(version(), zipped(version()))).created
    assert await bench.ask("list") == "v1.0.0\n"


async def put_raw(bench: Bench, kind: str, data: bytes, text: str = "") -> None:
    """As another source left it."""
    meta = BlobMeta(sha256=hashlib.sha256(data).hexdigest(), size=len(data), stored_at=1.0)
    key = checked(Kind(kind), PATH, text).url_path
    await (bench.store.put if text else bench.store.replace)(key, data, meta)


async def test_what_version_control_left_of_a_version_does_not_publish_it(bench: Bench) -> None:
    await put_raw(bench, "info", b'{"Version":"v1.5.0","Origin":{"VCS":"git"}}', "v1.5.0")
    await put_raw(bench, "mod", tree()["go.mod"], "v1.5.0")
    await put_raw(bench, "list", b"v1.4.0\nv1.5.0\n")
    for kind in ("list", "latest"):
        with pytest.raises(Absent, match="nothing of this module"):
            await bench.fetch(kind)
    await bench.put(version(), zipped(version()))
    assert await bench.ask("list") == "v1.0.0\n"
    assert json.loads(await bench.ask("latest"))["Version"] == "v1.0.0"
    assert json.loads(await bench.ask("query", "v1"))["Version"] == "v1.0.0"
    for kind in ("info", "mod", "zip"):
        for text in ("v1.4.0", "v1.5.0"):
            with pytest.raises(Absent, match="not published here"):
                await bench.fetch(kind, text)


async def test_publishing_replaces_the_info_that_version_control_left(bench: Bench) -> None:
    await put_raw(bench, "info", b'{"Version":"v1.0.0","Origin":{"VCS":"git"}}', "v1.0.0")
    bench.log_error = Unavailable("the log is locked")
    with pytest.raises(Unavailable, match="locked"):
        await bench.put(version(), zipped(version()))
    with pytest.raises(Absent):
        await bench.fetch("list")
    bench.log_error = None
    assert (await bench.put(version(), zipped(version()))).created
    assert "Origin" not in await bench.ask("info", "v1.0.0")


async def test_a_version_without_its_info_is_the_newest_all_the_same(bench: Bench) -> None:
    for text in ("v1.0.0", "v1.1.0"):
        await bench.put(version(text), zipped(version(text)))
    await bench.store.remove(checked(Kind.INFO, PATH, "v1.1.0").url_path)
    assert await bench.ask("list") == "v1.0.0\nv1.1.0\n"
    for kind, text in (("latest", ""), ("query", "v1")):
        with pytest.raises(Unavailable, match="damaged or gone"):
            await bench.fetch(kind, text)


async def test_lists_latest_and_queries_are_of_what_is_published(bench: Bench) -> None:
    for text in ("v1.0.0", "v1.1.0", "v1.2.0-rc.1", "v0.9.0"):
        await bench.put(version(text), zipped(version(text)))
    assert await bench.ask("list") == "v0.9.0\nv1.0.0\nv1.1.0\nv1.2.0-rc.1\n"
    for asked, found in {"v1": "v1.1.0", "v1.0": "v1.0.0", "v0": "v0.9.0", "<v1.0.0": "v0.9.0"}.items():
        request = Request(Kind.QUERY, ModulePath(PATH), asked)
        answer = await PublishedSource(bench.store, bench.ledger).fetch(CTX, request)
        assert json.loads(await small_body(answer))["Version"] == found
    assert json.loads(await bench.ask("latest"))["Version"] == "v1.1.0"
    for kind, text in (("query", "main"), ("query", "v3"), ("info", "v1.9.9"), ("zip", "v1.9.9")):
        with pytest.raises(Absent):
            await bench.fetch(kind, text)
    with pytest.raises(Absent, match="nothing of this module"):
        await bench.fetch("list", path="corp.example/unknown")


async def test_the_stored_list_serves_readers_of_the_folder_and_keeps_what_it_had(bench: Bench) -> None:
    await bench.put(version("v1.0.0"), zipped(version("v1.0.0")))
    await bench.put(version("v1.1.0"), zipped(version("v1.1.0")))
    blob = await bench.store.get(checked(Kind.LIST, PATH).url_path)
    assert blob is not None
    assert await blob.read() == b"v1.0.0\nv1.1.0\n"
    assert blob.meta.stored_at == 0.0, "a list of what was published here says nothing of other sources"


async def test_published_modules_go_past_the_cache_and_others_through_it(bench: Bench) -> None:
    inner = ScriptedSource()
    aside = PublishedAside(inner, PublishedSource(bench.store, bench.ledger), lambda path: path == PATH)
    with pytest.raises(Absent):
        await aside.fetch(CTX, checked(Kind.LIST, PATH))
    with pytest.raises(Absent):
        await aside.fetch(CTX, checked(Kind.LIST, "example.com/other"))
    await bench.put(version(), zipped(version()))
    answer = await aside.fetch(CTX, checked(Kind.LIST, PATH))
    assert await small_body(answer) == b"v1.0.0\n"
    await settled()
    assert PATH not in str(inner.__dict__)
    await aside.close()
