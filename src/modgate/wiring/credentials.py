"""The configuration's `[[credentials]]` as the object that is asked for them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from modgate.transport.credentials import Entry, HostCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.config import Config
    from modgate.model.credentials import Credentials

__all__ = ["certificates", "credentials"]


def credentials(config: Config, *, warn: Callable[[str], None] | None = None) -> Credentials:
    """What hosts are told, as configured; what a person should know of it goes to `warn` (the log), once.

    Raises Invalid for entries that contradict each other.
    """
    told = structlog.get_logger("modgate").warning if warn is None else warn
    found = HostCredentials(
        [
            Entry(
                host=each.host,
                kind=each.kind,
                username=each.username,
                bearer=each.bearer,
                token_env=each.token_env,
                token_file=each.token_file,
                helper=each.helper,
                app_id=each.app_id,
                installation_id=each.installation_id,
                key_file=each.key_file,
                api=each.api,
                agent=each.agent,
                known_hosts=each.known_hosts,
                config=each.config,
            )
            for each in config.credentials
        ],
        clock=time.time,
        git=config.vcs.git,
        warn=told,
    )
    for line in found.warnings():
        told(line)
    return found


def certificates(environ: Mapping[str, str]) -> Path | None:
    """The file of certificates that git must trust, where the gate's environment names one.

    git runs in an environment of its own and would otherwise know the system's alone, while the gate
    itself, as OpenSSL does, goes by SSL_CERT_FILE.
    """
    named = environ.get("GIT_SSL_CAINFO") or environ.get("SSL_CERT_FILE")
    return Path(named) if named else None
