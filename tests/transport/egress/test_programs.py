"""Real programs behind the guard: curl's SOCKS5 in git, ssh with its ProxyCommand."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import certificate
from tests.support.git_http import GitServer
from tests.support.git_repos import GitRepo, git_environment
from tests.support.sshd import SshServer
from tests.transport.egress.conftest import run

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from tests.transport.egress.conftest import Town


pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX programs")


def piped(command: str, host: str, port: int | str) -> str:
    """The ProxyCommand as ssh would run it."""
    return command.replace("%h", host).replace("%p", str(port)).replace("%%", "%")


async def test_the_proxy_command_pipes_and_passes_the_end_on(town: Town) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        writer.write(b"%d bytes" % len(asked))

    port = await town.serve(late)
    async with town.passage() as passage:
        code, out, err = await run(
            piped(passage.proxy_command, "good.test", port), passage.environment, bytes(1_000_000)
        )
    assert (code, out, err) == (0, b"1000000 bytes", b"")


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("evil.example", "22", "modgate: the way out refuses this host"),
        ("nowhere.example", "22", "modgate: the host cannot be reached"),
        ("-oX", "22", "modgate: this is no host"),
        ("", "22", "modgate: this is no host"),
        ("h" * 256, "22", "modgate: this is no host"),
        ("good.test", "0", "modgate: this is no port"),
        ("good.test", "x", "modgate: this is no port"),
    ],
)
async def test_the_proxy_command_says_why_not(town: Town, host: str, port: str, said: str) -> None:
    town.names["evil.example"] = [["10.0.0.1"]]
    async with town.passage() as passage:
        command = piped(passage.proxy_command, host, port)
        assert await run(command, passage.environment) == (1, b"", f"{said}\n".encode())


async def test_the_proxy_command_without_a_passage_goes_nowhere(town: Town) -> None:
    async with town.passage() as passage:
        command = piped(passage.proxy_command, "good.test", 22)
        assert (await run(command, {}))[0] == 1
        stale = {"MODGATE_EGRESS_PASSAGE": passage.environment["MODGATE_EGRESS_PASSAGE"] + "x"}
        assert await run(command, stale) == (1, b"", b"modgate: the passage is over\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with a bare repository `hello.git`."""
    root = tmp_path / "repositories"
    root.mkdir()
    repo = GitRepo(root / "hello.git")
    repo.commit({"go.mod": b"module example.com/hello\n"})
    repo.save()
    return root


@pytest.mark.parametrize("way", ["proxy", "http_proxy"])
async def test_git_clones_over_https_through_the_guard(
    town: Town, tmp_path: Path, repository: Path, way: str
) -> None:
    pem = certificate(tmp_path / "tls")
    with GitServer(repository, certificate=pem) as server:
        async with town.passage(("127.0.0.1",)) as passage:
            environment = {
                **git_environment(),
                "GIT_CONFIG_COUNT": "2",
                "GIT_CONFIG_KEY_0": "http.proxy",
                "GIT_CONFIG_VALUE_0": getattr(passage, way),
                "GIT_CONFIG_KEY_1": "http.sslCAInfo",
                "GIT_CONFIG_VALUE_1": str(pem[0]),
            }
            code, _, err = await run(f"git clone -q {server.url}/hello.git {tmp_path}/clone", environment)
            assert (code, err) == (0, b"")
            assert passage.received > server.sent > 0
            server.reset()
            code, _, err = await run(f"git ls-remote https://10.0.0.1:{server.port}/hello.git", environment)
            assert code == 128
            assert passage.refusals == [
                "10.0.0.1 is not public, and no setting names it (vcs.internal_hosts)"
            ]
    assert (tmp_path / "clone" / "go.mod").exists()


async def test_git_clones_over_ssh_through_the_guard(
    town: Town, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "100% o'clock $HOME"
    odd.mkdir()
    python = odd / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(python))
    with SshServer(tmp_path / "sshd", repository) as server:
        name, _, key = server.known_hosts.read_text().partition(" ")
        known = tmp_path / "known"
        known.write_text(f"{name.replace('127.0.0.1', 'good.test')} {key}")
        address = server.url("/hello.git").replace("127.0.0.1", "good.test")
        async with town.passage() as passage:
            config = tmp_path / "ssh_config"
            config.write_text(
                f"Host *\n ProxyCommand {passage.proxy_command}\n IdentityFile {server.key}\n"
                f" UserKnownHostsFile {known}\n GlobalKnownHostsFile /dev/null\n IdentityAgent none\n"
                " BatchMode yes\n StrictHostKeyChecking yes\n"
            )
            environment = {
                **git_environment(),
                **passage.environment,
                "GIT_SSH_COMMAND": f"ssh -F {config}",
            }
            code, _, err = await run(f"git clone -q {address} {tmp_path}/clone", environment)
            assert (code, passage.refusals, err) == (0, [], b"")
            assert passage.received > 0
            address = address.replace("good.test", "10.0.0.1")
            code, _, err = await run(f"git ls-remote {address}", environment)
            assert code == 128
            assert b"modgate: the way out refuses this host" in err
    assert (tmp_path / "clone" / "go.mod").exists()
