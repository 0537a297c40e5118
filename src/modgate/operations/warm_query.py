"""What `module@query` means, asked of the sources as the go command asks a proxy.

`latest` and prefixes choose from the list, past what the newest version's go.mod retracts; without a list the
newest commit counts. A branch or a commit is for the source to resolve. Source:
cmd/go/internal/modload/query.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError
from modgate.gomod import modfile, module, protocol, query
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.types import ModuleVersion
from modgate.operations.warm_fill import ASKING
from modgate.source.bodies import small_body

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.gomod.query import Query
    from modgate.gomod.types import ModulePath
    from modgate.operations.works import Way

__all__ = ["resolve"]


async def resolve(way: Way, subject: str) -> ModuleVersion:
    """The version that `module@query` means. Raises Invalid, Absent, and what a source raises."""
    written, _, text = subject.partition("@")
    path, text = module.check_path(written), text or "latest"
    if module.canonical_version(text) == text:
        request = protocol.checked(Kind.INFO, path, text)
        return request.module_version if request.kind is Kind.INFO else await _asked(way, request)
    wish = query.parse_query(path, "latest" if text == "upgrade" else text)
    if wish is None or wish.exact:
        return await _asked(way, protocol.checked(Kind.INFO, path, text))
    versions = protocol.parse_list(await small_body(await way.fetch(ASKING, Request(Kind.LIST, path))), path)
    return await _chosen(way, path, wish, versions)


async def _chosen(way: Way, path: ModulePath, wish: Query, versions: Sequence[str]) -> ModuleVersion:
    newest = query.latest(versions)
    retracted = await _retracted(way, path, newest) if newest else query.retracted_by(())
    chosen = query.choose(wish, versions, allowed=lambda version: not retracted(version))
    if chosen is not None:
        return module.check(path, chosen)
    if wish.may_use_latest:
        return await _asked(way, Request(Kind.LATEST, path))
    raise Absent(f"no version of it matches {wish.text}", where=path)


async def _retracted(way: Way, path: ModulePath, newest: str) -> Callable[[str], bool]:
    try:
        request = Request.exact(Kind.MOD, module.check(path, newest))
        go_mod = modfile.parse_lax(await small_body(await way.fetch(ASKING, request)))
    except ModgateError:
        return query.retracted_by(())
    return query.retracted_by((each.low, each.high) for each in go_mod.retract)


async def _asked(way: Way, request: Request) -> ModuleVersion:
    """The version that an `.info` names. Raises Unavailable for one that is none."""
    body = await small_body(await way.fetch(ASKING, request))
    return ModuleVersion(request.path, protocol.parse_info(body, asked=None, path=request.path).version)
