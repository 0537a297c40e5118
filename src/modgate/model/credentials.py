"""What a host is told to be let in, and the promise that no other host hears it.

Secrets live in `Secret`, whose `repr` and `str` show nothing, so that a log line or an error text
cannot carry one by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Credential", "Credentials", "Secret", "SshAccess"]


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that is shown to nobody; `reveal` is the one way to it."""

    _text: str

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Credential:
    """A name and a password (or token) for one host over https.

    Attributes:
        username: May be empty, or a fixed word that a token wants (`x-access-token`, `oauth2`).
        password: The password or token.
        source: Where it came from, for `route explain` and error texts: `netrc`, `token of …`.
        bearer: Sent as `Authorization: Bearer` where the asker can choose; git itself is always given
            the pair.
    """

    username: str
    password: Secret
    source: str
    bearer: bool = False


@dataclass(frozen=True, slots=True)
class SshAccess:
    """How ssh proves who it is to one host. Unset fields: ssh's own defaults.

    Attributes:
        user: Used where the address names none.
        key: The private key's file.
        agent: The agent's socket.
        known_hosts: The file with the host's public keys; strict checking is never switched off.
        config: An ssh configuration file of the operator's.
        source: Where it came from, for texts; empty where nothing is configured for the host.
    """

    user: str = ""
    key: Path | None = None
    agent: str = ""
    known_hosts: Path | None = None
    config: Path | None = None
    source: str = ""


class Credentials(Protocol):
    """Finds what belongs to a host."""

    async def https(self, host: str, port: int, path: str) -> Credential | None:
        """The credential for `https://host[:port]/path`; None where nothing is configured.

        Raises Unavailable where a configured credential cannot be had (an unreadable file, a helper or
        token exchange that fails): never silently anonymous. The text holds no secret.
        """

    def ssh(self, host: str) -> SshAccess:
        """How to enter a host over ssh; `host` carries its port where that is not 22."""

    def describe(self, host: str) -> str:
        """Which kind of credential a host would be given, without asking for it; empty for none."""

    async def close(self) -> None:
        """Close connections."""
