"""The variables that a command is started with. Nothing is read here: variables in, variables out.

Every proxy variable is set in both spellings, because programs differ in which they read; a second spelling
that is left behind would win in some of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOOPBACK", "PROXY_VARIABLES", "isolated", "with_web_proxy"]

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY")
LOOPBACK = "localhost,127.0.0.0/8,::1"
_ALSO = ("ALL_PROXY", "NO_PROXY")
# What curl and Python understand besides: they know no ranges of addresses, or not all of them do.
_EXEMPT = "localhost,127.0.0.1,127.0.0.0/8,::1"


def with_web_proxy(environ: Mapping[str, str], url: str | None) -> dict[str, str]:
    """With HTTP_PROXY and HTTPS_PROXY set to `url`; None takes every proxy variable away."""
    kept = {
        name: text for name, text in environ.items() if name.upper() not in {*PROXY_VARIABLES, "ALL_PROXY"}
    }
    if url is None:
        return {name: text for name, text in kept.items() if name.upper() != "NO_PROXY"}
    for name in PROXY_VARIABLES:
        kept[name] = kept[name.lower()] = url
    if not any(kept.get(name) for name in ("NO_PROXY", "no_proxy")):
        kept["NO_PROXY"] = kept["no_proxy"] = LOOPBACK
    return kept


def isolated(environ: Mapping[str, str], port: int) -> dict[str, str]:
    """For a command in a network of its own, whose HTTP proxy is at this port of 127.0.0.1."""
    own = {*PROXY_VARIABLES, *_ALSO}
    kept = {name: text for name, text in environ.items() if name.upper() not in own}
    for name in PROXY_VARIABLES:
        kept[name] = kept[name.lower()] = f"http://127.0.0.1:{port}"
    kept["NO_PROXY"] = kept["no_proxy"] = _EXEMPT
    return kept
