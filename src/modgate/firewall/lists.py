"""What the firewall itself asks a module's source: its list, commit times, and the go.mod that speaks for it.

Retractions and deprecation are those of the go.mod that `@latest` means (cmd/go/internal/modload,
CheckRetractions). Everything is asked as any client would be answered, without its rights, so it comes from
the cache where it can; what was heard is kept for a minute, since one command asks about a module many times.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Invalid, ModgateError
from modgate.gomod import modfile, query
from modgate.gomod.protocol import Kind, Request, parse_info, parse_list
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.policy.facts import Unknown
from modgate.source.bodies import small_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.modfile import GoMod
    from modgate.model import Context, ModuleSource

__all__ = ["Modules", "Spoken"]

_HELD = 4096
_UNKNOWN_FOR = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a module's authors say of it.

    Attributes:
        deprecated: The message; empty for none.
        retracted: Closed intervals of versions, with the reason of each.
    """

    deprecated: str = ""
    retracted: tuple[tuple[str, str, str], ...] = ()

    def retraction(self, version: str) -> str:
        """Why a version was retracted; empty where it was not."""
        for low, high, why in self.retracted:
            if query.retracted_by(((low, high),))(version):
                return why or "retracted by its author"
        return ""


class Modules:
    """Answers about modules, from a source.

    Args:
        source: Where the cache answers; never the guarded source.
        monotonic: Seconds.
        limit: How long a client may be kept waiting for one answer.
        keep: For how many seconds answers are kept.
    """

    def __init__(
        self,
        source: ModuleSource,
        *,
        monotonic: Callable[[], float],
        limit: float = 10.0,
        keep: float = 60.0,
    ) -> None:
        self._source = source
        self._monotonic = monotonic
        self._limit = limit
        self._keep = keep
        self._lists: OrderedDict[tuple[str, str], tuple[float, tuple[Version, ...] | Unknown]] = OrderedDict()
        self._spoken: OrderedDict[tuple[str, str], tuple[float, Spoken | Unknown]] = OrderedDict()

    async def versions(self, ctx: Context, path: ModulePath) -> tuple[Version, ...] | Unknown:
        """The whole list, whatever is hidden of it."""
        return await self._kept(self._lists, ctx, path, lambda: self._list(ctx, path))

    async def spoken(self, ctx: Context, path: ModulePath) -> Spoken | Unknown:
        """What the go.mod of the newest version says."""
        return await self._kept(self._spoken, ctx, path, lambda: self._speaks(ctx, path))

    async def committed(self, ctx: Context, version: ModuleVersion) -> str | Unknown:
        """The commit time that `.info` gives, in RFC 3339; empty where it gives none."""

        async def ask() -> str:
            info = parse_info(await self._body(ctx, Request.exact(Kind.INFO, version)), asked=version.version)
            return info.time

        return await self._asked(ask)

    async def go_mod(self, ctx: Context, version: ModuleVersion) -> GoMod | Unknown:
        """Its go.mod."""

        async def ask() -> GoMod:
            return modfile.parse_lax(await self._body(ctx, Request.exact(Kind.MOD, version)))

        return await self._asked(ask)

    async def _list(self, ctx: Context, path: ModulePath) -> tuple[Version, ...] | Unknown:
        async def ask() -> tuple[Version, ...]:
            return parse_list(await self._body(ctx, Request(Kind.LIST, path)), path)

        return await self._asked(ask)

    async def _speaks(self, ctx: Context, path: ModulePath) -> Spoken | Unknown:
        listed = await self.versions(ctx, path)
        newest = None if isinstance(listed, Unknown) else query.latest(listed)
        if newest is None:

            async def ask() -> str:
                body = await self._body(ctx, Request(Kind.LATEST, path))
                return parse_info(body, asked=None, path=path).version

            found = await self._asked(ask)
            if isinstance(found, Unknown):
                return found
            newest = found
        go_mod = await self.go_mod(ctx, ModuleVersion(path, Version(newest)))
        if isinstance(go_mod, Unknown):
            return go_mod
        deprecated = "" if go_mod.module is None else go_mod.module.deprecated
        return Spoken(deprecated, tuple((each.low, each.high, each.rationale) for each in go_mod.retract))

    async def _body(self, ctx: Context, request: Request) -> bytes:
        ours = replace(ctx.detached(), consumer="")
        return await small_body(await self._source.fetch(ours, request))

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T | Unknown:
        try:
            async with asyncio.timeout(self._limit):
                return await question()
        except Invalid as error:
            return Unknown(error.what)
        except ModgateError as error:
            return Unknown(error.lines()[0])
        except TimeoutError:
            return Unknown(f"its source did not answer within {self._limit:g} s")

    async def _kept(
        self,
        kept: OrderedDict[tuple[str, str], tuple[float, T | Unknown]],
        ctx: Context,
        path: str,
        question: Callable[[], Awaitable[T | Unknown]],
    ) -> T | Unknown:
        key = (f"{ctx.credential_scope} {ctx.fetch}", path)
        held = kept.get(key)
        if held is not None and self._monotonic() < held[0]:
            return held[1]
        found = await question()
        seconds = _UNKNOWN_FOR if isinstance(found, Unknown) else self._keep
        kept[key] = (self._monotonic() + seconds, found)
        kept.move_to_end(key)
        while len(kept) > _HELD:
            kept.popitem(last=False)
        return found
