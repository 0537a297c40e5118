"""The Authorization header that a host is given: over https alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.transport.environment import basic

if TYPE_CHECKING:
    import yarl

    from modgate.model.credentials import Credentials

__all__ = ["authorization"]


async def authorization(credentials: Credentials | None, url: yarl.URL) -> str | None:
    """The header's value for a URL; None over http, and where nothing is configured.

    Raises Unavailable as `Credentials.https` does.
    """
    if credentials is None or url.scheme != "https" or not url.host:
        return None
    found = await credentials.https(url.host, url.port or 443, url.raw_path)
    if found is None:
        return None
    password = found.password.reveal()
    return f"Bearer {password}" if found.bearer else basic(found.username, password)
