"""Every kind of fault that modgate can name, by id.

One file for each group; the texts of a cause stand in `messages/*/cause_<group>.toml` under its number.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from modgate.client.causes import (
    body,
    cache,
    checksum,
    config,
    connect,
    content,
    dns,
    editor,
    headers,
    proxy,
    shell,
    status,
    system,
    tls,
    toolchain,
    vcs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.findings import Cause

__all__ = ["CAUSES"]

_GROUPS = (
    *(config, shell, editor, cache, system),
    *(dns, connect, proxy, tls, headers, status, body, content, checksum, vcs, toolchain),
)

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {
        value.id: value
        for group in _GROUPS
        for value in vars(group).values()
        if type(value).__name__ == "Cause"
    }
)
"""Cause by id, in the order of the phases."""
