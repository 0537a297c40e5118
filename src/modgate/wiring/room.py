"""What may not be taken from the store to make room for others."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from modgate.model.routes import PUBLISHED
from modgate.storage.disk import DiskStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import BlobStore, Ledger
    from modgate.model.routes import RouteTable

__all__ = ["bound", "may_not_return"]


def may_not_return(table: RouteTable, path: ModulePath) -> bool:
    """Whether a module that is taken away may be lost: private, restricted and published ones."""
    return table.is_private(path) or not table.is_open(path) or table.find(path).source == PUBLISHED


def bound(store: BlobStore, limit: int, ledger: Ledger, table: Callable[[], RouteTable]) -> None:
    """Hold a store in a folder to a limit; 0 is none. `table` gives the routes in force."""
    if not limit or not isinstance(store, DiskStore):
        return

    async def spared() -> Callable[[ModulePath, Version], bool]:
        routes = table()
        pins = {(pin.path, pin.version) for pin in await ledger.pins()}

        @cache
        def whole(path: ModulePath) -> bool:
            return (path, None) in pins or may_not_return(routes, path)

        return lambda path, version: (path, version) in pins or whole(path)

    store.bound(limit, spared, monotonic=time.monotonic)
