"""The configuration: one TOML file, `MODGATE_*` variables and flags, checked as one."""

from modgate.config.files import watched_files
from modgate.config.keys import FLAGS, Key, all_keys, unknown
from modgate.config.load import ConfigInvalid, Loaded, load, warnings
from modgate.config.model import Breaker, Cache, Config, Fetch, Limits, Log, Prefetch, Tls
from modgate.config.operating import Admin, Index, Reload
from modgate.config.private import ChecksumLog, Credential, Publish, Route, Vcs
from modgate.config.routing import publish_patterns, route_table
from modgate.config.upstreams import UpstreamTable, table_for, upstream_addresses
from modgate.config.values import Listen, StoreSpec, redact

__all__ = [
    "FLAGS",
    "Admin",
    "Breaker",
    "Cache",
    "ChecksumLog",
    "Config",
    "ConfigInvalid",
    "Credential",
    "Fetch",
    "Index",
    "Key",
    "Limits",
    "Listen",
    "Loaded",
    "Log",
    "Prefetch",
    "Publish",
    "Reload",
    "Route",
    "StoreSpec",
    "Tls",
    "UpstreamTable",
    "Vcs",
    "all_keys",
    "load",
    "publish_patterns",
    "redact",
    "route_table",
    "table_for",
    "unknown",
    "upstream_addresses",
    "warnings",
    "watched_files",
]
