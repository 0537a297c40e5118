"""An address with a zone goes past every resolver, so it is none that may be tried."""

from __future__ import annotations

import pytest
import yarl

from modgate.transport.guarded import admitted_url
from modgate.transport.reach import NOWHERE


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("host", ["::1%1", "::ffff:127.0.0.1%1", "fe80::1%eth0", "2001:4860::1%1"])
def test_an_address_with_a_zone_is_refused(host: str, proxied: bool) -> None:
    assert not admitted_url(yarl.URL(f"https://[{host}]/"), NOWHERE, proxied=proxied)


def test_a_public_address_and_a_name_are_not() -> None:
    assert admitted_url(yarl.URL("https://[2001:4860:4860::8888]/"), NOWHERE, proxied=False)
    assert admitted_url(yarl.URL("https://example.com/"), NOWHERE, proxied=False)
