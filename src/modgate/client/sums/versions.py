"""What the module proxies say of the versions in use: published when, retracted, deprecated, newer.

None of it is proved; it is what `go list -m -u -retracted` would show. Retractions and the deprecation stand
in the go.mod of the version that `latest` means while nothing is held for retracted. A module that GONOPROXY
names is not asked for: its name is nobody's business. Source: cmd/go/internal/modload (CheckRetractions).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.sums.rows import Facts
from modgate.client.sums.verify import AT_ONCE, Patience
from modgate.errors import Absent, ModgateError, Unavailable
from modgate.gomod import modfile, protocol, query, semver
from modgate.gomod.protocol import Kind
from modgate.model.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modgate.client.sums.seen import Seen
    from modgate.model import ModuleSource

__all__ = ["Advisor"]

_ASKER = Context()


@dataclass(frozen=True, slots=True)
class _Module:
    """What is known of a module, whatever the version."""

    versions: tuple[str, ...] = ()
    newest_commit: str = ""
    retracts: tuple[tuple[str, str, str], ...] = ()
    deprecated: str = ""
    failure: str = ""


class Advisor:
    """Asks for each module once."""

    def __init__(self, source: ModuleSource, seen: Seen, clock: Callable[[], float]) -> None:
        self._source = source
        self._seen = seen
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._patience = Patience()
        self._modules: dict[str, _Module] = {}
        self._times: dict[str, str] = {}

    async def ask(self, versions: Iterable[tuple[str, str]], progress: Callable[[], None]) -> None:
        """Have the facts of these versions."""
        wanted = list(dict.fromkeys(versions))

        async def module(path: str) -> None:
            async with self._slots:
                self._modules[path] = await self._module(path)

        async def published(path: str, version: str) -> None:
            async with self._slots:
                self._times[f"{path}@{version}"] = await self._published(path, version)
            progress()

        paths = dict.fromkeys(path for path, _ in wanted)
        await asyncio.gather(*map(module, paths), *(published(*key) for key in wanted))

    def facts(self, path: str, version: str) -> Facts:
        """The facts of a version that was asked for."""
        module = self._modules[path]
        retracted = query.retracted_by((low, high) for low, high, _ in module.retracts)
        reason = next(
            (why for low, high, why in module.retracts if query.retracted_by([(low, high)])(version)), None
        )
        allowed = [known for known in module.versions if not retracted(known)]
        wish = query.Query(
            "latest", may_use_latest=True, takes_incompatible=version.endswith("+incompatible")
        )
        newest = query.choose(wish, allowed, newest_commit=module.newest_commit or None) or ""
        return Facts(
            published=self._times[f"{path}@{version}"],
            newest=newest,
            newer=bool(newest) and semver.compare(newest, version) > 0,
            retracted=reason,
            deprecated=module.deprecated,
            failure=module.failure,
        )

    async def _fetch(self, kind: Kind, path: str, version: str = "") -> bytes:
        if self._patience.spent:
            raise Unavailable(f"not asked any more: {self._patience.words}")
        try:
            answer = await self._source.fetch(_ASKER, protocol.checked(kind, path, version))
        except ModgateError as error:
            self._patience.saw(error)
            raise
        self._patience.saw(None)
        return answer.body if isinstance(answer.body, bytes) else b""

    async def _module(self, path: str) -> _Module:
        try:
            listed = protocol.checked(Kind.LIST, path)
            versions = tuple(protocol.parse_list(await self._fetch(Kind.LIST, path), listed.path))
            commit = ""
            if not versions:
                commit = await self._newest_commit(path)
            top = query.choose(
                query.Query("latest", may_use_latest=True), versions, newest_commit=commit or None
            )
            if top is None:
                return _Module(versions, commit)
            go_mod = modfile.parse_lax(await self._fetch(Kind.MOD, path, top))
        except ModgateError as error:
            return _Module(failure=" ".join(error.lines()[:1]))
        return _Module(
            versions,
            commit,
            tuple((it.low, it.high, it.rationale) for it in go_mod.retract),
            go_mod.module.deprecated if go_mod.module else "",
        )

    async def _newest_commit(self, path: str) -> str:
        """The version of the newest commit; many proxies know none where there is no tag."""
        try:
            return protocol.parse_info(await self._fetch(Kind.LATEST, path), asked=None).version
        except Absent:
            return ""

    async def _published(self, path: str, version: str) -> str:
        name = f"{path}@{version}"
        known = self._seen.published(name)
        if known:
            return known
        try:
            info = protocol.parse_info(await self._fetch(Kind.INFO, path, version), asked=version)
        except ModgateError:
            return ""
        self._seen.learn(name, info.time, self._clock())
        return info.time
