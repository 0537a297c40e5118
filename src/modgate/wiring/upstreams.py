"""The upstream proxies of a configuration: each address once, whichever chains name it.

`[[upstreams]]` says what is particular to some of them. Its files are read by `check`, or when an address
is first wanted; nothing here asks the network before a request does.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
import yarl

from modgate.config import table_for
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.source.chain import ChainSource, Link
from modgate.source.proxy import ProxySource
from modgate.transport.credentials.secrets import SecretFile, SecretVariable, too_open
from modgate.transport.file import FileUpstream
from modgate.transport.http import HTTPUpstream
from modgate.transport.particulars import Particulars
from modgate.transport.settings import TransportSettings
from modgate.transport.tls import client_context

if TYPE_CHECKING:
    from modgate.config import Config, UpstreamTable
    from modgate.model import ModuleSource, Upstream
    from modgate.model.credentials import Credentials
    from modgate.telemetry import Metrics
    from modgate.transport.credentials.secrets import SecretSource

__all__ = ["Upstreams", "transport_settings"]


def transport_settings(config: Config, table: UpstreamTable | None = None) -> TransportSettings:
    """How patient the gate is with whatever it asks over HTTP; `table` comes before `fetch`."""
    fetch = config.fetch
    settings = TransportSettings(
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
    if table is None:
        return settings
    return replace(
        settings,
        connect=table.connect_timeout or settings.connect,
        head=table.head_timeout or settings.head,
        stall=table.stall_timeout or settings.stall,
        total=table.total_timeout or settings.total,
        connections=table.concurrency or settings.connections,
    )


class Upstreams:
    """Makes upstreams and chains of them; one breaker and one set of connections for an address."""

    def __init__(self, config: Config, instance: str, metrics: Metrics, credentials: Credentials) -> None:
        self._config = config
        self._instance = instance
        self._metrics = metrics
        self._credentials = credentials
        self._made: dict[str, Upstream] = {}
        self._particulars: dict[int, Particulars] = {}

    def check(self) -> None:
        """Read every file and secret of `[[upstreams]]`, before anything depends on them.

        Raises Unavailable with the file and the reason. Secrets that others may read are told to the log.
        """
        for index, table in enumerate(self._config.upstreams):
            secret = self._particular(index).secret
            if secret is not None:
                secret.read()
            for path in (table.client_key or table.client_cert, table.secret_file):
                if path is not None and (line := too_open(path)):
                    structlog.get_logger("modgate").warning(line)

    def at(self, url: str, *, written: str = "") -> Upstream:
        """The upstream of an address. Raises Unavailable as `check` does.

        `written` is the address as the configuration has it, by which its table is found, where `url` is
        only a beginning of it.
        """
        if url not in self._made:
            file = url.startswith("file:")
            self._made[url] = FileUpstream(url) if file else self._http(url, written or url)
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

    def _http(self, url: str, written: str) -> HTTPUpstream:
        index = table_for(self._config.upstreams, written)
        return HTTPUpstream(
            url,
            transport_settings(self._config, None if index is None else self._config.upstreams[index]),
            instance=self._instance,
            observe=self._metrics.observe_upstream,
            failed=self._metrics.inc_upstream_error,
            credentials=self._credentials,
            particulars=None if index is None else self._particular(index),
        )

    def _particular(self, index: int) -> Particulars:
        """A table, its certificates read once."""
        if index not in self._particulars:
            table = self._config.upstreams[index]
            own = table.ca is not None or table.client_cert is not None
            direct = table.proxy == "direct"
            self._particulars[index] = Particulars(
                label=f"upstreams, table {index + 1}",
                place=table.place,
                tls=client_context(table.ca, table.client_cert, table.client_key) if own else None,
                proxy=yarl.URL(table.proxy) if table.proxy and not direct else None,
                direct=direct,
                username=table.username,
                secret=_secret(table),
            )
        return self._particulars[index]


def _secret(table: UpstreamTable) -> SecretSource | None:
    if table.secret_file is not None:
        return SecretFile(table.secret_file, named="[[upstreams]]")
    return SecretVariable(table.secret_env, os.environ, file_key="secret_file") if table.secret_env else None
