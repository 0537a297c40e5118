"""Who asked, and what, from the ASGI scope."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from modgate.errors import Invalid
from modgate.server.exchange import check_host, read_exchange
from modgate.server.naming import Naming

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.1/32"))


def scope(*headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    basis = {"method": "GET", "raw_path": b"/", "client": ("127.0.0.1", 5), "scheme": "http"}
    return {**basis, "headers": list(headers), **more}


@pytest.mark.parametrize(
    ("peer", "value", "consumer"),
    [
        ("127.0.0.1", b"203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("127.0.0.1", b"6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", b"nonsense", "127.0.0.1"),
        ("127.0.0.1", b"", "127.0.0.1"),
        ("127.0.0.1", b"10.2.2.2", "10.2.2.2"),
        ("127.0.0.1", b"2001:db8::1", "2001:db8::1"),
        ("198.51.100.1", b"203.0.113.9", "198.51.100.1"),
    ],
)
def test_forwarded_addresses_are_believed_from_named_proxies_only(
    peer: str, value: bytes, consumer: str
) -> None:
    asked = scope((b"x-forwarded-for", value), client=(peer, 1))
    assert read_exchange(asked, Naming(PROXIES)).consumer == consumer
    assert read_exchange(asked).consumer == peer


def test_a_unix_peer_has_no_address() -> None:
    assert read_exchange(scope(client=None)).consumer == "unix"


@pytest.mark.parametrize(("given", "kept"), [(b"abc-1.2_3", True), (b"a b", False), (b"x" * 65, False)])
def test_a_request_id_is_taken_over_only_if_it_is_harmless(given: bytes, kept: bool) -> None:
    found = read_exchange(scope((b"x-request-id", given))).request_id
    assert (found == given.decode()) == kept
    assert found


@pytest.mark.parametrize(
    ("hosts", "good"),
    [
        ([b"proxy.example.com"], True),
        ([b"proxy.example.com:3000"], True),
        ([b"[::1]:3000"], True),
        ([b"127.0.0.1:1"], True),
        ([], False),
        ([b"a", b"b"], False),
        ([b"a", b"a"], False),
        ([b"a/b"], False),
        ([b"<script>"], False),
        ([b"user@host"], False),
    ],
)
def test_there_is_one_host_and_it_can_be_one(hosts: list[bytes], good: bool) -> None:
    exchange = read_exchange(scope(*[(b"host", host) for host in hosts]))
    if good:
        check_host(exchange)
    else:
        with pytest.raises(Invalid) as caught:
            check_host(exchange)
        assert caught.value.malformed


def test_http_1_0_needs_no_host() -> None:
    check_host(read_exchange(scope(http_version="1.0")))


@pytest.mark.parametrize(
    ("header", "has_body"),
    [
        ((b"content-length", b"0"), False),
        ((b"content-length", b"5"), True),
        ((b"transfer-encoding", b"chunked"), True),
    ],
)
def test_an_announced_body_is_noticed(header: tuple[bytes, bytes], has_body: bool) -> None:
    assert read_exchange(scope(header)).has_body is has_body
