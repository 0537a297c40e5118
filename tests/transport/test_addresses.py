"""Which addresses are public, as tables."""

from __future__ import annotations

import socket

import pytest
import yarl

from modgate.transport.addresses import (
    InternalAddressError,
    guarded_socket,
    is_internal_host,
    is_metadata,
    is_public,
)
from modgate.transport.redirects import trusted

PUBLIC = [
    "8.8.8.8",
    "142.250.74.81",
    "100.63.255.255",
    "172.15.0.1",
    "172.32.0.1",
    "2001:4860:4860::8888",
    "2a00:1450:4009::2011",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
INTERNAL = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "127.1",
    "256.1.1.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached(address: str) -> None:
    assert is_public(address)
    assert not is_internal_host(address)


@pytest.mark.parametrize("address", INTERNAL)
def test_an_address_that_is_not_public_may_not_be_reached(address: str) -> None:
    assert not is_public(address)


METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::a9fe:a9fe",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::6464:64c8",
    "2002:a9fe:a9fe::1",
    "fe80::1%eth0",
]


@pytest.mark.parametrize("address", METADATA)
def test_where_a_cloud_tells_secrets_is_known_in_every_wrapping(address: str) -> None:
    assert is_metadata(address)
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "10.0.0.1", "127.0.0.1", "::1", "fd00::1", "fc00::1", "", "x"]
)
def test_other_addresses_inside_are_no_metadata(address: str) -> None:
    assert not is_metadata(address)


def test_the_socket_factory_refuses_by_the_resolved_address() -> None:
    with pytest.raises(InternalAddressError):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80)))
    guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))).close()


@pytest.mark.parametrize(
    "host", ["storage.googleapis.com", "goproxy.cn", "a.b.example.org.", "1.example.com"]
)
def test_a_public_name_may_be_tried(host: str) -> None:
    assert not is_internal_host(host)


@pytest.mark.parametrize(
    "host", ["localhost", "x.localhost.", "db.internal", "printer.local", "nexus", "127.1", "0x7f.1", "1"]
)
def test_an_internal_name_is_known_without_resolving(host: str) -> None:
    assert is_internal_host(host)


@pytest.mark.parametrize(
    ("url", "base", "named", "expected"),
    [
        ("http://a.corp/x", "http://a.corp/", (), True),
        ("https://a.corp/x", "http://a.corp/", (), True),
        ("https://a.corp:8443/x", "http://a.corp/", (), False),
        ("https://a.corp/x", "http://a.corp:8080/", (), False),
        ("http://a.corp:81/x", "http://a.corp/", (), False),
        ("http://b.corp/x", "http://a.corp/", (), False),
        ("http://b.corp/x", "http://a.corp/", ("b.corp",), True),
        ("http://b.corp:81/x", "http://a.corp/", ("b.corp:81",), True),
        ("http://b.corp:82/x", "http://a.corp/", ("b.corp:81",), False),
    ],
)
def test_the_operator_stands_for_the_base_its_https_twin_and_named_hosts(
    url: str, base: str, named: tuple[str, ...], expected: bool
) -> None:
    assert trusted(yarl.URL(url), yarl.URL(base), named) is expected
