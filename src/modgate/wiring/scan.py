"""The scanner that a configuration names, and what examines the zips of a gate."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.firewall.examiner import Examiner
from modgate.gomod.protocol import Kind, Request
from modgate.model.credentials import Secret
from modgate.scan.unpacked import licences_in
from modgate.source.scopes import store_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from modgate.config import Config
    from modgate.firewall.examiner import Scanner
    from modgate.gomod.types import ModulePath, ModuleVersion, Version
    from modgate.model import Blob, Context
    from modgate.model.decision import Decision
    from modgate.model.sightings import ScanVerdict
    from modgate.policy.facts import Unknown
    from modgate.wiring.gate import Gate

__all__ = ["Examining", "build_scanner"]


def build_scanner(config: Config) -> Scanner | None:
    """The scanner, None where none is configured. Raises Invalid for one that cannot be run, Unavailable."""
    scan = config.scan
    if scan.command:
        from modgate.scan.command import CommandScanner, CommandSettings  # noqa: PLC0415  where one is wanted

        base = config.store.path
        below = _temporary() if base is None else base / ".modgate" / "scan"
        scanner = CommandScanner(
            CommandSettings(scan.command, scan.timeout, scan.memory, scan.network, scratch=below)
        )
        scanner.check()
        return scanner
    if scan.url:
        from modgate.scan.service import ServiceScanner  # noqa: PLC0415  likewise

        secret = None if scan.secret_file is None else Secret(_token(scan.secret_file))
        return ServiceScanner(scan.url, secret, timeout=scan.timeout)
    return None


class Examining:
    """What examines zips under the configuration in force (`firewall.facts.Licences`, `Scans`)."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._settings: tuple[object, ...] = ()
        self._told: list[Callable[[ModuleVersion, ScanVerdict], None]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._present: Examiner | None = None

    def tell(self, told: Callable[[ModuleVersion, ScanVerdict], None]) -> None:
        """Tell `told` of each new verdict."""
        self._told.append(told)

    def adopt(self, config: Config) -> None:
        """A configuration comes into force. Raises as `build_scanner`."""
        settings = (config.scan, config.store.path)
        if self._present is not None and settings == self._settings:
            return
        old, self._present, self._settings = self._present, self._made(config), settings
        if old is not None:
            task = asyncio.create_task(old.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def licences(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> Mapping[Version, tuple[str, ...] | Unknown]:
        """As `Examiner`."""
        return await self._examiner.licences(ctx, path, versions, exact=exact)

    async def verdicts(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> Mapping[Version, bool | Unknown]:
        """As `Examiner`."""
        return await self._examiner.verdicts(ctx, path, versions, exact=exact)

    async def settled(self, ctx: Context, decision: Decision) -> None:
        """As `Examiner`."""
        await self._examiner.settled(ctx, decision)

    async def close(self) -> None:
        """End the scans that run."""
        if self._present is not None:
            await self._present.close()
        await asyncio.gather(*self._ending, return_exceptions=True)

    @property
    def _examiner(self) -> Examiner:
        assert self._present is not None
        return self._present

    def _made(self, config: Config) -> Examiner:
        gate = self._gate

        async def stored(ctx: Context, version: ModuleVersion) -> Blob:
            request = Request.exact(Kind.ZIP, version)
            await gate.stack.cached.ensure(ctx, request)
            key = store_key(ctx.credential_scope, request.url_path)
            blob = await gate.standing.store.get(key)
            if blob is None:
                raise Unavailable("the zip was fetched, and could not be kept", where=str(version))
            return blob

        def told(version: ModuleVersion, verdict: ScanVerdict) -> None:
            for each in self._told:
                each(version, verdict)

        return Examiner(
            stored,
            gate.standing.books.sightings,
            licences=licences_in,
            scanner=build_scanner(config),
            wait=config.scan.wait,
            concurrency=config.scan.concurrency,
            clock=time.time,
            monotonic=time.monotonic,
            told=told,
        )


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable("the scanner's token cannot be read", where=str(file)) from error


def _temporary() -> Path:
    import tempfile  # noqa: PLC0415  for stores in memory
    from pathlib import Path  # noqa: PLC0415

    return Path(tempfile.gettempdir()) / "modgate-scan"
