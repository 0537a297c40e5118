"""A clock that stands still, an environment of the test's own, and credentials that are closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modgate.transport.credentials import Entry, HostCredentials

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass(slots=True)
class Bench:
    """Makes credentials from entries; `now` is their clock, `environ` their environment."""

    folder: Path
    environ: dict[str, str]
    now: float = 1_800_000_000.0
    told: list[str] = field(default_factory=list)
    made: list[HostCredentials] = field(default_factory=list)

    def credentials(self, *entries: Entry, tls: ssl.SSLContext | None = None) -> HostCredentials:
        self.made.append(
            HostCredentials(
                entries, clock=lambda: self.now, environ=self.environ, warn=self.told.append, tls=tls
            )
        )
        return self.made[-1]

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    yield bench
    for each in bench.made:
        await each.close()
