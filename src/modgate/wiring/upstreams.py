"""The upstream proxies of a configuration: each address once, whichever chains name it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.source.chain import ChainSource, Link
from modgate.source.proxy import ProxySource
from modgate.transport.file import FileUpstream
from modgate.transport.http import HTTPUpstream
from modgate.transport.settings import TransportSettings

if TYPE_CHECKING:
    from modgate.config import Config
    from modgate.model import ModuleSource, Upstream
    from modgate.model.credentials import Credentials
    from modgate.telemetry import Metrics

__all__ = ["Upstreams", "transport_settings"]


def transport_settings(config: Config) -> TransportSettings:
    """How patient the gate is with whatever it asks over HTTP."""
    fetch = config.fetch
    return TransportSettings(
        connect=fetch.connect_timeout,
        head=fetch.head_timeout,
        stall=fetch.stall_timeout,
        total=fetch.total_timeout,
        retries=fetch.retries,
        connections=fetch.concurrency,
        breaker_failures=config.breaker.failures,
        breaker_pause=config.breaker.reset,
        redirect_hosts=fetch.redirect_hosts,
    )


class Upstreams:
    """Makes upstreams and chains of them; one breaker and one set of connections for an address."""

    def __init__(self, config: Config, instance: str, metrics: Metrics, credentials: Credentials) -> None:
        self._config = config
        self._instance = instance
        self._metrics = metrics
        self._credentials = credentials
        self._made: dict[str, Upstream] = {}

    def at(self, url: str) -> Upstream:
        """The upstream of an address."""
        if url not in self._made:
            self._made[url] = FileUpstream(url) if url.startswith("file:") else self._http(url)
        return self._made[url]

    def made(self) -> list[Upstream]:
        """Every upstream that was asked for so far."""
        return list(self._made.values())

    def proxies(self, text: str) -> list[tuple[Upstream, bool]]:
        """The proxies of a chain, each with whether any error moves on to the next."""
        entries = parse_proxy_list(text)
        return [
            (self.at(entry.url), entry.falls_back_on_error)
            for entry in entries
            if entry.kind is EntryKind.PROXY
        ]

    def chain(self, text: str, direct: ModuleSource | None) -> ChainSource:
        """The source of a chain. `direct` at its end is version control, or left out without it."""
        links: list[Link] = []
        for entry in parse_proxy_list(text):
            if entry.kind is EntryKind.PROXY:
                source = ProxySource(self.at(entry.url), max_zip=self._config.fetch.max_object)
                links.append(Link(source, entry.falls_back_on_error))
            elif entry.kind is EntryKind.DIRECT and direct is not None:
                links.append(Link(direct))
            elif entry.kind is EntryKind.DIRECT:
                structlog.get_logger("modgate").warning(
                    "`direct` at the end of an upstream chain is left out, since version control is switched "
                    "off or git is not installed: what no proxy has is answered with the last one's 404"
                )
        return ChainSource(links)

    async def close(self) -> None:
        """Close every connection."""
        for upstream in self._made.values():
            await upstream.close()

    def _http(self, url: str) -> HTTPUpstream:
        return HTTPUpstream(
            url,
            transport_settings(self._config),
            instance=self._instance,
            observe=self._metrics.observe_upstream,
            failed=self._metrics.inc_upstream_error,
            credentials=self._credentials,
        )
