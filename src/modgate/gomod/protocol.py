"""GOPROXY URLs to requests and back; `.info` JSON; version lists.

Skeleton: signatures are the contract.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath

__all__ = ["Kind", "Request"]


class Kind(enum.StrEnum):
    """What is asked of a module."""

    LIST = "list"
    LATEST = "latest"
    INFO = "info"
    MOD = "mod"
    ZIP = "zip"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed GOPROXY request: parsed once at the edge, never checked again below."""

    kind: Kind
    path: ModulePath
    version: str = ""
