"""The parts of version control as a configuration builds them: from a module path to bytes, over HTTP."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

import pytest

from modgate.config import Config
from modgate.errors import Absent, Unavailable
from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from modgate.wiring.vcs import open_direct, reach_of
from tests.support.git_http import Answer, GitServer
from tests.support.git_repos import GitRepo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX programs")

CTX = Context()
MODULE = "corp.example/lib"


def _config(store: Path | str, **vcs: Any) -> Config:
    return Config(
        store=str(store),  # type: ignore[arg-type]
        upstream="off",
        sumdb=("off",),
        vcs={"insecure": "corp.example/*", **vcs},  # type: ignore[arg-type]
        routes=({"match": "git.corp.example/*,*.zone.example,corp.example/only", "source": "direct"},),  # type: ignore[arg-type]
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    repo = GitRepo(tmp_path / "served" / "lib.git")
    repo.commit({"go.mod": f"module {MODULE}\n", "lib.go": "package lib\n"}, tags=["v1.0.0"])
    repo.save()
    with GitServer(tmp_path / "served") as running:
        yield running


async def test_a_module_comes_over_http_and_its_mirror_is_in_the_store(
    server: GitServer, tmp_path: Path
) -> None:
    config = _config(tmp_path / "store", repositories={MODULE: f"{server.url}/lib.git"})
    async with open_direct(config) as source:
        answer = await source.fetch(CTX, checked(Kind.LIST, MODULE))
        assert answer.body == b"v1.0.0\n"
        answer = await source.fetch(CTX, checked(Kind.INFO, MODULE, "v1.0.0"))
        info = json.loads(cast("bytes", answer.body))
        assert info["Origin"]["URL"] == f"{server.url}/lib.git"
        answer = await source.fetch(CTX, checked(Kind.ZIP, MODULE, "v1.0.0"))
        data = b"".join([piece async for piece in cast("AsyncIterator[bytes]", answer.body)])
        assert len(data) == answer.size
        with pytest.raises(Absent):
            await source.fetch(CTX, checked(Kind.INFO, MODULE, "v1.0.1"))
    assert list((tmp_path / "store" / ".modgate" / "vcs").glob("*/trees.git"))


async def test_a_store_in_memory_has_a_mirror_that_goes_away(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    config = _config("memory:", repositories={MODULE: f"{server.url}/lib.git"})
    async with open_direct(config) as source:
        await source.fetch(CTX, checked(Kind.LIST, MODULE))
        assert list((tmp_path / "temporary").iterdir())
    assert not list((tmp_path / "temporary").iterdir())


async def test_a_server_that_is_gone_is_broken_and_what_is_mirrored_is_still_served(
    server: GitServer, tmp_path: Path
) -> None:
    config = _config(tmp_path / "store", repositories={MODULE: f"{server.url}/lib.git"})
    async with open_direct(config) as source:
        await source.fetch(CTX, checked(Kind.MOD, MODULE, "v1.0.0"))
    server.answer = lambda _seen: Answer(503)
    async with open_direct(config) as source:
        with pytest.raises(Unavailable):
            await source.fetch(CTX, checked(Kind.QUERY, MODULE, "main"))
        answer = await source.fetch(CTX, checked(Kind.MOD, MODULE, "v1.0.0"))
        assert answer.body == f"module {MODULE}\n".encode()


def test_the_hosts_that_the_operator_named_are_let_in_and_no_other(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        repositories={
            "a.example/x": "ssh://git@inside.example:2222/x",
            "b.example/y": "git@scp.example:y.git",
        },
        internal_hosts="*.lan,10.0.0.7:8443",
    )
    reach = reach_of(config, "named.example")
    for host, port in (
        ("git.corp.example", 443),
        ("x.zone.example", 22),
        ("corp.example", 443),
        ("inside.example", 2222),
        ("scp.example", 22),
        ("git.lan", 443),
        ("10.0.0.7", 8443),
        ("named.example", 1),
    ):
        assert reach.allows(host, port), host
    for host, port in (
        ("inside.example", 443),
        ("10.0.0.7", 443),
        ("zone.example", 443),
        ("elsewhere.example", 443),
    ):
        assert not reach.allows(host, port), host
