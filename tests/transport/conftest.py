"""No proxy and no netrc but those a test sets, and every upstream is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.transport.http import HTTPUpstream
from modgate.transport.settings import TransportSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

QUICK = TransportSettings(connect=5.0, head=5.0, stall=5.0, backoff=0.001)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., HTTPUpstream]]:
    """Builds upstreams with quick settings; closes them."""
    made: list[HTTPUpstream] = []

    def build(url: str, settings: TransportSettings = QUICK, **options: object) -> HTTPUpstream:
        made.append(HTTPUpstream(url, settings, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for upstream in made:
        await upstream.close()
