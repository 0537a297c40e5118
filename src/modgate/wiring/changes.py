"""What differs between two configurations, and what follows from that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.config import all_keys

if TYPE_CHECKING:
    from pydantic import BaseModel

    from modgate.config import Config

__all__ = ["changed_keys", "fetches_alike", "value_of"]

_NO_FETCH_GOES_BY = frozenset(
    {
        "listen",
        "prefix",
        "trusted_proxies",
        "tls",
        "cache",
        "prefetch",
        "log",
        "limits",
        "admin",
        "reload",
        "index",
        "policy",
        "advisories",
        "ledger",
        "consumers",
        "webhooks",
        "notify",
        "scan",
    }
)
"""Sections and keys that say nothing of where, how and with which proof an object is fetched."""


def changed_keys(old: Config, new: Config) -> list[str]:
    """The keys whose values differ, dotted, in the order of the model."""
    return [name for name in all_keys() if value_of(old, name) != value_of(new, name)]


def value_of(config: Config, name: str) -> Any:
    """The value of a dotted key."""
    section, _, leaf = name.rpartition(".")
    holder: BaseModel = getattr(config, section) if section else config
    return getattr(holder, leaf)


def fetches_alike(old: Config, new: Config) -> bool:
    """Whether both fetch the same object from the same place in the same way. A key that nobody thought of
    here makes them differ, at the price of one fetch.
    """
    return all(name.partition(".")[0] in _NO_FETCH_GOES_BY for name in changed_keys(old, new))
