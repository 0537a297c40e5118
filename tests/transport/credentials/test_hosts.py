"""A secret goes to its host and to no other, whatever looks like it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.transport.credentials import Entry
from modgate.transport.credentials.names import default_username, host_and_port

if TYPE_CHECKING:
    from tests.transport.credentials.conftest import Bench


def token(host: str = "git.corp.example", **options: str) -> Entry:
    return Entry(host=host, token_env="CORP_TOKEN", **options)  # type: ignore[arg-type]


async def test_a_token_goes_to_its_host_in_every_spelling_of_it(bench: Bench) -> None:
    bench.environ["CORP_TOKEN"] = "s3cret\n"
    found = bench.credentials(token("Git.Corp.Example."))
    for host in ("git.corp.example", "GIT.corp.EXAMPLE", "git.corp.example."):
        credential = await found.https(host, 443, "/a/b.git")
        assert credential is not None
        assert credential.password.reveal() == "s3cret"
        assert credential.username == "git"


@pytest.mark.parametrize(
    "host",
    [
        "corp.example",
        "a.git.corp.example",
        "notgit.corp.example",
        "git.corp.example.attacker.test",
        "git.corp.example@attacker.test",
        "git.corp.example:443",
        "git-corp.example",
        "git.corp.exampl",
        "",
    ],
)
async def test_no_other_host_hears_it(bench: Bench, host: str) -> None:
    bench.environ["CORP_TOKEN"] = "s3cret"
    found = bench.credentials(token())
    assert await found.https(host, 443, "/") is None
    assert found.ssh(host).key is None


async def test_a_port_belongs_to_the_host(bench: Bench) -> None:
    bench.environ["CORP_TOKEN"] = "s3cret"
    found = bench.credentials(token(), token("other.example:8443"))
    assert await found.https("git.corp.example", 8443, "/") is None
    assert await found.https("git.corp.example", 80, "/") is None
    assert await found.https("other.example", 443, "/") is None
    assert await found.https("other.example", 8443, "/") is not None
    assert found.describe("other.example:8443") == "token of $CORP_TOKEN"
    assert found.describe("other.example") == ""


async def test_a_literal_address_is_a_host_too(bench: Bench) -> None:
    bench.environ["CORP_TOKEN"] = "s3cret"
    found = bench.credentials(token("[FD00::1]:8443"), token("127.0.0.1"))
    assert await found.https("fd00::1", 8443, "/") is not None
    assert await found.https("[fd00::1]", 8443, "/") is not None
    assert await found.https("fd00::1", 443, "/") is None
    assert await found.https("127.0.0.1", 443, "/") is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.example", ("a.example", None)),
        ("A.example.:8443", ("a.example", 8443)),
        ("[::1]", ("::1", None)),
        ("[::1]:22", ("::1", 22)),
        ("::1", ("::1", None)),
        ("a.example:ssh", ("a.example:ssh", None)),
    ],
)
def test_hosts_and_ports_are_told_apart(text: str, expected: tuple[str, int | None]) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("github.com", "x-access-token"),
        ("github.corp.example", "x-access-token"),
        ("octo.ghe.com", "x-access-token"),
        ("gitlab.com", "oauth2"),
        ("gitlab.corp.example", "oauth2"),
        ("bitbucket.org", "x-token-auth"),
        ("git.corp.example", "git"),
        ("notgithub.com", "git"),
    ],
)
async def test_the_name_beside_a_token_is_what_the_host_wants(bench: Bench, host: str, name: str) -> None:
    assert default_username(host) == name
    bench.environ["CORP_TOKEN"] = "s3cret"
    found = await bench.credentials(token(host)).https(host, 443, "/")
    assert found is not None
    assert found.username == name
    named = await bench.credentials(token(host, username="deploy")).https(host, 443, "/")
    assert named is not None
    assert named.username == "deploy"


async def test_two_entries_for_one_host_are_a_mistake_of_the_configuration(bench: Bench) -> None:
    with pytest.raises(Invalid, match="two entries"):
        bench.credentials(token(), token("GIT.corp.example:443"))
    with pytest.raises(Invalid, match="two entries"):
        bench.credentials(Entry("a.example", "ssh"), Entry("A.example.", "ssh"))
    bench.credentials(token(), token("git.corp.example:444"), Entry("git.corp.example", "ssh"))


async def test_a_token_of_two_places_is_a_mistake_of_the_configuration(bench: Bench) -> None:
    with pytest.raises(Invalid, match="both token_env and token_file"):
        bench.credentials(Entry("a.example", token_env="T", token_file=Path("/x")))
    with pytest.raises(Invalid, match="needs token_env"):
        bench.credentials(Entry("a.example"))


async def test_a_deploy_token_has_its_own_name_and_a_bearer_says_so(bench: Bench) -> None:
    bench.environ["CORP_TOKEN"] = "s3cret"
    found = bench.credentials(
        token("gitlab.com", kind="gitlab-deploy-token", username="gitlab+deploy-token-1"),
        Entry("proxy.corp.example", token_env="CORP_TOKEN", bearer=True),
    )
    deploy = await found.https("gitlab.com", 443, "/a/b.git")
    assert deploy is not None
    assert (deploy.username, deploy.bearer) == ("gitlab+deploy-token-1", False)
    assert deploy.source == "deploy token of $CORP_TOKEN"
    bearer = await found.https("proxy.corp.example", 443, "/")
    assert bearer is not None
    assert bearer.bearer


async def test_netrc_stands_behind_the_entries_for_machines_that_it_names(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = bench.file(
        "netrc",
        "machine a.example login me password p1\n"
        "machine git.corp.example login me password p2\n"
        "default login any password body\n",
    )
    monkeypatch.setenv("NETRC", str(netrc))
    bench.environ["CORP_TOKEN"] = "s3cret"
    found = bench.credentials(token())
    named = await found.https("A.example", 8443, "/")
    assert named is not None
    assert (named.username, named.password.reveal(), named.source) == ("me", "p1", f"netrc ({netrc})")
    entry = await found.https("git.corp.example", 443, "/")
    assert entry is not None
    assert entry.password.reveal() == "s3cret"
    assert await found.https("b.example", 443, "/") is None
    assert found.describe("a.example") == f"netrc ({netrc})"
    assert found.describe("b.example") == ""


async def test_netrc_does_not_stand_in_for_a_broken_entry(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = bench.file("netrc", "machine git.corp.example login me password p2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    found = bench.credentials(token())
    with pytest.raises(Unavailable, match="CORP_TOKEN is empty or not set"):
        await found.https("git.corp.example", 443, "/")


async def test_ssh_has_its_key_agent_and_known_hosts(bench: Bench, tmp_path: Path) -> None:
    bench.environ["SSH_AUTH_SOCK"] = "/run/agent"
    found = bench.credentials(
        Entry(
            "git.corp.example",
            "ssh",
            username="forge",
            key_file=tmp_path / "key",
            known_hosts=tmp_path / "known",
            config=tmp_path / "config",
        ),
        Entry("other.example:2222", "ssh", agent="/run/other"),
    )
    access = found.ssh("GIT.corp.example")
    assert (access.user, access.key, access.agent) == ("forge", tmp_path / "key", "/run/agent")
    assert (access.known_hosts, access.config) == (tmp_path / "known", tmp_path / "config")
    assert found.ssh("git.corp.example:2222").key == tmp_path / "key"
    assert found.ssh("other.example:2222").agent == "/run/other"
    assert found.ssh("other.example").agent == "/run/agent"
    assert (access.source, found.ssh("unknown.example").source) == (f"ssh, key {tmp_path / 'key'}", "")
    assert found.ssh("unknown.example").agent == "/run/agent"
    assert found.describe("git.corp.example") == f"ssh, key {tmp_path / 'key'}"
    assert await found.https("git.corp.example", 443, "/") is None
