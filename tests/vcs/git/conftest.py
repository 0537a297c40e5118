from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from modgate.model import Context
from modgate.model.credentials import Credential, Secret, SshAccess
from modgate.transport.egress import GuardedEgress
from modgate.vcs.git import GitRepository, GitSettings
from tests.support.certificates import certificate
from tests.support.git_http import GitServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

CTX = Context()
ONLINE_NOT = Context(fetch=False)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class HeldCredentials:
    """Credentials in memory: passwords by `host:port`, ssh for all."""

    passwords: dict[str, tuple[str, str]] = field(default_factory=dict)
    access: SshAccess = field(default_factory=SshAccess)
    asked: list[str] = field(default_factory=list)

    async def https(self, host: str, port: int, path: str) -> Credential | None:
        self.asked.append(f"{host}:{port}{path}")
        found = self.passwords.get(f"{host}:{port}")
        return None if found is None else Credential(found[0], Secret(found[1]), "a test's token")

    def ssh(self, _host: str) -> SshAccess:
        return self.access

    def describe(self, _host: str) -> str:
        return ""

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class World:
    """A served folder, and repositories over it with their mirrors."""

    root: Path
    mirrors: Path
    server: GitServer
    egress: GuardedEgress
    ca_file: Path
    clock: Clock = field(default_factory=Clock)
    credentials: HeldCredentials = field(default_factory=HeldCredentials)
    fetched: list[int] = field(default_factory=list)
    opened: list[GitRepository] = field(default_factory=list)

    def repository(self, name: str, **changes: Any) -> GitRepository:
        """A repository of the server, as a fresh process would have it."""
        return self.at(f"{self.server.url}/{name}", **changes)

    def at(
        self,
        url: str,
        *,
        local: bool = False,
        internal: bool = True,
        also: frozenset[str] = frozenset(),
        **changes: Any,
    ) -> GitRepository:
        made = GitRepository(
            url,
            self.mirrors,
            GitSettings(ca_file=self.ca_file, **changes),
            self.clock,
            egress=self.egress,
            credentials=self.credentials,
            counted=self.fetched.append,
            insecure=True,
            local=local,
            internal=frozenset({self.server.netloc} if internal else ()) | also,
        )
        self.opened.append(made)
        return made


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(tmp_path: Path, tls: tuple[Path, Path]) -> Iterator[GitServer]:
    (tmp_path / "root").mkdir()
    with GitServer(tmp_path / "root", certificate=tls) as running:
        yield running


@pytest.fixture
async def world(tmp_path: Path, server: GitServer, tls: tuple[Path, Path]) -> AsyncIterator[World]:
    egress = GuardedEgress()
    made = World(tmp_path / "root", tmp_path / "mirrors", server, egress, tls[0])
    yield made
    for each in made.opened:
        await each.close()
    await egress.close()
