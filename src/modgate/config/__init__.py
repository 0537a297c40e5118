"""The configuration: one TOML file, `MODGATE_*` variables and flags, checked as one."""

from modgate.config.keys import FLAGS, Key, all_keys, unknown
from modgate.config.load import ConfigInvalid, Loaded, load, warnings
from modgate.config.model import Breaker, Cache, Config, Fetch, Limits, Log, Prefetch, Tls
from modgate.config.values import Listen, StoreSpec, redact

__all__ = [
    "FLAGS",
    "Breaker",
    "Cache",
    "Config",
    "ConfigInvalid",
    "Fetch",
    "Key",
    "Limits",
    "Listen",
    "Loaded",
    "Log",
    "Prefetch",
    "StoreSpec",
    "Tls",
    "all_keys",
    "load",
    "redact",
    "unknown",
    "warnings",
]
