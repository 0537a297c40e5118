"""For whom the operator's credentials are used and internal hosts are reached: the operator's own modules.

Anybody may write a go-import page, and it may name any repository: one that the gate's token opens, or one
that only the inside of a network sees. Were every module fetched with all the gate may do, whoever may ask
for `evil.example/x` could read it under that name. So there are two ways to version control that share
nothing, no mirror, no list of refs, no turn: one for the modules that the operator named as private or
restricted, and one for everything else, which shows nobody a credential and reaches public addresses only.

A repository may also be asked for under a second name (`….git`, a page), which no restricted route covers.
Its address is a name as well, so the readers of that name's route count too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.errors import Denied

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath
    from modgate.model import Answer, Context, ModuleSource
    from modgate.model.routes import RouteTable
    from modgate.vcs.roots import RepositoryRoot, RootFinder

__all__ = ["AnonymousFinder", "ConfidedSource", "ReadersFinder", "address_as_name"]

_ADDRESS = re.compile(
    r"(?:[a-z+]+://(?:[^/@]*@)?(?P<host>\[[^]/]*\]|[^/:]*)(?::[0-9]*)?/|(?:[^/@]*@)?(?P<scp>[^/:]+):/*)(?P<path>.*)\Z"
)
_SUFFIX = re.compile(r"\.(?:bzr|fossil|git|hg|svn)\Z", re.IGNORECASE)


class ConfidedSource:
    """Asks `inside` for modules that are `confided`, else `outside` (`model.ModuleSource`)."""

    def __init__(self, inside: ModuleSource, outside: ModuleSource, confided: Callable[[str], bool]) -> None:
        self._inside = inside
        self._outside = outside
        self._confided = confided

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The answer of the source for this module."""
        source = self._inside if self._confided(request.path) else self._outside
        return await source.fetch(ctx, request)

    async def close(self) -> None:
        """Close both."""
        await self._inside.close()
        await self._outside.close()


class AnonymousFinder:
    """Finds roots for which nothing is confided (`vcs.roots.RootFinder`): ssh would say who we are."""

    def __init__(self, inner: RootFinder) -> None:
        self._inner = inner

    async def find(self, ctx: Context, path: ModulePath) -> RepositoryRoot:
        """The inner answer. Raises Denied for an address that is not https or http, and as the inner one."""
        root = await self._inner.find(ctx, path)
        if not root.url.startswith(("https://", "http://")):
            raise Denied(
                "its repository is at an ssh address, and keys are used for private modules only",
                where=path,
                next_step="name the module in a route with private = true, if it is yours",
            )
        return root

    async def close(self) -> None:
        """Close the inner finder."""
        await self._inner.close()


class ReadersFinder:
    """Refuses modules with readers whom their repository's own name does not admit (`vcs.roots.RootFinder`).

    `named` tells the modules whose repository the operator named: that address is his word.
    """

    def __init__(self, inner: RootFinder, table: RouteTable, named: Callable[[str], bool]) -> None:
        self._inner = inner
        self._table = table
        self._named = named

    async def find(self, ctx: Context, path: ModulePath) -> RepositoryRoot:
        """The inner answer. Raises Denied where the module has more readers, and as the inner one."""
        root = await self._inner.find(ctx, path)
        if self._named(path):
            return root
        parts = (address_as_name(root.url), root.subdir, path[len(root.root) :].strip("/"))
        name = "/".join(filter(None, parts))
        owners = self._table.find(name)
        readers = self._table.find(path).principals
        # What is fetched is kept for everyone who may read the module, so all of them count, not who asks.
        if owners.principals and not (readers and set(readers) <= set(owners.principals)):
            raise Denied(
                "its repository is restricted under its own name, and more clients may read this one",
                where=path,
                next_step=f"ask for it by its own name, or give both the same principals ({owners.origin})",
            )
        return root

    async def close(self) -> None:
        """Close the inner finder."""
        await self._inner.close()


def address_as_name(url: str) -> str:
    """The module path that a repository's address is by itself: its host and path, without a suffix."""
    found = _ADDRESS.match(url)
    if found is None:
        return ""
    host = (found["host"] or found["scp"] or "").lower()
    return f"{host}/{_SUFFIX.sub('', found['path'].strip('/'))}"
