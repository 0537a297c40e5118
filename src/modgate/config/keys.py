"""The names of every key, in each place one can be written, and what a wrong name was meant to be.

A key is `fetch.retries` in errors and in `--set`, `retries` under `[fetch]` in the file, and
`MODGATE_FETCH_RETRIES` in the environment. All three are derived from the model.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pydantic import BaseModel

from modgate.config.firewall import Webhook
from modgate.config.foreign import foreign_hint
from modgate.config.model import Config
from modgate.config.private import Credential, Route
from modgate.config.upstreams import UpstreamTable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ENV_PREFIX",
    "FLAGS",
    "PATH_KEYS",
    "TABLE_PATHS",
    "Key",
    "all_keys",
    "nearest",
    "sections",
    "unknown",
    "unknown_within",
]

ENV_PREFIX = "MODGATE_"

PATH_KEYS = frozenset(
    {
        "store",
        "tls.cert",
        "tls.key",
        "tls.client_ca",
        "vcs.cache",
        "publish.token_file",
        "checksum_log.key_file",
        "admin.token_file",
        "policy.file",
        "ledger.password_file",
        "consumers.file",
        "scan.secret_file",
    }
)
"""Keys whose relative paths, in a file, are relative to that file's folder."""

TABLE_PATHS = {
    "credentials": ("token_file", "key_file", "known_hosts", "config"),
    "upstreams": ("ca", "client_cert", "client_key", "secret_file"),
    "webhooks": ("url_file", "secret_file"),
}
"""The same for keys inside lists of tables."""

_TABLES: dict[str, type[BaseModel]] = {
    "routes": Route,
    "credentials": Credential,
    "upstreams": UpstreamTable,
    "webhooks": Webhook,
}

FLAGS = {
    "--listen": "listen",
    "--prefix": "prefix",
    "--store": "store",
    "--upstream": "upstream",
    "--sumdb": "sumdb",
    "--private": "private",
    "--tls-cert": "tls.cert",
    "--tls-key": "tls.key",
    "--tls-client-ca": "tls.client_ca",
    "--no-prefetch": "prefetch.enabled",
    "--log-format": "log.format",
    "--log-level": "log.level",
    "--log-access": "log.access",
}
"""The flags of `modgate serve` that stand for a key; every other key is reached by `--set`."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its dotted name, its variable, and what the manual says of it."""

    name: str
    description: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return ENV_PREFIX + self.name.replace(".", "_").upper()


@cache
def all_keys() -> dict[str, Key]:
    """Every key by its dotted name, in the order of the model."""
    keys: list[Key] = []
    for name, field in Config.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += [
                Key(f"{name}.{inner}", inner_field.description or "")
                for inner, inner_field in kind.model_fields.items()
            ]
        else:
            keys.append(Key(name, field.description or ""))
    return {key.name: key for key in keys}


@cache
def sections() -> frozenset[str]:
    """The names of the tables of the file."""
    return frozenset(name.partition(".")[0] for name in all_keys() if "." in name)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like `name`; empty where none does."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def unknown(name: str, *, shown: str = "", flags: Iterable[str] = (), command: str = "modgate serve") -> str:
    """One sentence about an unknown key, variable or flag: what it was probably meant to be.

    `name` is as written, without dashes or prefix; `shown` is how the suggestion is spelled where
    the mistake was made: `flag`, `variable`, or a key as it is. A flag was given to `command`, which takes
    `flags`; those that stand for keys elsewhere are reached by `--set` there.
    """
    if hint := foreign_hint(name):
        return hint
    if shown == "flag":
        elsewhere = FLAGS.get(f"--{name}", "")
        if elsewhere and flags:
            return f"did you mean --set {elsewhere}=VALUE?"
        guess = nearest(f"--{name}", [*(flags or FLAGS), "--config", "--set", "--help"])
        if guess:
            return f"did you mean {guess}?"
        key = _guess_key(name)
        return f"did you mean --set {key}=VALUE?" if key else f"`{command} --help` lists the flags"
    key = _guess_key(name)
    if not key:
        return "docs/configuration.md lists every key"
    return f"did you mean {all_keys()[key].variable if shown == 'variable' else key}?"


def unknown_within(tables: str, name: str) -> str:
    """The same for a key of one of the `tables` of a list, such as `routes`."""
    known = _TABLES[tables].model_fields
    guess = nearest(name, known)
    return f"did you mean {guess}?" if guess else f"known are {', '.join(known)}"


def _guess_key(name: str) -> str:
    """The key nearest to a name written with dots, dashes or underscores, with or without table."""
    section, _, inner = name.lower().replace("-", "_").rpartition(".")
    if section in sections():
        guess = nearest(inner, (key.partition(".")[2] for key in all_keys() if key.startswith(f"{section}.")))
        return f"{section}.{guess}" if guess else ""
    flat = name.lower().replace("-", "_").replace(".", "_")
    by_flat = {key.replace(".", "_"): key for key in all_keys()}
    leaves = {key.rpartition(".")[2]: key for key in all_keys()}
    if leaf := leaves.get(name.lower().rpartition(".")[2].replace("-", "_")):
        return leaf
    if guess := nearest(flat, by_flat):
        return by_flat[guess]
    return leaves.get(nearest(flat, leaves), "")
