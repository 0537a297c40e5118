"""What is particular to one upstream: whom it must prove to be, as whom the gate comes, and by which way.

The certificate and the trust are for the upstream's own scheme, host and port, the secret for addresses
under its prefix. Where a redirect leads elsewhere, nothing of this goes along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.transport.environment import basic
from modgate.transport.prefixes import place_of

if TYPE_CHECKING:
    import ssl

    import yarl

    from modgate.transport.credentials.secrets import SecretSource
    from modgate.transport.prefixes import Place

__all__ = ["Particulars"]


@dataclass(frozen=True, slots=True)
class Particulars:
    """One table of `[[upstreams]]`, its files read.

    Attributes:
        label: Which table it is, for texts.
        place: The addresses that it covers.
        tls: Trust and certificate of its own; None for the system's trust and no certificate.
        proxy: The HTTP proxy on the way, user info included.
        direct: No proxy, whatever the environment says.
        username: With it the secret is the password of Basic, without it a Bearer token.
        secret: Read whenever it is sent.
    """

    label: str
    place: Place
    tls: ssl.SSLContext | None = None
    proxy: yarl.URL | None = field(default=None, repr=False)
    direct: bool = False
    username: str = ""
    secret: SecretSource | None = None

    def tells(self, url: yarl.URL) -> bool:
        """Whether the secret is for an address."""
        return self.secret is not None and self.place.covers(place_of(str(url)))

    def authorization(self) -> str:
        """The header's value. Raises Unavailable where the secret cannot be had."""
        assert self.secret is not None
        secret = self.secret.read().reveal()
        return basic(self.username, secret) if self.username else f"Bearer {secret}"

    def refused(self, where: str) -> Unavailable:
        """The error for an upstream that does not take the secret."""
        assert self.secret is not None
        how = f"Basic, {self.username}" if self.username else "Bearer"
        return Unavailable(
            f"the upstream refuses the secret of {self.label} ({how}) with 401",
            where=where,
            next_step=f"put a valid one into {self.secret.place}",
            kind="bad-answer",
        )

    def no_way(self, where: str) -> Unavailable:
        """The error for a proxy of the environment that is itself asked over TLS: the HTTP client would go
        by the upstream's CAs there, and show it the upstream's certificate.
        """
        return Unavailable(
            f"HTTPS_PROXY is itself https://, which the ca or client_cert of {self.label} rules out",
            where=where,
            next_step="name an http:// proxy, or `direct`, as `proxy` in that table",
            kind="bad-answer",
        )
