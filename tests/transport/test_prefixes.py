"""Which beginning of an address covers which address."""

from __future__ import annotations

import pytest

from modgate.transport.prefixes import longest, place_of


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://host", "https://host"),
        ("https://host", "https://host/"),
        ("https://host/", "https://host/path"),
        ("https://host", "https://host/path/more"),
        ("https://host/go", "https://host/go"),
        ("https://host/go/", "https://host/go"),
        ("https://host/go", "https://host/go/"),
        ("https://host/go", "https://host/go/x?y=z"),
        ("https://host:443/go", "https://HOST./go"),
        ("http://host", "http://host:80/x"),
        ("HTTPS://Host/Go", "https://host:443/Go/x"),
        ("https://host/a%20b", "https://host/a b/c"),
        ("https://host/a%2fb", "https://host/a/b"),
        ("https://host/g%6f", "https://host/go"),
        ("https://host/go", "https://user:pass@host/go"),
        ("https://[::1]:8443", "https://[::1]:8443/x"),
        ("https://bücher.example", "https://xn--bcher-kva.example/x"),
        ("https://host/go", "https://host/go/x..y/...z"),
    ],
)
def test_an_address_under_the_prefix_is_covered(prefix: str, url: str) -> None:
    assert place_of(prefix).covers(place_of(url))


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://host", "http://host"),
        ("http://host", "https://host"),
        ("https://host", "https://host:8443"),
        ("https://host:8443", "https://host"),
        ("https://host", "https://host.evil.example"),
        ("https://host", "https://evilhost"),
        ("https://host", "https://evil.example/https://host"),
        ("https://host", "https://host@evil.example/"),
        ("https://host/go", "https://host"),
        ("https://host/go", "https://host/gopher"),
        ("https://host/go", "https://host/g"),
        ("https://host/Go", "https://host/go"),
        ("https://host/go", "https://host/go/../admin"),
        ("https://host/go", "https://host/go/%2e%2e/admin"),
        ("https://host/go", "https://host/go/%2E./admin"),
        ("https://host/go", "https://host/go%2f..%2fadmin"),
        ("https://host/go", "https://host/go/%252e%252e/admin"),
        ("https://host/go", "https://host/go/..\\admin"),
        ("https://host/go", "https://host/go/./x"),
        ("https://host", "https://host/.."),
    ],
)
def test_an_address_beside_the_prefix_is_not(prefix: str, url: str) -> None:
    assert not place_of(prefix).covers(place_of(url))


def test_the_longest_prefix_says_most() -> None:
    prefixes = [place_of(f"https://host{path}") for path in ("/a", "", "/a/b")] + [
        place_of("http://host/a/b/c")
    ]
    found = {
        path: longest(prefixes, place_of(f"https://host{path}")) for path in ("/a/b/c", "/a/bc", "/x", "/a/b")
    }
    assert found == {
        "/a/b/c": prefixes[2],
        "/a/bc": prefixes[0],
        "/x": prefixes[1],
        "/a/b": prefixes[2],
    }
    assert longest(prefixes, place_of("https://other/a")) is None
    assert longest([], place_of("https://host")) is None
