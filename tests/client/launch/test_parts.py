"""The pure parts of an isolated run: targets, offers, names, packets, counts, variables."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.launch.environment import isolated, with_web_proxy
from modgate.client.launch.names import answer, question
from modgate.client.launch.offered import names_of, offers
from modgate.client.launch.packets import attempts
from modgate.client.launch.record import Attempt, Record, document
from modgate.client.launch.targets import Target, parse_target, targets_of
from modgate.errors import Invalid

SYN, RST, ACK = 2, 4, 16


def _tcp(source: str, target: str, flags: int, *, port: int = 443, sequence: int = 7) -> bytes:
    body = struct.pack("!HHIIBBHHH", 40000, port, sequence, 0, 5 << 4, flags, 0, 0, 0)
    return _packet(source, target, 6, body)


def _packet(source: str, target: str, protocol: int, body: bytes) -> bytes:
    if ":" in target:
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64)
        return (
            head
            + socket.inet_pton(socket.AF_INET6, source)
            + socket.inet_pton(socket.AF_INET6, target)
            + body
        )
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0)
    return head + socket.inet_aton(source) + socket.inet_aton(target) + body


def _query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 9, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def test_the_targets_are_the_proxies_the_database_and_what_was_allowed() -> None:
    chain = "https://user:secret@a.example,http://127.0.0.1:3000|https://B.example:8443/go,direct"
    assert targets_of(chain, "sum.golang.org", ["c.example:22", "a.example:443"]) == (
        Target("a.example", 443),
        Target("127.0.0.1", 3000, "http"),
        Target("b.example", 8443),
        Target("sum.golang.org", 443),
        Target("c.example", 22),
    )


@pytest.mark.parametrize(
    ("database", "host"),
    [("sum.golang.google.cn", "sum.golang.google.cn"), ("off", None), ("nonsense", None)],
)
def test_the_database_is_reached_where_gosumdb_says(database: str, host: str | None) -> None:
    assert [target.host for target in targets_of("direct", database)] == ([host] if host else [])


@pytest.mark.parametrize("text", ["a.example", "a.example:0", "a.example:99999", "http://a:1", "::1:80", ""])
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_target(text)


def test_an_ipv6_target_is_kept_without_brackets_in_its_short_form() -> None:
    assert parse_target("[2001:DB8:0::1]:443").host == "2001:db8::1"


def test_names_get_loopback_addresses_and_addresses_stand_for_themselves() -> None:
    targets = (
        Target("a.example", 443),
        Target("a.example", 80),
        Target("10.0.0.5", 3000),
        Target("b.x", 443),
    )
    names = names_of(targets)
    assert names == {"a.example": "127.77.1.1", "b.x": "127.77.1.2"}
    assert [(offer.address, offer.port) for offer in offers(targets)] == [
        ("127.77.1.1", 443),
        ("127.77.1.1", 80),
        ("10.0.0.5", 3000),
        ("127.77.1.2", 443),
    ]
    both = [(offer.address, offer.port) for offer in offers((Target("localhost", 3000),))]
    assert both == [("127.0.0.1", 3000), ("::1", 3000)]


def test_an_allowed_name_is_answered_and_another_does_not_exist() -> None:
    asked, reply = answer(_query("A.Example"), {"a.example": "127.77.1.1"})
    assert asked.name == "a.example"
    assert reply[3] & 15 == 0
    assert reply.endswith(bytes([127, 77, 1, 1]))
    assert answer(_query("a.example", 28), {"a.example": "127.77.1.1"})[1][6:8] == b"\0\0"
    assert answer(_query("b.example"), {"a.example": "127.77.1.1"})[1][3] & 15 == 3


@given(st.binary(max_size=80))
def test_what_is_no_query_is_never_answered_and_harms_nothing(data: bytes) -> None:
    try:
        asked = question(data)
    except ValueError:
        return
    assert data[12:].startswith(asked.raw)


@pytest.mark.parametrize("outside", ["1.2.3.4", "2001:db8::9"])
def test_a_syn_to_an_address_outside_is_an_attempt(outside: str) -> None:
    assert list(attempts(_tcp(outside, outside, SYN), ())) == [Attempt("tcp", outside, 443)]
    assert not list(attempts(_tcp(outside, outside, SYN), {(outside, 443)}))
    assert not list(attempts(_tcp(outside, outside, SYN | ACK), ()))


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1"])
def test_on_loopback_only_a_refused_syn_is_an_attempt(inside: str) -> None:
    assert not list(attempts(_tcp(inside, inside, SYN), ()))
    refused = _tcp(inside, inside, RST | ACK, sequence=0)
    assert list(attempts(refused, ())) == [Attempt("tcp", inside, 40000)]
    assert not list(attempts(_tcp(inside, inside, RST | ACK), ()))


def test_udp_outside_is_an_attempt_and_a_name_asked_there_is_read() -> None:
    body = struct.pack("!HHHH", 4000, 53, 0, 0) + _query("x.example")
    found = list(attempts(_packet("8.8.8.8", "8.8.8.8", 17, body), ()))
    assert found == [Attempt("udp", "8.8.8.8", 53), Attempt("dns", "x.example")]
    assert not list(attempts(_packet("127.0.0.1", "127.0.0.1", 17, body), ()))


def test_a_ping_outside_is_an_attempt() -> None:
    assert list(attempts(_packet("8.8.8.8", "8.8.8.8", 1, b"\x08" + bytes(7)), ())) == [
        Attempt("icmp", "8.8.8.8")
    ]
    assert not list(attempts(_packet("8.8.8.8", "8.8.8.8", 1, bytes(8)), ()))


@given(st.binary(max_size=120))
def test_no_packet_breaks_the_reader(packet: bytes) -> None:
    list(attempts(packet, ()))


def test_the_record_is_bounded_and_counts_what_it_leaves_out() -> None:
    record = Record()
    for port in range(1, 1502):
        record.refused(Attempt("tcp", "1.2.3.4", port))
    record.refused(Attempt("tcp", "1.2.3.4", 1))
    assert (len(record.blocked), record.more) == (1000, 501)
    assert record.blocked[Attempt("tcp", "1.2.3.4", 1)] == 2
    assert document(record, 0, 1.0)["more"] == 501


def test_both_spellings_of_the_proxy_variables_are_set_and_taken_away() -> None:
    found = with_web_proxy({"all_proxy": "x", "Http_Proxy": "y", "PATH": "/bin"}, "http://p:1")
    assert {name: text for name, text in found.items() if text == "http://p:1"}.keys() == {
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
    }
    assert "all_proxy" not in found
    assert with_web_proxy({**found, "no_proxy": "z"}, None) == {"PATH": "/bin"}
    assert with_web_proxy({"no_proxy": "corp"}, "http://p:1")["no_proxy"] == "corp"


def test_inside_no_variable_leads_past_the_proxy() -> None:
    inside = isolated({"NO_PROXY": "*", "all_proxy": "socks5://h:1", "https_proxy": "http://h:1"}, 4321)
    assert inside["https_proxy"] == inside["HTTP_PROXY"] == "http://127.0.0.1:4321"
    assert "*" not in inside["NO_PROXY"]
    assert "all_proxy" not in inside
