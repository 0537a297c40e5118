"""The upstream that a gate on this machine gets when go is pointed at it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.configure.gate import is_loopback, upstream_for, upstream_in
from modgate.client.machine.editor_values import short
from modgate.client.machine.showing import safe
from modgate.config.places import user_config_file
from modgate.errors import ModgateError
from modgate.gomod.proxylist import parse_proxy_list
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.configure.planning import Order
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings

__all__ = ["with_gate"]


def with_gate(host: Host, go: GoSettings, order: Order, chain: str) -> tuple[Order, Message | None]:
    """The order with the gate's upstream where it needs one, and what to say about it.

    A gate elsewhere has a configuration of its own. Where this one is set by a variable, or in a file that
    modgate leaves alone, only the command is shown.
    """
    url = parse_proxy_list(chain)[0].url
    if not is_loopback(url):
        return order, None
    shown = safe(url)
    by_hand = Message("use.gate-command", {"url": shown})
    if host.environ.get("MODGATE_UPSTREAM"):
        return order, Message("use.gate-kept", {"url": shown, "place": "MODGATE_UPSTREAM"})
    file = host.environ.get("MODGATE_CONFIG") or str(user_config_file(host.environ))
    try:
        known = upstream_in(host.read(host.path(file)) or b"")
    except ModgateError:
        return order, by_hand
    if known is not None:
        return order, Message("use.gate-kept", {"url": shown, "place": short(host, file)})
    upstream = upstream_for(go["GOPROXY"], url)
    if not upstream or host.environ.get("MODGATE_CONFIG"):
        return order, by_hand
    values = {"url": shown, "file": short(host, file), "chain": upstream}
    return replace(order, upstream=(file, upstream)), Message("use.gate", values)
