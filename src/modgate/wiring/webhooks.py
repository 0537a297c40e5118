"""The webhooks of a configuration: their receivers, and what operations may do with them.

Addresses and secrets are read when a message is sent; what is told of a webhook is its table without them.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid, Unavailable
from modgate.messages import Language
from modgate.model.outbox import Message
from modgate.notify.dispatch import Clocks, Worker
from modgate.notify.dispatch import Settings as Patience
from modgate.notify.post import HTTPPoster
from modgate.notify.sign import parse_secrets
from modgate.notify.target import Target
from modgate.transport.credentials.secrets import SecretFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.config import Config
    from modgate.config.firewall import Webhook
    from modgate.model.outbox import Outbox
    from modgate.notify.dispatch import Dispatcher
    from modgate.notify.judged import Attempt
    from modgate.wiring.gate import Gate

__all__ = ["Webhooks", "patience_of", "real_clocks", "target_of"]

_CHINESE = frozenset({"feishu", "dingtalk"})


def target_of(webhook: Webhook) -> Target:
    """The receiver that a table describes."""
    address: Callable[[], str] = lambda: webhook.url  # noqa: E731  a function as the other branch
    if webhook.url_file is not None:
        url_file = SecretFile(webhook.url_file, named="[[webhooks]] url_file")
        address = lambda: url_file.read().reveal().strip()  # noqa: E731  likewise
    secrets: Callable[[], tuple[bytes, ...]] = tuple
    if webhook.secret_file is not None:
        secret_file = SecretFile(webhook.secret_file, lines=True, named="[[webhooks]] secret_file")
        secrets = lambda: _secrets(secret_file)  # noqa: E731  likewise
    chinese = webhook.lang == "zh" or (not webhook.lang and webhook.format in _CHINESE)
    return Target(
        name=webhook.name,
        format=webhook.format,
        language=Language.CHINESE if chinese else Language.ENGLISH,
        address=address,
        secrets=secrets,
        rate=webhook.rate,
        internal=webhook.internal,
    )


def _secrets(file: SecretFile) -> tuple[bytes, ...]:
    text = file.read().reveal()
    try:
        return parse_secrets(text)
    except Invalid as error:
        raise Unavailable(error.what, where=file.place, kind="bad-answer") from None


def patience_of(config: Config, holder: str) -> Patience:
    """How patient a configuration is; `holder` names this process."""
    return Patience(
        source=config.base_url or "modgate",
        holder=holder,
        attempts=config.notify.attempts,
        backoff=config.notify.backoff,
    )


def real_clocks() -> Clocks:
    """The machine's own."""
    return Clocks(time.time, time.monotonic, asyncio.sleep, random.random)


class Webhooks:
    """The webhooks of a gate as operations see them (`operations.works.Webhooks`)."""

    def __init__(self, gate: Gate, dispatcher: Dispatcher | None = None) -> None:
        self._gate = gate
        self._dispatcher = dispatcher
        self.outbox: Outbox = gate.standing.books.outbox

    def configured(self) -> dict[str, dict[str, Any]]:
        """What may be told of each webhook, by name; never its address."""
        workers = {} if self._dispatcher is None else self._dispatcher.workers
        rows = {}
        for webhook in self._gate.ground.config.webhooks:
            worker = workers.get(webhook.name)
            rows[webhook.name] = {
                "format": webhook.format,
                "events": list(webhook.events),
                "consumers": list(webhook.consumers),
                "rate": webhook.rate,
                "signed": webhook.secret_file is not None,
                "error": "" if worker is None else worker.error,
            }
        return rows

    def wake(self) -> None:
        """Messages wait again."""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    async def test(self, name: str) -> Attempt:
        """Send a test message once, past the outbox. Raises KeyError for a name that is none, ModgateError
        for a file that cannot be read.
        """
        config = self._gate.ground.config
        webhook = {each.name: each for each in config.webhooks}[name]
        poster = HTTPPoster(timeout=config.notify.timeout, clock=time.time)
        worker = Worker(
            target_of(webhook),
            outbox=self.outbox,
            leases=self._gate.standing.ledger,
            poster=poster,
            settings=patience_of(config, self._gate.standing.instance),
            clocks=real_clocks(),
        )
        now = time.time()
        try:
            return await worker.attempt(Message(name, f"test:{now!r}", "test", now))
        finally:
            await poster.close()
