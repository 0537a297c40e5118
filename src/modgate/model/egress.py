"""The guarded way out for programs that make their own connections (git, ssh).

A program is given a passage: the address of a SOCKS5 proxy on loopback and a password that is good for
this one run. The proxy resolves names itself and looks at the address when it connects, so that no
repository address, redirect, submodule or rebound name leads to a place that the operator did not name;
it counts bytes, and it ends what exceeds its quota.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

__all__ = ["Egress", "Passage"]


class Passage(Protocol):
    """The right of one run to go out, and what it did with it."""

    @property
    def proxy(self) -> str:
        """`socks5h://user:password@127.0.0.1:port`, for git's `http.proxy`. A secret: never in argv."""

    @property
    def http_proxy(self) -> str:
        """`http://user:password@127.0.0.1:port`, for what speaks HTTP CONNECT (hg, svn). A secret too."""

    @property
    def proxy_command(self) -> str:
        """For ssh's ProxyCommand, with %h and %p; needs `environment`."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What `proxy_command` reads."""

    @property
    def received(self) -> int:
        """Bytes that came in so far."""

    @property
    def sent(self) -> int:
        """Bytes that went out so far."""

    @property
    def refusals(self) -> list[str]:
        """Why connections were refused or failed, in order, one sentence each, for error texts."""


class Egress(Protocol):
    """Opens passages."""

    def passage(
        self, *, quota: int, internal: frozenset[str] = frozenset()
    ) -> AbstractAsyncContextManager[Passage]:
        """A passage that lets at most `quota` bytes in. `internal` names further hosts (`host` or
        `host:port`) whose addresses need not be public, beside those of the configuration. When the
        context ends every connection of it is closed.
        """

    async def close(self) -> None:
        """Close every connection and the listener."""
