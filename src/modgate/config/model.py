"""What can be configured: every key, its type, its default and one sentence for the manual.

The models are frozen and refuse unknown keys. `docs/configuration.md` and the flags of
`modgate serve` are checked against them, so a key exists once: here.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from modgate.config.checks import check_hosts, check_networks, check_patterns, check_sumdb, check_upstream
from modgate.config.firewall import (
    Advisories,
    Consumers,
    LedgerConfig,
    Notify,
    PolicyConfig,
    Scan,
    Webhook,
)
from modgate.config.operating import Admin, Index, Reload
from modgate.config.private import ChecksumLog, Credential, Publish, Route, Vcs, parse_tables
from modgate.config.upstreams import UpstreamTable, check_tables
from modgate.config.values import (
    Listen,
    StoreSpec,
    parse_duration,
    parse_list,
    parse_listen,
    parse_prefix,
    parse_size,
    parse_store,
    redact,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Breaker",
    "Cache",
    "Config",
    "Fetch",
    "Limits",
    "Log",
    "Prefetch",
    "Tls",
]

Seconds = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Timeout = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(check_patterns), BeforeValidator(parse_list)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(check_hosts), BeforeValidator(parse_list)]
Networks = Annotated[tuple[str, ...], BeforeValidator(check_networks), BeforeValidator(parse_list)]


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple):
        return tuple(_redacted(item) for item in value)
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    return value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name, _redacted(value)) for name, value in super().__repr_args__()]


class Tls(_Section):
    """TLS of the listener: certificate and key together, or neither."""

    cert: Path | None = Field(
        default=None,
        description="PEM file with the certificate chain of the server.",
    )
    key: Path | None = Field(
        default=None,
        description="PEM file with the private key of the certificate.",
    )
    client_ca: Path | None = Field(
        default=None,
        description="PEM file with the CAs whose client certificates are required; unset asks for none.",
    )

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise ValueError("tls.cert and tls.key go together; one of them is missing")
        if self.client_ca is not None and self.cert is None:
            raise ValueError("tls.client_ca needs tls.cert and tls.key")
        return self


class Cache(_Section):
    """How long answers that can change are kept. What cannot change is kept for good."""

    mutable_ttl: Seconds = Field(
        default=60.0,
        description="How long a version list, @latest or a branch answer is fresh.",
    )
    absent_ttl: Seconds = Field(
        default=20.0,
        description="How long an upstream's 404 or 410 is remembered.",
    )
    verdict_ttl: Seconds = Field(
        default=60.0,
        description="How long a refusal of tampered bytes is remembered before they are fetched again.",
    )
    limit: Bytes = Field(
        default=0,
        description="The most that the store's folder may hold; what was longest unused goes first, pinned, "
        "private and published modules never. 0: no limit.",
    )
    memory: Bytes = Field(
        default=64 << 20,
        description="Memory for ready answers in front of the store; 0 switches it off.",
    )


class Fetch(_Section):
    """Fetching from upstream: a time limit for each phase, since go itself has none for waiting."""

    connect_timeout: Timeout = Field(
        default=10.0,
        description="Name look-up, connection and TLS handshake.",
    )
    head_timeout: Timeout = Field(
        default=30.0,
        description="From the request to the head of the answer.",
    )
    stall_timeout: Timeout = Field(
        default=20.0,
        description="A body must make progress within such a span; less than 4 kB in it is a stall.",
    )
    total_timeout: Timeout = Field(
        default=1800.0,
        description="One fetch from start to end.",
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2,
        description="Further tries after a failure that may pass; never after a 4xx.",
    )
    concurrency: Count = Field(
        default=96,
        description="Connections to one upstream at a time.",
    )
    max_object: Bytes = Field(
        default=501 << 20,
        gt=0,
        description="The largest body taken from upstream; Go's own limit for a zip is 500 MiB.",
    )
    per_client_fills: Count = Field(
        default=64,
        description="Fetches one client may have under way at a time.",
    )
    redirect_hosts: Hosts = Field(
        default=(),
        description="Hosts an upstream may redirect to although they are internal: host or host:port.",
    )


class Prefetch(_Section):
    """Fetching what go is about to ask for: the zip and the required go.mod files of a go.mod."""

    enabled: bool = Field(
        default=True,
        description="Fetch ahead. Private modules never are.",
    )
    concurrency: Count = Field(
        default=24,
        description="Prefetches under way at a time.",
    )
    max_bytes: Bytes = Field(
        default=1 << 30,
        description="Zip bytes that may be fetched ahead and not yet asked for by anyone.",
    )


class Log(_Section):
    """What is written to standard error."""

    format: Literal["auto", "human", "json"] = Field(
        default="auto",
        description="`auto` is `human` on a terminal and `json` elsewhere.",
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least severe message that is written.",
    )
    access: Literal["off", "misses", "all"] = Field(
        default="misses",
        description="Which requests get a line: none, those that went upstream or failed, or all.",
    )


class Breaker(_Section):
    """Leaving a broken upstream alone for a while."""

    failures: Count = Field(
        default=8,
        description="Failures in a row after which an upstream is left alone.",
    )
    reset: Timeout = Field(
        default=5.0,
        description="How long it is left alone before one request tries again.",
    )


class Limits(_Section):
    """What clients may use up."""

    connections: Count = Field(
        default=4096,
        description="Client connections at a time; more are told 503 and closed.",
    )
    header_timeout: Timeout = Field(
        default=15.0,
        description="How long a client may take to send a request head.",
    )
    idle_timeout: Timeout = Field(
        default=120.0,
        description="How long a connection is kept open between requests.",
    )
    stall_timeout: Timeout = Field(
        default=60.0,
        description="How long a client may take nothing of an answer that is on its way.",
    )
    grace: Seconds = Field(
        default=30.0,
        description="How long running downloads may go on after a stop signal.",
    )


class Config(_Section):
    """Everything `modgate serve` needs to know; see `modgate.config.load` for where it comes from."""

    listen: Annotated[Listen, BeforeValidator(parse_listen)] = Field(
        default=Listen("127.0.0.1", 3000),
        description="Address of the server: host:port, or unix:/path.",
    )
    prefix: Annotated[str, BeforeValidator(parse_prefix)] = Field(
        default="",
        description="URL path under which everything is mounted, such as /go.",
    )
    store: Annotated[StoreSpec, BeforeValidator(parse_store)] = Field(
        description="Folder of the store, or memory: or memory:512MiB. Default: in the user's cache folder.",
    )
    upstream: Annotated[str, BeforeValidator(check_upstream)] = Field(
        description="Where modules come from: a chain as in GOPROXY. "
        "Default: what `go env GOPROXY` says, without `direct`.",
    )
    sumdb: Annotated[tuple[str, ...], BeforeValidator(check_sumdb), BeforeValidator(parse_list)] = Field(
        description="Checksum databases as in GOSUMDB, the first one verifies; off disables verification. "
        "Default: what `go env GOSUMDB` says.",
    )
    private: Patterns = Field(
        default=(),
        description="Private modules, as GOPRIVATE: the default of no_proxy and no_sumdb.",
    )
    no_proxy: Patterns = Field(
        default=(),
        description="Modules that are never asked of a public upstream, as GONOPROXY.",
    )
    no_sumdb: Patterns = Field(
        default=(),
        description="Modules whose names are never sent to a checksum database, as GONOSUMDB.",
    )
    sumdb_exempt: Patterns = Field(
        default=(),
        description="Public modules taken without the checksum database: the first bytes seen win.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: IP networks.",
    )
    routes: Annotated[tuple[Route, ...], BeforeValidator(parse_tables)] = Field(
        default=(),
        description="Which modules come from where: a list of tables with `match`, `source`, `private` and "
        "`principals`; the first match counts.",
    )
    credentials: Annotated[tuple[Credential, ...], BeforeValidator(parse_tables)] = Field(
        default=(),
        description="What hosts are told: a list of tables with `host`, `kind` and what the kind needs.",
    )
    upstreams: Annotated[
        tuple[UpstreamTable, ...], AfterValidator(check_tables), BeforeValidator(parse_tables)
    ] = Field(
        default=(),
        description="What is particular to one upstream: a list of tables with `url` and any of `ca`, "
        "`client_cert`, `client_key`, `proxy`, `username`, `secret_file`, `secret_env`, `concurrency` and "
        "time limits.",
    )
    tls: Tls = Field(
        default=Tls(),
        description=str(Tls.__doc__),
    )
    cache: Cache = Field(
        default=Cache(),
        description=str(Cache.__doc__),
    )
    fetch: Fetch = Field(
        default=Fetch(),
        description=str(Fetch.__doc__),
    )
    prefetch: Prefetch = Field(
        default=Prefetch(),
        description=str(Prefetch.__doc__),
    )
    log: Log = Field(
        default=Log(),
        description=str(Log.__doc__),
    )
    breaker: Breaker = Field(
        default=Breaker(),
        description=str(Breaker.__doc__),
    )
    limits: Limits = Field(
        default=Limits(),
        description=str(Limits.__doc__),
    )

    vcs: Vcs = Field(
        default=Vcs(),
        description=str(Vcs.__doc__),
    )
    publish: Publish = Field(
        default=Publish(),
        description=str(Publish.__doc__),
    )
    checksum_log: ChecksumLog = Field(
        default=ChecksumLog(),
        description=str(ChecksumLog.__doc__),
    )
    admin: Admin = Field(
        default=Admin(),
        description=str(Admin.__doc__),
    )
    reload: Reload = Field(
        default=Reload(),
        description=str(Reload.__doc__),
    )
    index: Index = Field(
        default=Index(),
        description=str(Index.__doc__),
    )
    policy: PolicyConfig = Field(
        default=PolicyConfig(),
        description=str(PolicyConfig.__doc__),
    )
    advisories: Advisories = Field(
        default=Advisories(),
        description=str(Advisories.__doc__),
    )
    ledger: LedgerConfig = Field(
        default=LedgerConfig(),
        description=str(LedgerConfig.__doc__),
    )
    consumers: Consumers = Field(
        default=Consumers(),
        description=str(Consumers.__doc__),
    )
    webhooks: Annotated[tuple[Webhook, ...], BeforeValidator(parse_tables)] = Field(
        default=(),
        description="Who is told of what happens: a list of tables with `name`, `url` or `url_file`, and any "
        "of `format`, `secret_file`, `events`, `consumers`, `rate`, `internal`, `lang`.",
    )
    notify: Notify = Field(
        default=Notify(),
        description=str(Notify.__doc__),
    )
    scan: Scan = Field(
        default=Scan(),
        description=str(Scan.__doc__),
    )

    @model_validator(mode="after")
    def _named_clients(self) -> Self:
        if any(route.principals for route in self.routes) and self.tls.client_ca is None:
            raise ValueError(
                "routes with principals need tls.client_ca: a client's certificate is what names it"
            )
        return self

    @model_validator(mode="after")
    def _one_webhook_a_name(self) -> Self:
        names = [each.name for each in self.webhooks]
        if len(set(names)) < len(names):
            raise ValueError("two webhooks have one name")
        return self

    @model_validator(mode="after")
    def _something_to_publish(self) -> Self:
        named = self.publish.match or any(route.source == "publish-only" for route in self.routes)
        if self.publish.enabled and not named:
            raise ValueError("publish.enabled needs publish.match, or a route with source publish-only")
        return self

    @property
    def base_url(self) -> str:
        """The URL a client on this machine puts into GOPROXY; empty for a Unix socket."""
        if self.listen.socket is not None:
            return ""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.listen.host, self.listen.host)  # noqa: S104
        scheme = "https" if self.tls.cert is not None else "http"
        return f"{scheme}://{Listen(host, self.listen.port)}{self.prefix}"
