"""Which hosts the operator's names let in."""

from __future__ import annotations

import pytest

from modgate.transport.reach import NOWHERE, Reach

NAMES = [
    "git.corp.example",
    "Build.Corp.Example.:8443",
    "*.lab.example",
    "*.Dev.Example:8080",
    "10.1.2.3",
    "10.1.2.4:22",
    "[fd00:1::1]",
    "[fd00:1::2]:443",
    "fd00:1:0::3",
    " spaced.example ",
    "",
]


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("git.corp.example", 443, True),
        ("GIT.Corp.Example.", 22, True),
        ("other.corp.example", 443, False),
        ("git.corp.example.evil.example", 443, False),
        ("xgit.corp.example", 443, False),
        ("build.corp.example", 8443, True),
        ("build.corp.example", 443, False),
        ("a.lab.example", 443, True),
        ("a.b.lab.example", 443, True),
        ("lab.example", 443, False),
        ("evillab.example", 443, False),
        ("a.dev.example", 8080, True),
        ("a.dev.example", 443, False),
        ("10.1.2.3", 443, True),
        ("10.1.2.4", 22, True),
        ("10.1.2.4", 443, False),
        ("10.1.2.5", 443, False),
        ("fd00:1::1", 443, True),
        ("fd00:1:0:0::1", 443, True),
        ("fd00:1::2", 443, True),
        ("fd00:1::2", 22, False),
        ("fd00:1::3", 22, True),
        ("spaced.example", 443, True),
        ("", 443, False),
        ("127.1", 443, False),
    ],
)
def test_a_host_is_let_in_by_its_name(host: str, port: int, expected: bool) -> None:
    assert Reach(NAMES).allows(host, port) is expected


def test_a_foreign_name_for_a_named_address_stays_outside() -> None:
    reach = Reach(["10.1.2.3", "git.corp.example"])
    assert reach.admits("10.1.2.3", 443, "10.1.2.3")
    assert reach.admits("git.corp.example", 443, "10.9.9.9")
    assert not reach.admits("evil.example", 443, "10.1.2.3")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
    ],
)
def test_no_name_opens_the_way_to_metadata_but_the_address_itself(address: str) -> None:
    reach = Reach(["*.corp.example", "metadata.google.internal"])
    assert not reach.admits("x.corp.example", 443, address)
    assert not reach.admits("metadata.google.internal", 80, address)
    assert Reach([f"[{address}]"]).admits(address, 80, address)


def test_public_addresses_need_no_name() -> None:
    assert NOWHERE.admits("example.com", 443, "93.184.216.34")
    assert not NOWHERE.admits("example.com", 443, "127.0.0.1")
    assert not NOWHERE.allows("example.com", 443)


def test_further_names_add_up() -> None:
    reach = Reach(["a.example"]).more(["b.example:22"])
    assert reach.allows("a.example", 443)
    assert reach.allows("b.example", 22)
    assert not reach.allows("b.example", 443)
    assert reach.more([]) is reach
    assert reach.names_port("b.example", 22)
    assert not reach.names_port("a.example", 443)
