"""Publishing, from its configuration: nothing where it is off."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from modgate.config import publish_patterns
from modgate.errors import Unavailable
from modgate.server.publish import Patience, Publishing
from modgate.server.tokens import Tokens
from modgate.source.publish import Publisher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.types import ModuleVersion
    from modgate.source.cached import CachedSource
    from modgate.source.observed import Observer
    from modgate.wiring.stack import Ground

__all__ = ["build_publisher", "build_publishing"]


def build_publisher(
    ground: Ground,
    cached: CachedSource,
    observer: Observer,
    *,
    logged: Callable[[ModuleVersion, str, str], Awaitable[None]] | None = None,
) -> Publisher | None:
    """What takes versions; None where publishing is off. Raises Unavailable for a store that forgets.

    `logged` enters a version into the gate's own checksum log.
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
    hooks = {} if logged is None else {"logged": logged}
    return Publisher(
        ground.store,
        ground.ledger,
        clock=time.time,
        patterns=publish_patterns(config),
        forget=cached.forget,
        alert=observer.alert,
        **hooks,
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
