"""Another application takes over: at once, while requests stay with the one that they came to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from modgate.server.app import App
from modgate.server.switch import Switch
from tests.support.sources import ScriptedSource

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "raw_path": b"/example.test/lib/@v/list",
        "path": "/example.test/lib/@v/list",
        "query_string": b"",
        "headers": [(b"host", b"x")],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def _never() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def test_a_request_that_begins_after_the_replacement_meets_the_new_application() -> None:
    """Else the old way's answer would be kept under the generation of the new configuration."""
    old, new = ScriptedSource(), ScriptedSource()
    for source in (old, new):
        source.answers["example.test/lib/@v/list"] = b"v1.0.0\n"
    switch = Switch(App(old))
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asking = asyncio.create_task(switch(_scope(), _never, send))
    before = switch.replace(App(new))
    await asking
    await switch.emptied(before, patience=1.0)
    assert (old.counts.total(), new.counts.total()) == (0, 1)
    assert sent[0]["status"] == 200
