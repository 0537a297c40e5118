"""`modgate status`: how a running server is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modgate.model.operations import Summary
from modgate.operations.params import params_as

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["status"]


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """None."""


async def status(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """One summary: its facts are those of the server."""
    params_as(Params, params)
    yield Summary(ok=True, facts=await works.status())
