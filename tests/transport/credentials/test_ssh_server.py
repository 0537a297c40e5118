"""The ssh server of the tests is one: its key lets in, another does not, and nothing but a fetch runs."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.git_repos import GitRepo, git_environment
from tests.support.sshd import SshServer, ssh_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX programs")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    repo = GitRepo(tmp_path / "repos" / "team" / "lib.git")
    repo.commit({"go.mod": "module corp.example/lib\n"}, tags=["v1.0.0"])
    repo.save()
    with SshServer(tmp_path / "sshd", tmp_path / "repos") as started:
        yield started


def ssh(server: SshServer, *command: str, key: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ssh_words(server, key), "-p", str(server.port), f"{server.user}@127.0.0.1", *command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def ssh_words(server: SshServer, key: Path | None = None) -> list[str]:
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "IdentityAgent=none"]
    options += [f"UserKnownHostsFile={server.known_hosts}", "GlobalKnownHostsFile=/dev/null"]
    return ["ssh", "-F", "/dev/null", "-i", str(key or server.key), *(f"-o{each}" for each in options)]


def ls_remote(server: SshServer, path: str) -> subprocess.CompletedProcess[str]:
    environment = git_environment() | {"GIT_SSH_COMMAND": " ".join(ssh_words(server))}
    return subprocess.run(
        ["git", "ls-remote", server.url(path)], capture_output=True, text=True, env=environment, check=False
    )


def test_git_reads_a_repository_through_it(server: SshServer) -> None:
    done = ls_remote(server, "/team/lib.git")
    assert done.returncode == 0, done.stderr
    assert "refs/tags/v1.0.0" in done.stdout
    assert server.commands == ["git-upload-pack '/team/lib.git'"]
    assert ls_remote(server, "/team/none.git").returncode != 0
    assert ls_remote(server, "/../sshd/host").returncode != 0


def test_another_key_and_other_commands_are_refused(server: SshServer, tmp_path: Path) -> None:
    stranger = ssh(server, "git-upload-pack '/team/lib.git'", key=ssh_key(tmp_path / "stranger"))
    assert "Permission denied" in stranger.stderr
    for command in ("id", "git-receive-pack '/team/lib.git'", "git-upload-pack '/team'; id", "sh"):
        done = ssh(server, command)
        assert done.returncode != 0
        assert "uid=" not in done.stdout


def test_a_server_with_another_host_key_is_not_believed(server: SshServer) -> None:
    server.stop()
    server.replace_host_key()
    server.start()
    assert "HOST IDENTIFICATION HAS CHANGED" in ls_remote(server, "/team/lib.git").stderr
    assert server.commands == []
