"""Configuration of what an operator watches over: operations, the index feed."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003  pydantic reads the annotations
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from modgate.config.values import parse_duration, redact

__all__ = ["Admin", "Index", "Reload"]


Timeout = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]


def _check_address(value: object) -> str:
    """An http or https URL with a host. Raises ValueError."""
    if not isinstance(value, str) or not re.match(r"https?://[^/\s]", value) or re.search(r"\s", value):
        raise ValueError(f"{redact(str(value))!r} is no https:// or http:// address")
    if urlsplit(value).fragment:
        raise ValueError("an address with a fragment")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Admin(_Section):
    """Operations of a running server: `modgate status`, `warm`, `fsck` and others."""

    socket: bool = Field(
        default=True,
        description="Take them on a Unix socket in the store's folder, which only its owner may open.",
    )
    token_file: Path | None = Field(
        default=None,
        description="File of tokens for operations over the network, under /admin/; unset: none are taken.",
    )


class Reload(_Section):
    """Another configuration while the server runs: on SIGHUP always."""

    watch: bool = Field(
        default=True,
        description="Also when the file of the configuration, or a file that it names, has changed.",
    )


class Index(_Section):
    """Following the module index: cached lists are refreshed when a module has a new version."""

    enabled: bool = Field(
        default=False,
        description="Follow the feed.",
    )
    url: Annotated[str, BeforeValidator(_check_address)] = Field(
        default="https://index.golang.org/index",
        description="Address of the feed.",
    )
    interval: Timeout = Field(
        default=30.0,
        description="Pause between two looks at it.",
    )
