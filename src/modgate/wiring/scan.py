"""The scanner that a configuration names, and what examines the zips of a gate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.firewall.examiner import Examiner
from modgate.gomod.protocol import Kind, Request
from modgate.model.credentials import Secret
from modgate.scan.unpacked import licences_in
from modgate.source.scopes import store_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.config import Config
    from modgate.firewall.examiner import Scanner
    from modgate.gomod.types import ModuleVersion
    from modgate.model import Blob, Context
    from modgate.model.sightings import ScanVerdict
    from modgate.wiring.gate import Gate

__all__ = ["build_examiner", "build_scanner"]


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


def build_examiner(
    gate: Gate, config: Config, told: Callable[[ModuleVersion, ScanVerdict], None] = lambda _v, _s: None
) -> Examiner:
    """What examines zips under a configuration. Raises as `build_scanner` does."""

    async def stored(ctx: Context, version: ModuleVersion) -> Blob:
        request = Request.exact(Kind.ZIP, version)
        await gate.stack.cached.ensure(ctx, request)
        key = store_key(ctx.credential_scope, request.url_path)
        blob = await gate.standing.store.get(key)
        if blob is None:
            raise Unavailable("the zip was fetched, and could not be kept", where=str(version))
        return blob

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
