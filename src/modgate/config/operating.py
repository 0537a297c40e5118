"""Configuration of what an operator watches over: operations, the index feed, single upstreams."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003  pydantic reads the annotations
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from modgate.config.values import parse_duration, redact

__all__ = ["Admin", "Index", "UpstreamTable"]


def _own_duration(value: object) -> float | None:
    return None if value is None else parse_duration(value)


Timeout = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
OwnTimeout = Annotated[
    float | None, BeforeValidator(lambda value: None if value is None else parse_duration(value))
]


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


class UpstreamTable(_Section):
    """What is particular to one upstream; what is not set is that of `fetch` and `breaker`."""

    url: Annotated[str, BeforeValidator(_check_address)] = Field(
        description="The upstream: its address as in a chain, or a beginning of it at a slash.",
    )
    ca: Path | None = Field(
        default=None,
        description="PEM file with the CAs that its certificate may come from, instead of the system's.",
    )
    client_cert: Path | None = Field(
        default=None,
        description="PEM file with the certificate (chain) that the gate presents.",
    )
    client_key: Path | None = Field(
        default=None,
        description="PEM file with the key of client_cert; unset where that file holds it.",
    )
    proxy: str | None = Field(
        default=None,
        description="HTTP proxy on the way to it, http://host:port; `direct` for none, whatever the "
        "environment says.",
    )
    username: str = Field(
        default="",
        description="User name of Basic authentication; without one the secret is sent as Bearer.",
    )
    secret_env: str = Field(
        default="",
        description="The variable that holds the password or token.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="The file that holds the password or token; read again when it changes.",
    )
    concurrency: Annotated[int | None, Field(ge=1)] = Field(
        default=None,
        description="Connections to it at a time.",
    )
    connect_timeout: OwnTimeout = Field(
        default=None,
        description="As fetch.connect_timeout.",
    )
    head_timeout: OwnTimeout = Field(
        default=None,
        description="As fetch.head_timeout.",
    )
    stall_timeout: OwnTimeout = Field(
        default=None,
        description="As fetch.stall_timeout.",
    )
    total_timeout: OwnTimeout = Field(
        default=None,
        description="As fetch.total_timeout.",
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key needs client_cert")
        if self.username and not (self.secret_env or self.secret_file):
            raise ValueError("username needs secret_env or secret_file")
        if self.secret_env and self.secret_file:
            raise ValueError("secret_env or secret_file, not both")
        return self
