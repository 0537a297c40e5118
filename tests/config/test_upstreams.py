"""`[[upstreams]]`: what may be written, which table counts for an address, and what is probably not meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modgate.config import (
    Config,
    ConfigInvalid,
    UpstreamTable,
    load,
    table_for,
    upstream_addresses,
    warnings,
    watched_files,
)


def _config(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    path = folder / "modgate.toml"
    path.write_text(text, encoding="utf-8")
    return load(
        config_file=path,
        environ={"HOME": str(folder), **(environ or {})},
        ask_go=lambda environ: {},  # noqa: ARG005  a twin of go_defaults
    ).config


def _problem(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        _config(folder, text, environ)
    return str(caught.value)


def _tables(*tables: dict[str, Any]) -> str:
    return "".join(
        "[[upstreams]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
        for table in tables
    )


def test_a_table_says_everything_of_one_upstream(tmp_path: Path) -> None:
    text = _tables(
        {
            "url": "https://goproxy.corp/go/",
            "ca": "corp.pem",
            "client_cert": "/etc/gate.pem",
            "client_key": "~/gate.key",
            "proxy": "http://me:secret@proxy.corp:3128",
            "username": "robot",
            "secret_file": "token",
            "concurrency": 4,
            "connect_timeout": "2s",
            "head_timeout": "1m30s",
            "stall_timeout": 5,
            "total_timeout": "2h",
        }
    )
    table = _config(tmp_path, text).upstreams[0]
    assert table.ca == tmp_path / "corp.pem"
    assert table.client_cert == Path("/etc/gate.pem")
    assert table.client_key == Path("~/gate.key").expanduser()
    assert table.secret_file == tmp_path / "token"
    limits = (table.connect_timeout, table.head_timeout, table.stall_timeout, table.total_timeout)
    assert limits == (2.0, 90.0, 5.0, 7200.0)
    assert "secret@" not in repr(table)
    assert table.named[:2] == ["ca", "client_cert"]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"url": "goproxy.corp"}, "is no https:// or http:// address"),
        ({"url": "file:///srv/go"}, "is no https:// or http:// address"),
        ({"url": "https://"}, "is no https:// or http:// address"),
        ({"url": "https://host/a b"}, "holds white space"),
        ({"url": "https://host:99999"}, "names no port that could be"),
        ({"url": "https://host/go?x=1"}, "has a query or a fragment"),
        ({"url": "https://host/go#x"}, "has a query or a fragment"),
        ({"url": "https://host/go/../x"}, "is no address of an upstream"),
        ({"url": "https://me:hunter2@host", "secret_env": "T"}, "its url holds a user name"),
        ({"url": "https://hunter2@host"}, "its url holds a user name"),
        ({"url": "https://h", "client_key": "k"}, "client_key needs client_cert"),
        ({"url": "https://h", "username": "me"}, "username needs secret_env or secret_file"),
        ({"url": "https://h", "username": "a:b", "secret_env": "T"}, "no colon"),
        ({"url": "https://h", "secret_env": "T", "secret_file": "f"}, "secret_env or secret_file, not both"),
        ({"url": "http://h.corp", "secret_env": "T"}, "a secret would cross the network in the clear"),
        ({"url": "http://h.corp", "ca": "x.pem"}, "ca and client_cert are for https://"),
        (
            {"url": "http://127.0.0.1", "secret_env": "T", "proxy": "http://p:1"},
            "a secret would reach the proxy in the clear",
        ),
        ({"url": "https://h", "proxy": "https://proxy"}, "an http proxy is http://host:port"),
        ({"url": "https://h", "proxy": "socks5://me:hunter2@proxy"}, "an http proxy is http://host:port"),
        ({"url": "https://h", "proxy": "me:hunter2@proxy:3128"}, "an http proxy is http://host:port"),
        ({"url": "https://me:hun/hunter2@host"}, "names no port that could be"),
        ({"url": "me:hunter2@host"}, "is no https:// or http:// address"),
        ({"url": "https://h", "proxy": "http://me:hun/hunter2@proxy"}, "an http proxy is http://host:port"),
        ({"url": "https://h", "proxy": "http://proxy:x"}, "an http proxy is http://host:port"),
        ({"url": "https://h", "proxy": "http://proxy/path"}, "an http proxy is http://host:port"),
        ({"url": "https://h", "concurrency": 0}, "greater than or equal to 1"),
        ({"url": "https://h", "head_timeout": 0}, "a time limit is more than nothing"),
        ({"url": "https://h", "head_timeout": "soon"}, "a duration is"),
        ({"url": "https://h", "tokenfile": "hunter2"}, "no such key"),
        ({"ca": "x.pem"}, "field required"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    tmp_path: Path, table: dict[str, Any], why: str
) -> None:
    text = _problem(tmp_path, _tables(table))
    assert why in text
    assert "modgate.toml:1: upstreams" in text
    assert "hunter2" not in text


def test_loopback_may_be_told_a_secret_without_tls(tmp_path: Path) -> None:
    for host in ("127.0.0.1:8081", "localhost", "[::1]:3000"):
        _config(tmp_path, _tables({"url": f"http://{host}", "secret_env": "T", "proxy": "direct"}))


def test_two_tables_for_one_address_contradict_each_other(tmp_path: Path) -> None:
    text = _problem(
        tmp_path,
        _tables({"url": "https://host/go"}, {"url": "https://other"}, {"url": "HTTPS://HOST:443/go/"}),
    )
    assert "tables 1 and 3 are both for HTTPS://HOST:443/go/; keep one" in text


def test_the_list_is_json_in_a_variable(tmp_path: Path) -> None:
    environ = {"MODGATE_UPSTREAMS": '[{"url": "https://host", "concurrency": 3}]'}
    assert _config(tmp_path, "", environ).upstreams == (UpstreamTable(url="https://host", concurrency=3),)


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("https://host/go/x", 1),
        ("https://host/gopher", 0),
        ("https://me:secret@host/go", 1),
        ("https://host:8443", None),
        ("http://host", None),
        ("file:///host", None),
    ],
)
def test_the_table_that_says_most_of_an_address_counts(url: str, number: int | None) -> None:
    assert (
        table_for([UpstreamTable(url="https://host"), UpstreamTable(url="https://host/go/")], url) == number
    )


EVERYWHERE = """
upstream = "https://me:pass@chain.corp/go,https://proxy.golang.org|direct"
sumdb = ["sum.golang.org", "sum.corp+12345678+AbC https://sum.corp/db"]
[[routes]]
match = "corp.example/*"
source = "https://nexus.corp/go"
[[routes]]
match = "own.example/*"
source = "direct"
[index]
enabled = true
"""


def test_tables_are_for_the_chain_routes_databases_and_the_index(tmp_path: Path) -> None:
    text = EVERYWHERE.replace(
        "sum.corp+12345678+AbC https://sum.corp/db", "sum.golang.org https://sum.corp/db"
    )
    config = _config(tmp_path, text)
    assert upstream_addresses(config) == [
        "https://me:pass@chain.corp/go",
        "https://proxy.golang.org",
        "https://nexus.corp/go",
        "https://sum.golang.org",
        "https://sum.corp/db",
        "https://index.golang.org/index",
    ]


def test_a_table_that_counts_for_nothing_is_told(tmp_path: Path) -> None:
    text = EVERYWHERE.replace(', "sum.corp+12345678+AbC https://sum.corp/db"', "") + _tables(
        {"url": "https://chain.corp", "secret_env": "T"},
        {"url": "https://nexus.corp"},
        {"url": "https://nexus.corp/go", "secret_env": "T"},
        {"url": "https://index.golang.org"},
        {"url": "https://sum.golang.org", "concurrency": 2},
        {"url": "https://typo.corp"},
    )
    told = [line for line in warnings(_config(tmp_path, text)) if line.startswith("upstreams")]
    nothing = "counts for nothing: no upstream, route, checksum database or index begins with"
    more = "or another table says more about each that does"
    assert told == [
        "upstreams, table 1: its secret is never sent, since https://***@chain.corp/go names a user itself",
        f"upstreams, table 2, {nothing} https://nexus.corp, {more}",
        f"upstreams, table 6, {nothing} https://typo.corp, {more}",
    ]


def test_a_secret_that_one_of_two_addresses_takes_is_no_news(tmp_path: Path) -> None:
    text = 'upstream = "https://me:pass@chain.corp/a,https://chain.corp/b"\n'
    config = _config(tmp_path, text + _tables({"url": "https://chain.corp", "secret_env": "T"}))
    assert not [line for line in warnings(config) if line.startswith("upstreams")]


def test_every_file_that_a_configuration_names_is_watched(tmp_path: Path) -> None:
    text = """
[tls]
cert = "server.pem"
key = "server.key"
[vcs]
cache = "mirrors"
[publish]
token_file = "publishers"
[[credentials]]
host = "git.corp"
token_file = "git-token"
"""
    text += _tables(
        {"url": "https://a", "ca": "ca.pem", "client_cert": "gate.pem", "secret_file": "secret"},
        {"url": "https://b", "ca": "ca.pem"},
    )
    config = _config(tmp_path, 'store = "store"\n' + text)
    names = [path.name for path in watched_files(config)]
    assert sorted(names) == sorted(
        ["server.pem", "server.key", "publishers", "git-token", "ca.pem", "gate.pem", "secret"]
    )
    assert all(path.parent == tmp_path for path in watched_files(config))
    assert watched_files(_config(tmp_path, "")) == []
