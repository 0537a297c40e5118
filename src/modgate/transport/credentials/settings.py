"""One configured credential, as the operator wrote it: names and places, never a secret itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from modgate.transport.credentials.names import host_and_port

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Entry", "Kind"]

Kind = Literal["token", "github-app", "gitlab-deploy-token", "git-helper", "ssh"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one host is told. Unused fields are empty; see the configuration's `[[credentials]]`.

    Attributes:
        host: `host` or `host:port`; over https the port is 443 unless it is named.
        kind: What it is.
        username: The name beside a token; empty for what the host expects.
        bearer: A token that is sent as `Authorization: Bearer` where the asker can choose.
        token_env: The variable that holds the token.
        token_file: The file that holds it.
        helper: A git credential helper: a name or an absolute path, with arguments.
        app_id: GitHub App: its id or client id.
        installation_id: GitHub App: the installation.
        key_file: GitHub App: the private key (PEM). ssh: the private key.
        api: GitHub App: the address of the API; empty for the host's usual one.
        agent: ssh: the agent's socket; empty for SSH_AUTH_SOCK.
        known_hosts: ssh: the file with the host's keys.
        config: ssh: a configuration file.
    """

    host: str
    kind: Kind = "token"
    username: str = ""
    bearer: bool = False
    token_env: str = ""
    token_file: Path | None = None
    helper: str = ""
    app_id: str = ""
    installation_id: str = ""
    key_file: Path | None = None
    api: str = ""
    agent: str = ""
    known_hosts: Path | None = None
    config: Path | None = None

    @property
    def place(self) -> tuple[str, int | None]:
        """The host in its one spelling, and the port where one is named."""
        return host_and_port(self.host)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold a secret."""
        return tuple(file for file in (self.token_file, self.key_file) if file is not None)
