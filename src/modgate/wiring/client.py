"""The client's parts on this machine."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.local import LocalHost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.client.machine.host import Host, System
    from modgate.client.net.limits import Limits
    from modgate.client.net.prober import Prober
    from modgate.client.net.session import Outfit
    from modgate.client.repair.journal import Journal
    from modgate.model import Upstream

__all__ = ["clock", "journal", "local_host", "monotonic", "outfit", "prober", "upstream"]

clock: Callable[[], float] = time.time
monotonic: Callable[[], float] = time.monotonic


def local_host() -> Host:
    """This machine."""
    return LocalHost()


def outfit(
    environ: Mapping[str, str] | None = None,
    *,
    limits: Limits | None = None,
    system: System | None = None,
    proxies: Mapping[str, str] | None = None,
) -> Outfit:
    """What measured exchanges on this machine share: `Session(outfit())`.

    `environ` says where CA files, proxies and netrc are (default: this machine's); `proxies` stands in for
    the proxy variables alone, `{}` for none.
    """
    from modgate.client.net.limits import Limits  # noqa: PLC0415  TLS and HTTP stay off --help
    from modgate.client.net.resolve import resolve_by_system  # noqa: PLC0415
    from modgate.client.net.session import Outfit  # noqa: PLC0415
    from modgate.client.net.trust import Trust  # noqa: PLC0415
    from modgate.client.net.way import Way  # noqa: PLC0415
    from modgate.transport.environment import Netrc  # noqa: PLC0415

    here = local_host()
    known = here.environ if environ is None else environ
    bounds = limits or Limits()
    return Outfit(
        trust=Trust(known, system or here.system, clock),
        way=Way(known if proxies is None else proxies),
        resolve=lambda host: resolve_by_system(host, bounds.dns),
        clock=clock,
        authorization=Netrc().authorization,
        limits=bounds,
        http2="http2client=0" not in known.get("GODEBUG", "").split(","),
    )


def prober(
    environ: Mapping[str, str] | None = None, *, limits: Limits | None = None, system: System | None = None
) -> Prober:
    """The probes over this machine's network, for one event loop."""
    from modgate.client.net.live import LiveProber  # noqa: PLC0415  as above

    return LiveProber(outfit(environ, limits=limits, system=system))


def journal(host: Host) -> Journal:
    """What modgate changed on this machine: the journal of this user."""
    from modgate.client.repair.journal import Journal  # noqa: PLC0415  as above
    from modgate.client.repair.state import state_folder  # noqa: PLC0415

    folder = state_folder(host.system, host.environ, Path(host.home))
    return Journal(folder, clock=clock, token=lambda: secrets.token_hex(3))


def upstream(url: str, *, seconds: float) -> Upstream:
    """One HTTP server as an upstream, each request bounded; close it in the loop that used it.

    It has no breaker: who asks many things at once counts failures by what they mean.
    """
    from modgate.transport.http import HTTPUpstream  # noqa: PLC0415  as above
    from modgate.transport.settings import TransportSettings  # noqa: PLC0415

    settings = TransportSettings(
        connect=min(seconds, 5.0),
        head=seconds,
        stall=seconds,
        total=max(seconds, 60.0),
        retries=1,
        connections=32,
        breaker_failures=1 << 30,
    )
    return HTTPUpstream(url, settings)
