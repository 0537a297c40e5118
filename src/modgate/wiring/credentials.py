"""The configuration's `[[credentials]]` as the object that is asked for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from modgate.transport.credentials import Entry, HostCredentials

if TYPE_CHECKING:
    from modgate.config import Config
    from modgate.model.credentials import Credentials

__all__ = ["credentials"]


def credentials(config: Config) -> Credentials:
    """What hosts are told, as configured; what a person should know of it goes to the log, once.

    Raises Invalid for entries that contradict each other.
    """
    log = structlog.get_logger("modgate")
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
        warn=log.warning,
    )
    for line in found.warnings():
        log.warning(line)
    return found
