"""macOS, from text alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.machine.macos import (
    DnsProfile,
    added_resolvers,
    parse_csrutil,
    parse_dns,
    parse_dscacheutil,
    parse_extensions,
    parse_file_flags,
    parse_profiles,
    parse_proxy,
)
from modgate.client.machine.macos_records import (
    NetworkQuality,
    extension_events,
    parse_log,
    parse_network_quality,
)
from modgate.client.machine.system_proxy import SystemProxy
from tests.client.machine import macos_texts as texts


def test_the_three_blocks_of_resolvers_are_told_apart() -> None:
    resolvers = parse_dns(texts.DNS_VPN)
    assert [found.block for found in resolvers] == ["default"] * 7 + ["scoped"] * 2
    first = resolvers[0]
    assert first.nameservers == ("192.168.1.1", "fe80::1%en0")
    assert (first.search, first.interface) == (("home.arpa",), "en0")
    assert sum(found.multicast for found in resolvers) == 5


def test_a_mac_without_a_vpn_has_no_added_resolver() -> None:
    assert added_resolvers(parse_dns(texts.DNS_PLAIN)) == ()
    answered = texts.DNS_PLAIN.replace(
        "  options  : mdns", "  options  : mdns\n  nameserver[0] : 224.0.0.251"
    )
    assert added_resolvers(parse_dns(answered)) == ()


def test_a_vpns_resolver_is_told_once() -> None:
    (found,) = added_resolvers(parse_dns(texts.DNS_VPN))
    assert (found.domain, found.interface, found.nameservers) == (
        "corp.example.test",
        "utun4",
        ("10.8.0.2",),
    )


def test_the_proxy_of_the_settings_is_read_and_that_of_one_interface_is_not() -> None:
    assert parse_proxy(texts.PROXY_ON) == SystemProxy(
        https="http://127.0.0.1:7890",
        http="http://127.0.0.1:7890",
        exceptions=("*.local", "169.254/16", "git.example.test"),
        simple_names=True,
    )


def test_a_proxy_that_is_switched_off_is_none() -> None:
    assert not parse_proxy(texts.PROXY_OFF).for_go
    assert parse_proxy(texts.PROXY_SCRIPT).script == "http://wpad.example.test/wpad.dat"


def test_of_the_extensions_only_active_network_extensions_filter() -> None:
    extensions = parse_extensions(texts.EXTENSIONS)
    assert [(found.bundle, found.version, found.filters_network) for found in extensions] == [
        ("com.example.filter.extension", "5.1/5.1.2", True),
        ("com.example.filter.extension", "5.0/5.0.9", False),
        ("com.example.endpoint", "1.0/1", False),
    ]


@pytest.mark.parametrize(
    ("text", "enabled"),
    [
        ("System Integrity Protection status: enabled.\n", True),
        ("System Integrity Protection status: disabled.\n", False),
        (
            "System Integrity Protection status: unknown (Custom Configuration).\n\tFilesystem: enabled\n",
            None,
        ),
        ("System Integrity Protection status: enabled (Custom Configuration).\n", None),
        ("", None),
    ],
)
def test_the_state_of_sip_is_read(text: str, enabled: bool | None) -> None:
    assert parse_csrutil(text) is enabled


def test_flags_of_a_folder_are_read() -> None:
    assert parse_file_flags(texts.LS_PLAIN) == frozenset()
    assert parse_file_flags(texts.LS_RESTRICTED) == {"restricted", "hidden"}


def test_a_dns_profile_is_found_in_the_property_list_and_in_the_plain_listing() -> None:
    assert parse_profiles(texts.PROFILE_XML) == (DnsProfile("https://dns.example.test/dns-query", "HTTPS"),)
    plain = '_computerlevel[1] payload[1] type = com.apple.dnsSettings.managed\n  ServerURL = "https://d.test/q";\n'
    assert parse_profiles(plain) == (DnsProfile("https://d.test/q"),)
    assert parse_profiles("There are no configuration profiles installed\n") == ()
    assert parse_profiles("<?xml broken") == ()


def test_addresses_of_the_systems_own_resolver_are_read() -> None:
    text = "name: m\nip_address: 203.0.113.1\nip_address: 203.0.113.2\n\nname: m\nipv6_address: 2001:db8::1\n"
    assert parse_dscacheutil(text) == ("203.0.113.1", "203.0.113.2", "2001:db8::1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (texts.QUALITY_JSON, NetworkQuality(98.0, 12.5, 103.0, 24.5, proxied=False)),
        (texts.QUALITY_OLD, NetworkQuality(98.0, 14.696, 103.0)),
        (texts.QUALITY_NEW, NetworkQuality(1200.0, 0.9412, 245.0, 24.5)),
        ('{"error_code": -1009, "error_domain": "NSURLErrorDomain"}', NetworkQuality(error=-1009)),
        ("{broken", NetworkQuality()),
    ],
)
def test_a_measurement_of_the_network_is_read_in_each_form(text: str, expected: NetworkQuality) -> None:
    assert parse_network_quality(text) == expected


def test_what_an_extension_did_is_read_from_the_log() -> None:
    events = extension_events(parse_log(texts.LOG))
    assert [(event.kind, event.process, event.detail) for event in events] == [
        ("refused", "com.example.filter.extension", "198.51.100.7:443"),
        ("refused", "com.example.filter.extension", "D89B5B5D-793C-4940-D955-37BE33F18005"),
        ("tunnel", "nesessionmanager", "connected"),
    ]
    (compact,) = extension_events(parse_log(texts.LOG_COMPACT))
    assert (compact.process, compact.detail) == ("com.example.filter.extension", "198.51.100.7:443")


@given(
    st.text()
    | st.sampled_from([texts.DNS_VPN, texts.PROXY_ON, texts.EXTENSIONS, texts.LOG]).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda end: text[:end])
    )
)
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in (
        parse_dns,
        parse_proxy,
        parse_extensions,
        parse_csrutil,
        parse_file_flags,
        parse_profiles,
        parse_dscacheutil,
        parse_log,
        parse_network_quality,
    ):
        read(text)
