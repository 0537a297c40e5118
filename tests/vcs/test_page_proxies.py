"""Pages may name any number of module proxies, and only so many are kept."""

from __future__ import annotations

import pytest

from modgate.config import Config
from modgate.errors import Unavailable
from modgate.transport.credentials.nobody import NoCredentials
from modgate.transport.reach import NOWHERE
from modgate.wiring.page_proxies import PageProxies


async def test_the_proxy_that_was_asked_longest_ago_makes_room_and_the_way_stays_open() -> None:
    now = [0.0]
    config = Config(store="memory:", upstream="off", sumdb=("off",), fetch={"total_timeout": 100.0})  # type: ignore[arg-type]
    proxies = PageProxies(config, NOWHERE, NoCredentials(), monotonic=lambda: now[0])
    first = proxies.at("https://0.example")
    proxies.at("https://1.example")
    for number in range(2, 256):
        proxies.at(f"https://{number}.example")
    assert proxies.at("https://0.example") is first
    for number in range(256, 512):
        proxies.at(f"https://{number}.example")
    with pytest.raises(Unavailable) as caught:
        proxies.at("https://more.example")
    assert (caught.value.kind, caught.value.retry_after) == ("overloaded", 100.0)
    now[0] = 100.0
    assert proxies.at("https://more.example") is proxies.at("https://more.example")
    assert proxies.at("https://0.example") is not first
    await proxies.close()
