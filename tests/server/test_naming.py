"""Every way a consumer is named, and every way of pretending to be another."""

from __future__ import annotations

import ipaddress

import pytest

from modgate.server.naming import Naming

PROXY = (ipaddress.ip_network("10.0.0.0/8"),)
HEADER = {b"x-team": b"payments"}


def test_a_certificate_counts_before_everything_else() -> None:
    naming = Naming(PROXY, header="x-team")
    assert naming.who("10.0.0.1", "cert-name", HEADER).consumer == "cert-name"
    assert naming.settled("10.0.0.1", "cert-name") == naming.who("10.0.0.1", "cert-name", {})


@pytest.mark.parametrize(
    ("peer", "named"),
    [
        ("10.0.0.1", "payments"),
        ("::ffff:10.0.0.1", "payments"),
        ("unix", "payments"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_a_header_is_believed_from_named_proxies_only(peer: str, named: str) -> None:
    naming = Naming(PROXY, header="x-team")
    assert naming.who(peer, "", HEADER).consumer == named
    assert (naming.settled(peer, "") is None) == (named == "payments")


def test_a_header_is_believed_from_everybody_only_where_that_was_said() -> None:
    assert Naming(header="x-team").who("127.0.0.1", "", HEADER).consumer == "127.0.0.1"
    anyone = Naming(header="x-team", anyone=True)
    assert anyone.who("127.0.0.1", "", HEADER).consumer == "payments"
    assert anyone.who("127.0.0.1", "", {}).consumer == "127.0.0.1"
    assert anyone.who("127.0.0.1", "", {b"x-forwarded-for": b"203.0.113.9"}).consumer == "127.0.0.1"
    assert Naming(anyone=True).settled("127.0.0.1", "") is not None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"a, b",
        b"a\x00b",
        b"a\x1b[31m",
        b"\xff\xfe",
        b"x" * 129,
        "a\u202eb".encode(),
        "a\u2028b".encode(),
    ],
)
def test_what_is_no_name_is_ignored_and_the_address_counts(value: bytes) -> None:
    naming = Naming(PROXY, header="x-team")
    headers = {b"x-team": value, b"x-forwarded-for": b"203.0.113.9"}
    assert naming.who("10.0.0.1", "", headers).consumer == "203.0.113.9"


def test_a_name_may_have_any_letters() -> None:
    naming = Naming(PROXY, header="x-team")
    assert naming.who("10.0.0.1", "", {b"x-team": " 支付 team ".encode()}).consumer == "支付 team"


@pytest.mark.parametrize(
    ("peer", "named"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("unix", "unix"),
    ],
)
def test_an_address_has_one_spelling(peer: str, named: str) -> None:
    who = Naming().settled(peer, "")
    assert who is not None
    assert who.consumer == named


def test_a_mapped_address_behind_a_proxy_is_an_ipv4_address() -> None:
    headers = {b"x-forwarded-for": b"::ffff:203.0.113.9"}
    assert Naming(PROXY).who("10.0.0.1", "", headers).consumer == "203.0.113.9"


def test_groups_follow_from_the_name_and_a_pseudonym_takes_its_place() -> None:
    naming = Naming(groups=lambda name: frozenset({f"g-{name}"}), pseudonym=lambda name: f"p-{len(name)}")
    who = naming.settled("192.0.2.1", "")
    assert who is not None
    assert (who.consumer, who.groups) == ("p-9", frozenset({"g-192.0.2.1"}))
    assert naming.veiled
