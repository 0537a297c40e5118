"""`DirectSource` over repositories in memory: the endpoints, what is absent, what is asked once."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from modgate.errors import Absent, Denied, Unavailable
from modgate.gomod.modzip import check_zip
from modgate.gomod.protocol import Kind, checked
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model import Answer, Context
from modgate.model.twins import MemorySource
from modgate.source.bodies import close_body
from modgate.source.direct import DirectSource
from modgate.vcs.roots import RepositoryRoot
from tests.support.memory_repository import MemoryRepository

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.gomod.protocol import Request

CTX = Context()
ROOT = "example.com/repo"


class _Finder:
    """Knows roots by prefix; anything else is proved absent."""

    def __init__(self, *roots: RepositoryRoot) -> None:
        self.roots = roots
        self.asked = 0

    async def find(self, _ctx: Context, path: ModulePath) -> RepositoryRoot:
        self.asked += 1
        for root in self.roots:
            if path == root.root or path.startswith(f"{root.root}/"):
                return root
        raise Absent("no go-import meta tags", where=path)

    async def close(self) -> None:
        """Nothing is held."""


class _Other:
    """A source for other systems that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.closed = False

    async def answer(self, _ctx: Context, request: Request, root: RepositoryRoot) -> Answer:
        self.asked.append((request.path, root.vcs))
        return Answer(request, b"v1.0.0\n")

    async def close(self) -> None:
        self.closed = True


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _repository() -> MemoryRepository:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n", "LICENSE": "free", "a.go": "package repo\n"}, "v1.0.0")
    repository.commit({"sub/go.mod": f"module {ROOT}/sub\n", "sub/b.go": "package sub\n"}, "sub/v0.1.0")
    return repository


def _source(
    repository: MemoryRepository, finder: _Finder | None = None, scratch: Path | None = None
) -> DirectSource:
    found = finder or _Finder(RepositoryRoot(ROOT, "git", repository.url))
    return DirectSource(found, lambda _root: repository, clock=_Clock(), scratch=scratch)


async def _body(source: DirectSource, kind: Kind, path: str, version: str = "") -> bytes:
    answer = await source.fetch(CTX, checked(kind, path, version))
    if isinstance(answer.body, bytes):
        data = answer.body
    else:
        data = b"".join([piece async for piece in cast("AsyncIterator[bytes]", answer.body)])
    assert answer.size == len(data)
    return data


async def test_every_endpoint_is_answered_from_the_repository(tmp_path: Path) -> None:
    source = _source(_repository(), scratch=tmp_path)
    for path, version in ((ROOT, "v1.0.0"), (f"{ROOT}/sub", "v0.1.0")):
        assert await _body(source, Kind.LIST, path) == f"{version}\n".encode()
        assert json.loads(await _body(source, Kind.LATEST, path))["Version"] == version
        assert json.loads(await _body(source, Kind.INFO, path, version))["Version"] == version
        assert await _body(source, Kind.MOD, path, version) == f"module {path}\n".encode()
        data = await _body(source, Kind.ZIP, path, version)
        facts = check_zip(ModuleVersion(ModulePath(path), Version(version)), io.BytesIO(data))
        assert facts.files >= 3
        assert json.loads(await _body(source, Kind.QUERY, path, version[:2]))["Version"] == version
    assert not list(tmp_path.iterdir())


async def test_info_mod_and_zip_of_a_version_find_it_out_once() -> None:
    repository = _repository()
    source = _source(repository)
    for kind in (Kind.INFO, Kind.MOD, Kind.ZIP):
        await _body(source, kind, ROOT, "v1.0.0")
    asked = [method for method, _ in repository.asked]
    assert (asked.count("stat"), asked.count("read_file"), asked.count("files")) == (1, 1, 1)


async def test_many_who_ask_for_the_same_at_once_wait_for_one() -> None:
    repository = _repository()
    source = _source(repository)
    kinds = [Kind.INFO, Kind.MOD] * 8
    await asyncio.gather(*(_body(source, kind, ROOT, "v1.0.0") for kind in kinds))
    assert [method for method, _ in repository.asked].count("stat") == 1


async def test_what_a_version_is_is_not_remembered_for_ever_nor_across_scopes() -> None:
    repository, clock = _repository(), _Clock()
    finder = _Finder(RepositoryRoot(ROOT, "git", repository.url))
    source = DirectSource(finder, lambda _root: repository, clock=clock)
    request = checked(Kind.INFO, ROOT, "v1.0.0")
    for _ in range(2):
        await source.fetch(CTX, request)
    await source.fetch(replace(CTX, credential_scope="team"), request)
    clock.now = 10_000
    await source.fetch(CTX, request)
    assert [method for method, _ in repository.asked].count("stat") == 3


async def test_a_failure_is_not_remembered() -> None:
    repository = _repository()
    source = _source(repository)
    repository.broken = {"stat"}
    with pytest.raises(Unavailable):
        await _body(source, Kind.MOD, ROOT, "v1.0.0")
    repository.broken = set()
    assert await _body(source, Kind.MOD, ROOT, "v1.0.0")


@pytest.mark.parametrize(
    ("kind", "path", "version"),
    [
        (Kind.INFO, ROOT, "v1.0.1"),
        (Kind.MOD, ROOT, "v1.0.1"),
        (Kind.ZIP, ROOT, "v1.0.1"),
        (Kind.QUERY, ROOT, "no-such-branch"),
        (Kind.QUERY, ROOT, "v7"),
        (Kind.LIST, f"{ROOT}/nothing/here", ""),
        (Kind.LATEST, f"{ROOT}/nothing/here", ""),
        (Kind.LIST, f"{ROOT}/v2", ""),
        (Kind.LIST, "example.com/elsewhere", ""),
    ],
)
async def test_what_the_repository_proves_absent_is_absent(kind: Kind, path: str, version: str) -> None:
    with pytest.raises(Absent) as caught:
        await _body(_source(_repository()), kind, path, version)
    assert path in str(caught.value)


async def test_a_module_without_tags_has_an_empty_list() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"})
    assert await _body(_source(repository), Kind.LIST, ROOT) == b""


async def test_a_head_makes_no_zip() -> None:
    repository = _repository()
    source = _source(repository)
    answer = await source.fetch(replace(CTX, head=True), checked(Kind.ZIP, ROOT, "v1.0.0"))
    await close_body(answer)
    assert answer.size is None
    assert "files" not in [method for method, _ in repository.asked]
    with pytest.raises(Absent):
        await source.fetch(replace(CTX, head=True), checked(Kind.ZIP, ROOT, "v1.0.1"))


async def test_the_circumstances_reach_the_repository() -> None:
    class Mirrored(MemoryRepository):
        async def stat(self, ctx: Context, revision: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
            if not ctx.fetch:
                raise Absent(f"{revision} is not mirrored here, and nothing may be fetched")
            return await super().stat(ctx, revision)

    repository = Mirrored()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    source = _source(repository)
    with pytest.raises(Absent, match="nothing may be fetched"):
        await source.fetch(replace(CTX, fetch=False), checked(Kind.INFO, ROOT, "v1.0.0"))


async def test_other_systems_and_proxies_named_by_pages_have_sources_of_their_own() -> None:
    finder = _Finder(
        RepositoryRoot("example.com/hg", "hg", "https://example.com/hg"),
        RepositoryRoot("example.com/mod", "mod", "https://proxy.example.com"),
    )
    bare = DirectSource(finder, lambda _root: MemoryRepository(), clock=_Clock())
    for path, word in (("example.com/hg", "hg"), ("example.com/mod", r"proxy\.example\.com")):
        with pytest.raises((Unavailable, Denied), match=word):
            await bare.fetch(CTX, checked(Kind.LIST, path))
    other, proxy = _Other(), MemorySource({"example.com/mod/@v/list": b"v2.0.0\n"})
    named: list[str] = []

    def open_proxy(url: str) -> MemorySource:
        named.append(url)
        return proxy

    source = DirectSource(
        finder, lambda _root: MemoryRepository(), other=other, proxies=open_proxy, clock=_Clock()
    )
    assert (await source.fetch(CTX, checked(Kind.LIST, "example.com/hg/sub"))).body == b"v1.0.0\n"
    assert (await source.fetch(CTX, checked(Kind.LIST, "example.com/mod"))).body == b"v2.0.0\n"
    assert other.asked == [("example.com/hg/sub", "hg")]
    assert named == ["https://proxy.example.com"]
    await source.close()
    assert other.closed
