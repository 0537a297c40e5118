"""Who may write a page cannot have the gate fetch, with the operator's keys, what is the operator's alone.

`evil.example` is anybody's host: its pages come over an HTTP proxy that the test is. The company's repository
wants a token, and the gate has it for the modules of a private route.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from modgate.config import Config
from modgate.errors import Denied, Unavailable
from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from modgate.source.confided import address_as_name
from modgate.transport.reach import Reach
from modgate.wiring.vcs import open_direct
from tests.support.certificates import certificate
from tests.support.git_http import GitServer
from tests.support.git_repos import GitRepo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX programs")

CTX = Context()
TOKEN = "glpat-s3cretT0kenOfTheGate"
MODULE = "go.corp.example/secret"
FOREIGN = "evil.example/x"


@pytest.fixture
def corp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """The company's server: https, a token."""
    repo = GitRepo(tmp_path / "served" / "secret.git")
    repo.commit({"go.mod": f"module {MODULE}\n", "secret.go": "package secret\n"}, tags=["v1.0.0"])
    repo.save()
    tls = certificate(tmp_path / "tls")
    for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        monkeypatch.setenv(name, str(tls[0]))
    with GitServer(tmp_path / "served", certificate=tls, users={"git": TOKEN}) as running:
        yield running


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """Every host's pages."""
    with GitServer(tmp_path) as running:
        monkeypatch.setenv("http_proxy", running.url)
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        yield running


def _config(tmp_path: Path, corp: GitServer, **more: Any) -> Config:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    known: dict[str, Any] = {
        "store": str(tmp_path / "store"),
        "upstream": "off",
        "sumdb": ("off",),
        "credentials": ({"host": corp.netloc, "token_file": str(token)},),
        "routes": ({"match": "go.corp.example/*", "source": "direct"},),
        "vcs": {"insecure": "evil.example/*,go.corp.example/*", "internal_hosts": corp.netloc},
    }
    tls = {"cert": "/c", "key": "/k", "client_ca": "/ca"} if "routes" in more else {}
    return Config(**(known | more | {"tls": tls}))


def _names(pages: GitServer, path: str, root: str, repository: str, vcs: str = "git") -> None:
    pages.pages[path] = f'<meta name="go-import" content="{root} {vcs} {repository}">'


async def test_a_private_modules_page_may_name_the_companys_repository(
    tmp_path: Path, corp: GitServer, pages: GitServer
) -> None:
    _names(pages, "/secret", MODULE, f"{corp.url}/secret.git")
    async with open_direct(_config(tmp_path, corp)) as source:
        answer = await source.fetch(CTX, checked(Kind.LIST, MODULE))
        assert answer.body == b"v1.0.0\n"


async def test_a_strangers_page_gets_nothing_with_the_companys_token(
    tmp_path: Path, corp: GitServer, pages: GitServer
) -> None:
    _names(pages, "/secret", MODULE, f"{corp.url}/secret.git")
    _names(pages, "/x", FOREIGN, f"{corp.url}/secret.git")
    async with open_direct(_config(tmp_path, corp)) as source:
        for _ in range(2):
            before = len(corp.requests)
            for kind, version in ((Kind.LIST, ""), (Kind.INFO, "v1.0.0"), (Kind.ZIP, "v1.0.0")):
                with pytest.raises(Unavailable, match="way out refused"):
                    await source.fetch(CTX, checked(kind, FOREIGN, version))
            assert len(corp.requests) == before
            # The second time somebody who may have it had it fetched.
            await source.fetch(CTX, checked(Kind.MOD, MODULE, "v1.0.0"))


async def test_a_public_host_that_holds_private_repositories_is_told_no_token_for_strangers(
    tmp_path: Path, corp: GitServer, pages: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the company's host had a public address, which github.com has.
    monkeypatch.setattr("modgate.wiring.vcs.NOWHERE", Reach([corp.netloc]))
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login git password {TOKEN}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    _names(pages, "/secret", MODULE, f"{corp.url}/secret.git")
    _names(pages, "/x", FOREIGN, f"{corp.url}/secret.git")
    async with open_direct(_config(tmp_path, corp)) as source:
        assert (await source.fetch(CTX, checked(Kind.LIST, MODULE))).body == b"v1.0.0\n"
        before = len(corp.requests)
        with pytest.raises(Unavailable, match="refused access without a credential"):
            await source.fetch(CTX, checked(Kind.LIST, FOREIGN))
        _names(pages, "/x", FOREIGN, corp.url, "mod")
    async with open_direct(_config(tmp_path, corp)) as source:
        with pytest.raises(Unavailable):
            await source.fetch(CTX, checked(Kind.LIST, FOREIGN))
    assert len(corp.requests) > before
    assert all(seen.authorization == "" for seen in corp.requests[before:])


async def test_a_strangers_page_gets_nothing_with_the_gates_ssh_keys(
    tmp_path: Path, corp: GitServer, pages: GitServer
) -> None:
    _names(pages, "/x", FOREIGN, "ssh://git@github.com/corp/secret")
    async with open_direct(_config(tmp_path, corp)) as source:
        with pytest.raises(Denied, match="ssh"):
            await source.fetch(CTX, checked(Kind.LIST, FOREIGN))


async def test_a_strangers_page_gets_nothing_from_the_companys_module_proxy(
    tmp_path: Path, corp: GitServer, pages: GitServer
) -> None:
    _names(pages, "/x", FOREIGN, corp.url, "mod")
    async with open_direct(_config(tmp_path, corp)) as source:
        with pytest.raises(Denied):
            await source.fetch(CTX, checked(Kind.LIST, FOREIGN))
    assert corp.requests == []


async def test_a_restricted_route_counts_for_modules_of_strangers_names_too(
    tmp_path: Path, corp: GitServer, pages: GitServer
) -> None:
    # A chain with `direct` at its end is no private source by itself, but its readers were named.
    routes = ({"match": "go.corp.example/*", "source": "https://up.example,direct", "principals": "a"},)
    _names(pages, "/secret", MODULE, f"{corp.url}/secret.git")
    async with open_direct(_config(tmp_path, corp, routes=routes)) as source:
        assert (await source.fetch(CTX, checked(Kind.LIST, MODULE))).body == b"v1.0.0\n"


@pytest.mark.parametrize(
    ("restricted", "readers", "other", "works"),
    [
        ("127.0.0.1/secret", "a", "", False),
        ("127.0.0.1/secret", "a", "a,b", False),
        ("127.0.0.1/secret", "a,b", "b", True),
        ("127.0.0.1/elsewhere", "a", "", True),
    ],
)
async def test_a_second_name_of_a_repository_has_no_more_readers_than_its_own(
    tmp_path: Path,
    corp: GitServer,
    pages: GitServer,
    *,
    restricted: str,
    readers: str,
    other: str,
    works: bool,
) -> None:
    asked = "go.corp.example/open"
    routes = [(restricted, readers), ("go.corp.example/*", other)]
    _names(pages, "/open", asked, f"{corp.url}/secret.git")
    tables = tuple({"match": match, "source": "direct", "principals": who} for match, who in routes)
    async with open_direct(_config(tmp_path, corp, routes=tables)) as source:
        if works:
            assert (await source.fetch(CTX, checked(Kind.LIST, asked))).body == b"v1.0.0\n"
            return
        for principal in ("anonymous", "a"):
            with pytest.raises(Denied, match="restricted under its own name"):
                await source.fetch(Context(principal=principal), checked(Kind.LIST, asked))
    assert corp.requests == []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://Git.example/team/a", "git.example/team/a"),
        ("https://git.example:8443/team/a.git", "git.example/team/a"),
        ("ssh://git@git.example:22/team/a.GIT/", "git.example/team/a"),
        ("git@git.example:team/a.git", "git.example/team/a"),
        ("git.example:/team/a", "git.example/team/a"),
        ("https://[::1]:8443/a", "[::1]/a"),
    ],
)
def test_an_address_is_a_name(url: str, name: str) -> None:
    assert address_as_name(url) == name
