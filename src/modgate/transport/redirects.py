"""Where a redirect may lead: never from https to http, never to an internal host nobody named.

A redirect is an answer's word, and the upstream that gives it need not be trusted with the gate's
place in the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yarl

from modgate.transport.addresses import is_internal_host

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["RefusedRedirectError", "following", "trusted"]


class RefusedRedirectError(Exception):
    """The redirect is not followed; the text says why."""


def trusted(url: yarl.URL, base: yarl.URL, named: Collection[str]) -> bool:
    """True for an address the operator stands for: the base, its https twin, or a named host.

    `named` holds `host` or `host:port`.
    """
    if url.origin() == base.origin() or f"{url.host}" in named or f"{url.host}:{url.port}" in named:
        return True
    upgraded = (base.scheme, url.scheme) == ("http", "https") and base.is_default_port()
    return upgraded and url.host == base.host and url.is_default_port()


def following(current: yarl.URL, location: str, admitted: Callable[[yarl.URL], bool]) -> yarl.URL:
    """The address a redirect leads to, without user info. Raises RefusedRedirectError.

    `admitted` tells addresses that the operator stands for, which may be internal.
    """
    try:
        target = current.join(yarl.URL(location, encoded=True)) if location else None
        if target is None or target.scheme not in {"http", "https"} or not target.host:
            raise RefusedRedirectError("it names no http or https address")
        target = target.with_user(None).with_fragment(None)
        allowed = admitted(target)
    except ValueError:
        raise RefusedRedirectError("it names no address") from None
    if current.scheme == "https" and target.scheme == "http":
        raise RefusedRedirectError("it leads from https to http")
    if not allowed and is_internal_host(target.host or ""):
        raise RefusedRedirectError("it leads to an address that is not public")
    return target
