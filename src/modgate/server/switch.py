"""The application that is served, which another one may replace while requests are answered.

A request stays with the application that it came to. `replace` takes effect at once, in the same step in
which the gate adopts what the new one stands on: an old way that answered after that would have its answer
kept as one of the new. `emptied` returns when nobody is left with the old one, so that it can be closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from modgate.firewall.tally import Tally
    from modgate.server.app import App, Settings
    from modgate.server.memo import Memo
    from modgate.server.transmit import Receive, Send
    from modgate.telemetry import Metrics

__all__ = ["Switch"]

_LOOK = 0.1


class Switch:
    """Stands where the listener expects an `App`. Memo and metrics are the same for all it ever holds."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._inside: dict[App, int] = {app: 0}

    @property
    def app(self) -> App:
        """The one that new requests come to."""
        return self._app

    @property
    def memo(self) -> Memo:
        """The hot answers."""
        return self._app.memo

    @property
    def metrics(self) -> Metrics:
        """What is counted."""
        return self._app.metrics

    @property
    def settings(self) -> Settings:
        """How the endpoints behave now."""
        return self._app.settings

    @property
    def tally(self) -> Tally:
        """What counts who was given what; the same for all as well."""
        return self._app.tally

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        self._inside[app] += 1
        try:
            await app(scope, receive, send)
        finally:
            self._inside[app] -= 1
            if not self._inside[app] and app is not self._app:
                del self._inside[app]  # nobody holds on to what was replaced any longer than its requests

    def replace(self, app: App) -> App:
        """Give new requests to another application; returns the old one, for `emptied`."""
        old, self._app = self._app, app
        self._inside[app] = 0
        return old

    async def emptied(self, old: App, *, patience: float) -> None:
        """Wait at most `patience` seconds for the requests that are with an application of before."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while self._inside.get(old) and loop.time() < end:  # noqa: ASYNC110  an event would cost each request
            await asyncio.sleep(_LOOK)
        if not self._inside.get(old) and old is not self._app:
            self._inside.pop(old, None)
