"""Publishing, from its configuration: nothing where it is off."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from modgate.config import publish_patterns
from modgate.errors import Unavailable
from modgate.model import Context, Sums, Verification
from modgate.model.routes import PUBLISHED
from modgate.server.publish import Patience, Publishing
from modgate.server.tokens import Tokens
from modgate.source.publish import Publisher

if TYPE_CHECKING:
    from modgate.checksumdb.log import ChecksumLog
    from modgate.gomod.types import ModuleVersion
    from modgate.source.cached import CachedSource
    from modgate.source.observed import Observer
    from modgate.wiring.stack import Ground

__all__ = ["build_publisher", "build_publishing"]


def build_publisher(
    ground: Ground,
    cached: CachedSource,
    observer: Observer,
    log: ChecksumLog | None = None,
) -> Publisher | None:
    """What takes versions; None where publishing is off. Raises Unavailable for a store that forgets.

    `log` is the gate's own checksum log, which takes each version before it becomes visible.
    """
    config = ground.config
    if not config.publish.enabled:
        return None
    if config.store.path is None:
        raise Unavailable(
            "publishing needs a store on disk: one in memory forgets what nothing could bring back",
            where="publish.enabled",
            next_step="Name a folder: --store DIR.",
        )

    async def logged(version: ModuleVersion, h1: str, h1_mod: str) -> None:
        if log is not None:
            await log.log(Context(background=True), version, Sums(h1, h1_mod, Verification.LOCAL))

    return Publisher(
        ground.store,
        ground.witness(kind="published"),
        clock=time.time,
        patterns=publish_patterns(config),
        served=lambda path: ground.table.find(path).source == PUBLISHED,
        forget=cached.forget,
        alert=observer.alert,
        logged=logged,
        verified=Verification.LOCAL if log is None else Verification.LOG,
    )


def build_publishing(ground: Ground, publisher: Publisher | None) -> Publishing | None:
    """What answers uploads. Raises Unavailable where no token can be read."""
    if publisher is None:
        return None
    config = ground.config
    variable = config.publish.token_env
    tokens = Tokens(config.publish.token_file, (variable, os.environ.get(variable, "") if variable else ""))
    tokens.check()
    patience = Patience(stall=config.limits.stall_timeout)
    return Publishing(publisher, tokens, monotonic=time.monotonic, patience=patience)
