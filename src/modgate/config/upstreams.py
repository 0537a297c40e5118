"""`[[upstreams]]`: what is particular to one upstream, and which table counts for an address.

The table whose `url` is the longest beginning of the address, cut at a slash, is the one that counts. It is
for addresses that the operator wrote: the chain, routes, checksum databases, the index feed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence  # noqa: TC003  pydantic reads the annotations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from modgate.config.values import Listen, parse_duration, redact
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.sumdb.spec import parse_gosumdb
from modgate.transport.prefixes import longest, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.config.model import Config
    from modgate.transport.prefixes import Place

__all__ = ["UpstreamTable", "check_tables", "table_for", "upstream_addresses", "upstream_warnings"]

_DIRECT = "direct"


def _check_url(value: object) -> str:
    """An http or https address of an upstream. Raises ValueError."""
    if not isinstance(value, str) or not re.match(r"https?://[^/\s?#]", value, re.IGNORECASE):
        raise ValueError(f"{_harmless(value)!r} is no https:// or http:// address")
    if re.search(r"[\s\x00-\x1f]", value):
        raise ValueError(f"{_harmless(value)!r} holds white space")
    parts = urlsplit(value)
    if "@" in parts.netloc:
        raise ValueError(
            "its url holds a user name: write username, and secret_file or secret_env, or leave the table "
            "without a secret and the name in the chain"
        )
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError(f"{_harmless(value)!r} has a query or a fragment, and an upstream has none")
    try:
        place = place_of(value)
    except ValueError:
        raise ValueError(f"{_harmless(value)!r} names no port that could be") from None
    if not place.host or not place.covers(place):
        raise ValueError(f"{_harmless(value)!r} is no address of an upstream")
    return value


def _harmless(value: object) -> str:
    """What is not yet known to be a URL, without anything that may be a password."""
    return re.sub(r".*@", "***@", str(value), flags=re.DOTALL)


def _check_proxy(value: object) -> object:
    """`direct` or an http proxy. Raises ValueError, without what may be a password."""
    if value is None or value == _DIRECT:
        return value
    form = "an http proxy is http://host:port or http://user:password@host:port, or `direct` for none"
    if not isinstance(value, str) or not re.match(r"http://[^/\s]", value) or re.search(r"\s", value):
        raise ValueError(form)
    try:
        parts = urlsplit(value)
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(form)
    return value


def _own_duration(value: object) -> float | None:
    if value is None:
        return None
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("a time limit is more than nothing")
    return seconds


def _file(value: Path | None) -> Path | None:
    return None if value is None else value.expanduser()


OwnTimeout = Annotated[float | None, BeforeValidator(_own_duration)]
File = Annotated[Path | None, AfterValidator(_file)]


class UpstreamTable(BaseModel):
    """What is particular to one upstream; what is not set is that of `fetch` and `breaker`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, BeforeValidator(_check_url)] = Field(
        description="The upstream: its address as in a chain, or a beginning of it at a slash.",
    )
    ca: File = Field(
        default=None,
        description="PEM file with the CAs that its certificate may come from, instead of the system's.",
    )
    client_cert: File = Field(
        default=None,
        description="PEM file with the certificate (chain) that the gate presents.",
    )
    client_key: File = Field(
        default=None,
        description="PEM file with the key of client_cert; unset where that file holds it.",
    )
    proxy: Annotated[str | None, BeforeValidator(_check_proxy)] = Field(
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
    secret_file: File = Field(
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
            raise ValueError(f"{self.url}: client_key needs client_cert")
        if self.username and not self.has_secret:
            raise ValueError(f"{self.url}: username needs secret_env or secret_file")
        if ":" in self.username or not self.username.isprintable():
            raise ValueError(f"{self.url}: a username has no colon and no control characters")
        if self.secret_env and self.secret_file:
            raise ValueError(f"{self.url}: secret_env or secret_file, not both")
        place = self.place
        if place.scheme == "http" and (self.ca or self.client_cert):
            raise ValueError(f"{self.url}: ca and client_cert are for https://")
        if place.scheme == "http" and self.has_secret and not Listen(place.host, place.port).loopback:
            raise ValueError(f"{self.url}: a secret would cross the network in the clear; write https://")
        if place.scheme == "http" and self.has_secret and self.proxy not in {None, _DIRECT}:
            raise ValueError(f"{self.url}: a secret would reach the proxy in the clear; leave proxy out")
        return self

    @property
    def has_secret(self) -> bool:
        """Whether it names a secret."""
        return bool(self.secret_env) or self.secret_file is not None

    @property
    def place(self) -> Place:
        """The addresses that it covers."""
        return place_of(self.url)

    @property
    def named(self) -> list[str]:
        """The keys that are set, without the address."""
        return sorted(self.model_fields_set - {"url"}, key=list(type(self).model_fields).index)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        pairs = super().__repr_args__()
        return [(name, redact(value) if isinstance(value, str) else value) for name, value in pairs]


def check_tables(tables: tuple[UpstreamTable, ...]) -> tuple[UpstreamTable, ...]:
    """Each address once. Raises ValueError."""
    seen: dict[Place, int] = {}
    for number, table in enumerate(tables, 1):
        first = seen.setdefault(table.place, number)
        if first != number:
            raise ValueError(f"tables {first} and {number} are both for {table.url}; keep one")
    return tables


def table_for(tables: Sequence[UpstreamTable], url: str) -> int | None:
    """The index of the table that counts for an address, user info in it left aside; None for none."""
    if not re.match(r"https?://", url, re.IGNORECASE):
        return None
    places = [table.place for table in tables]
    found = longest(places, place_of(url))
    return None if found is None else places.index(found)


def upstream_addresses(config: Config) -> list[str]:
    """Every address that tables are for, as it is written, each once."""
    chains = [config.upstream, *(route.source for route in config.routes if "://" in route.source)]
    urls = [
        entry.url for chain in chains for entry in parse_proxy_list(chain) if entry.kind is EntryKind.PROXY
    ]
    specs = [spec for spec in map(parse_gosumdb, config.sumdb) if spec is not None]
    urls += [spec.direct_url for spec in specs]
    if config.index.enabled:
        urls.append(config.index.url)
    return list(dict.fromkeys(urls))


def upstream_warnings(config: Config) -> list[str]:
    """One sentence for each table that counts for nothing, and for each secret that never does."""
    counts: dict[int, list[str]] = {}
    for url in upstream_addresses(config):
        if (index := table_for(config.upstreams, url)) is not None:
            counts.setdefault(index, []).append(url)
    texts = []
    for index, table in enumerate(config.upstreams):
        urls = counts.get(index, [])
        if not urls:
            texts.append(
                f"upstreams, table {index + 1}, counts for nothing: no upstream, route, checksum database or "
                f"index begins with {table.url}, or another table says more about each that does"
            )
        elif table.has_secret and all("@" in urlsplit(url).netloc for url in urls):
            texts.append(
                f"upstreams, table {index + 1}: its secret is never sent, since {redact(urls[0])} "
                "names a user itself"
            )
    return texts
