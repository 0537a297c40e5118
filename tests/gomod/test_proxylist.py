from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.gomod.proxylist import EntryKind, ProxyEntry, format_proxy_list, parse_proxy_list, redacted

DIRECT = ProxyEntry(EntryKind.DIRECT)
OFF = ProxyEntry(EntryKind.OFF)


def proxy(url: str, *, on_error: bool = False) -> ProxyEntry:
    return ProxyEntry(EntryKind.PROXY, url, on_error)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("https://proxy.golang.org,direct", (proxy("https://proxy.golang.org"), DIRECT)),
        ("direct", (DIRECT,)),
        ("off", (OFF,)),
        (
            "https://a.b|http://c:3000/x/,off",
            (proxy("https://a.b", on_error=True), proxy("http://c:3000/x"), OFF),
        ),
        (" https://a.b , , direct ", (proxy("https://a.b"), DIRECT)),
        ("goproxy.cn,direct", (proxy("https://goproxy.cn"), DIRECT)),
        ("localhost:3000", (proxy("https://localhost:3000"),)),
        ("host/path", (proxy("https://host/path"),)),
        ("HTTPS://A.b", (proxy("https://A.b"),)),
        ("http://[::1]:3000", (proxy("http://[::1]:3000"),)),
        ("file:///srv/go%20mod", (proxy("file:///srv/go%20mod"),)),
        ("https://u:p%40@a.b/x", (proxy("https://u:p%40@a.b/x"),)),
        ("direct,https://never.read", (DIRECT,)),
        ("off|gibberish", (OFF,)),
        ("https://a.b,", (proxy("https://a.b"),)),
    ],
)
def test_a_chain_is_read_as_go_reads_it(text: str, entries: tuple[ProxyEntry, ...]) -> None:
    assert parse_proxy_list(text) == entries
    assert parse_proxy_list(format_proxy_list(entries)) == entries


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no entry"),
        (",", "no entry"),
        (" | ", "no entry"),
        ("Direct", "Write direct in lower case"),
        ("https://a.b,OFF", "Write off in lower case"),
        ("none", "neither a URL nor a host"),
        ("ftp://a.b", "unknown scheme"),
        ("htps://a.b", "unknown scheme"),
        ("https:/a.b", "lacks a slash"),
        ("https:a.b", "no valid host"),
        ("https://", "no valid host"),
        ("https://a.b:port", "no valid host"),
        ("https://a.b:70000", "no valid host"),
        ("https://a b", "no URL may hold"),
        ("https://a.b;direct", "Separate entries with , or |"),
        ("https://a.b direct", "Separate entries with , or |"),
        ("https://a.b?x=1", "query or fragment"),
        ("https://a.b#x", "query or fragment"),
        ("https://a.b/%zz", "percent escape"),
        ("file://srv/x", "no absolute folder"),
        ("file:///", "no absolute folder"),
        ("/srv/x", "no scheme"),
    ],
)
def test_a_typo_is_named_with_the_way_out(text: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_proxy_list(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "https://user:s3cret@a.b:port",
        "https://s3cret@a.b:port",
        "user:s3cret@a.b c",
        "https://user:s3cret/x@a.b",
        "https://user:s3cret,more@a.b",
        "htps://user:s3cret@a.b",
        "https://user:s3cret%@a.b",
    ],
)
def test_no_error_repeats_a_password(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_proxy_list(text)
    assert "s3cret" not in str(caught.value)


def test_what_is_displayed_holds_no_credentials() -> None:
    first, last = parse_proxy_list("https://u:p@a.b/x,direct")
    assert (first.display, last.display) == ("https://***@a.b/x", "direct")
    assert (
        redacted("https://u:p@a.b,http://t@c.d/e@v1|direct") == "https://***@a.b,http://***@c.d/e@v1|direct"
    )
    assert redacted("u:p@a.b,direct") == "***@a.b,direct"
    assert redacted("x.y/z@v1.0.0") == "x.y/z@v1.0.0"
