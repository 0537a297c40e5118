"""Layers, origins, and what is said of mistakes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.config import Config, ConfigInvalid, Loaded, all_keys, load, warnings
from modgate.config.goenv import go_defaults
from modgate.config.places import default_store, user_config_file
from modgate.server import shared
from modgate.server.listener import Listen
from modgate.source.settings import CacheSettings, PrefetchSettings
from modgate.transport.settings import TransportSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIZE_FORMS = 'a size is a number of bytes or a text such as "512MiB" or "2GiB"'
_NO_INTEGER = "input should be a valid integer, unable to parse string as an integer"


def _no_go(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {}


def _load(
    text: str = "",
    *,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[object, str]] | None = None,
    go: Mapping[str, str] | None = None,
) -> Loaded:
    path = folder / "modgate.toml"
    path.write_text(text, encoding="utf-8")
    told = {key: (value, "go env") for key, value in (go or {}).items()}
    return load(
        flags,
        config_file=path,
        environ={"HOME": str(folder), **(environ or {})},
        ask_go=lambda environ: told,  # noqa: ARG005  a twin of go_defaults
    )


def _problems(text: str = "", *, folder: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        _load(text, folder=folder, environ=environ)
    return [line.replace(f"{folder}{os.sep}", "") for line in caught.value.lines()]


def test_without_any_configuration_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(environ={"HOME": str(tmp_path)}, ask_go=_no_go)
    config = loaded.config
    assert str(config.listen) == "127.0.0.1:3000"
    assert config.upstream == "https://proxy.golang.org"
    assert config.sumdb == ("sum.golang.org",)
    assert config.store.path == default_store({"HOME": str(tmp_path)})
    assert config.base_url == "http://127.0.0.1:3000"
    assert set(loaded.origins) == set(all_keys())
    assert set(loaded.origins.values()) == {"default"}
    assert warnings(config) == []


def test_flags_win_over_variables_win_over_the_file(tmp_path: Path) -> None:
    text = "prefix = '/file'\n[fetch]\nretries = 1\nconcurrency = 5\n[log]\nlevel = 'error'"
    loaded = _load(
        text,
        folder=tmp_path,
        environ={"MODGATE_PREFIX": "/env", "MODGATE_FETCH_RETRIES": "3"},
        flags={"prefix": ("/flag", "--prefix")},
    )
    config, origins = loaded.config, loaded.origins
    assert (config.prefix, origins["prefix"]) == ("/flag", "--prefix")
    assert (config.fetch.retries, origins["fetch.retries"]) == (3, "MODGATE_FETCH_RETRIES")
    assert (config.fetch.concurrency, origins["fetch.concurrency"]) == (5, f"{tmp_path / 'modgate.toml'}:4")
    assert (config.log.level, origins["log.level"]) == ("error", f"{tmp_path / 'modgate.toml'}:6")
    assert origins["fetch.stall_timeout"] == "default"


def test_every_key_can_be_set_in_the_environment(tmp_path: Path) -> None:
    values = {
        "listen": "127.0.0.1:1", "prefix": "/p", "store": "memory:", "upstream": "off", "sumdb": "off",
        "tls.cert": "/c", "tls.key": "/k", "tls.client_ca": "/a", "prefetch.enabled": "off",
        "trusted_proxies": "10.0.0.0/8",
        "log.format": "json", "log.level": "debug", "log.access": "off",
        "routes": "[]", "credentials": "[]", "vcs.repositories": "{}", "vcs.enabled": "off",
        "publish.enabled": "off", "checksum_log.public": "off", "upstreams": "[]", "admin.socket": "off",
        "reload.watch": "off", "index.enabled": "off", "index.url": "https://index.example/index",
        "advisories.serve": "off", "ledger.url": "postgresql://gate@db/gate", "consumers.pseudonyms": "off",
        "notify.doubtful": "off",
        "consumers.header": "x-team", "webhooks": "[]", "scan.command": "", "scan.network": "off",
        "scan.url": "https://scan.example/",
    }  # fmt: skip
    environ = {key.variable: values.get(name, "7") for name, key in all_keys().items()}
    loaded = _load(folder=tmp_path, environ=environ)
    assert loaded.origins == {name: key.variable for name, key in all_keys().items()}
    assert loaded.config.prefetch.enabled is False
    assert loaded.config.cache.memory == 7


@pytest.mark.parametrize(
    ("goproxy", "upstream"),
    [
        ("https://goproxy.cn,direct", "https://goproxy.cn"),
        ("https://a.example|https://b.example | direct", "https://a.example|https://b.example"),
        ("https://a.example,off", "https://a.example,off"),
        ("https://direct.example", "https://direct.example"),
        ("direct", "direct"),
    ],
)
def test_the_direct_of_gos_own_chain_stays_with_the_clients(
    goproxy: str, upstream: str, tmp_path: Path
) -> None:
    assert _load(folder=tmp_path, go={"upstream": goproxy}).config.upstream == upstream
    written = _load(f'upstream = "{goproxy}"', folder=tmp_path, go={"upstream": "off"})
    assert written.config.upstream == goproxy


def test_the_file_of_the_user_is_read_unless_another_is_named(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    own = user_config_file(environ)
    own.parent.mkdir(parents=True)
    own.write_text("prefix = '/own'")
    named = tmp_path / "named.toml"
    named.write_text("prefix = '/named'")
    flagged = tmp_path / "flagged.toml"
    flagged.write_text("prefix = '/flagged'")
    assert load(environ=environ, ask_go=_no_go).config.prefix == "/own"
    environ["MODGATE_CONFIG"] = str(named)
    assert load(environ=environ, ask_go=_no_go).config.prefix == "/named"
    assert load(config_file=flagged, environ=environ, ask_go=_no_go).config.prefix == "/flagged"


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "no.toml"
    for named in (missing, None):
        with pytest.raises(ConfigInvalid) as caught:
            load(config_file=named, environ={"MODGATE_CONFIG": str(missing)}, ask_go=_no_go)
        assert "no.toml: cannot be read" in caught.value.lines()[0]


def test_all_problems_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    text = """\
listn = "127.0.0.1:3000"   # a slip
remarks = '''
retries = 9
'''
[fetch]
retries = "many"
hosts = [
  ["log"]
]
conect_timeout = "3s"
[log]
level = "loud"
[tls]
cert = "a.pem"
"""
    environ = {"MODGATE_LISEN": "x", "MODGATE_CACHE_MEMORY": "lots"}
    assert _problems(text, folder=tmp_path, environ=environ) == [
        "MODGATE_LISEN: no such variable; did you mean MODGATE_LISTEN?",
        "modgate.toml:1: no key listn; did you mean listen?",
        "modgate.toml:2: no key remarks; docs/configuration.md lists every key",
        "modgate.toml:7: no key fetch.hosts; docs/configuration.md lists every key",
        "modgate.toml:10: no key fetch.conect_timeout; did you mean fetch.connect_timeout?",
        "modgate.toml:14: tls.cert and tls.key go together; one of them is missing",
        f"MODGATE_CACHE_MEMORY: cache.memory: {_SIZE_FORMS} (got 'lots')",
        f"modgate.toml:6: fetch.retries: {_NO_INTEGER} (got 'many')",
        "modgate.toml:12: log.level: input should be 'debug', 'info', 'warning' or 'error' (got 'loud')",
    ]


def test_a_file_that_is_no_toml_is_told_with_the_line(tmp_path: Path) -> None:
    assert "line 2" in _problems("a = 1\nb ==\n", folder=tmp_path)[0]


def test_a_key_without_its_table_is_led_there(tmp_path: Path) -> None:
    assert _problems("retries = 3", folder=tmp_path) == [
        "modgate.toml:1: no key retries; did you mean fetch.retries?"
    ]
    assert _problems("fetch = 3", folder=tmp_path) == [
        "modgate.toml:1: fetch is a table: write [fetch] and its keys below"
    ]


def test_relative_paths_of_a_file_start_at_its_folder(tmp_path: Path) -> None:
    assert _load("store = 'modules'", folder=tmp_path).config.store.path == tmp_path / "modules"
    assert _load("store = 'memory:'", folder=tmp_path).config.store.path is None
    assert _load("store = '/data'", folder=tmp_path).config.store.path == Path("/data")


def test_private_is_the_default_of_the_other_two_patterns(tmp_path: Path) -> None:
    told = {"private": "go.example", "no_proxy": "old.example", "no_sumdb": "old.example"}
    config = _load(folder=tmp_path, go=told).config
    assert (config.private, config.no_proxy) == (("go.example",), ("old.example",))
    loaded = _load("private = ['corp.example/*']\nno_sumdb = 'x.example'", folder=tmp_path, go=told)
    assert loaded.config.no_proxy == ("corp.example/*",)
    assert loaded.config.no_sumdb == ("x.example",)
    assert loaded.origins["no_proxy"].startswith("private (")


def test_sumdb_off_is_no_database_and_a_warning(tmp_path: Path) -> None:
    config = _load("sumdb = 'off'", folder=tmp_path).config
    assert config.sumdb == ()
    assert any("checksum database" in text for text in warnings(config))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("upstream", "https://a.example;direct", "Separate entries"),
        ("upstream", "https://a.example，direct", "Separate entries"),
        ("upstream", "Direct", "lower case"),
        ("upstream", "https:/a.example", "lacks a slash"),
        ("upstream", "https://a.example direct", "no URL may hold"),
        ("upstream", "'https://a.example'", "a"),
        ("upstream", "ftp://a.example", "unknown scheme"),
        ("upstream", "none", "neither a URL nor a host"),
        ("upstream", " , ", "no entry"),
        ("sumdb", "https://sum.golang.google.cn", "GOSUMDB=sum.golang.google.cn"),
        ("sumdb", "sum.example", "is not known"),
        ("sumdb", "off,sum.golang.org", "stands alone"),
        ("fetch.redirect_hosts", "https://x.example", "is not a host"),
        ("sumdb", "sum.golang.org a b", "too many fields"),
        ("private", "https://corp.example", "is a URL"),
        ("private", "corp.example other.example", "white space"),
        ("private", "corp.example/**", "no glob"),
        ("private", "corp.example/[a", "malformed"),
        ("trusted_proxies", "10.0.0.1/8", "host bits"),
        ("trusted_proxies", "gate.example", "IPv4 or IPv6"),
        ("fetch.retries", "-1", "greater than or equal to 0"),
        ("fetch.stall_timeout", "0", "greater than 0"),
        ("listen", "http://x:1", "without a scheme"),
    ],
)
def test_a_slip_in_a_value_is_told_with_what_was_meant(
    tmp_path: Path, key: str, value: str, said: str
) -> None:
    problems = _problems(folder=tmp_path, environ={all_keys()[key].variable: value})
    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize(
    "chain",
    ["https://a.example,direct", "https://a.example | https://b.example , direct", "off", "direct",
     "goproxy.cn", "localhost:3000", "file:///srv/modules", "http://127.0.0.1:1/x,,direct"],
)  # fmt: skip
def test_what_go_takes_as_a_chain_is_taken(tmp_path: Path, chain: str) -> None:
    assert _load(folder=tmp_path, environ={"MODGATE_UPSTREAM": chain}).config.upstream == chain


@pytest.mark.parametrize(
    "spec",
    ["sum.golang.org", "sum.golang.google.cn", "sum.golang.org https://sum.example",
     "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8 http://127.0.0.1:1"],
)  # fmt: skip
def test_what_go_takes_as_a_database_is_taken(tmp_path: Path, spec: str) -> None:
    assert _load(folder=tmp_path, environ={"MODGATE_SUMDB": spec}).config.sumdb == (spec,)


def test_no_secret_of_a_url_is_shown(tmp_path: Path) -> None:
    config = _load("upstream = 'https://user:hunter2@a.example'", folder=tmp_path).config
    assert "hunter2" in config.upstream
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config)
    for broken in (
        "https://user:hunter2@a b",
        "https://user:hunt er2@a.example",
        "https://user:h/unter2@a.example",
        "ftp://user:hunter2@a",
    ):
        problem = _problems(f"upstream = '{broken}'", folder=tmp_path)[0]
        assert "unter2" not in problem
        assert "er2" not in problem


def test_an_open_listener_is_warned_about(tmp_path: Path) -> None:
    texts = warnings(_load("listen = ':3000'", folder=tmp_path).config)
    assert len(texts) == 2
    assert "nothing asks who they are" in texts[0]
    tls = "listen = ':3000'\n[tls]\ncert='c'\nkey='k'\nclient_ca='a'"
    assert warnings(_load(tls, folder=tmp_path).config) == []


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = _load(folder=tmp_path).config
    with pytest.raises(ValueError, match="frozen"):
        config.prefix = "/x"
    assert isinstance(config, Config)


def test_the_go_command_of_the_machine_is_asked(go_command: str, tmp_path: Path) -> None:
    goenv = tmp_path / "goenv"
    goenv.write_text("GOPROXY=https://a.example,direct\nGOPRIVATE=corp.example\nGONOSUMDB=x.example\n")
    environ = {"PATH": str(Path(go_command).parent), "HOME": str(tmp_path), "GOENV": str(goenv)}
    told = go_defaults(environ)
    assert told["upstream"] == ("https://a.example,direct", "go env GOPROXY")
    assert told["sumdb"] == ("sum.golang.org", "go env GOSUMDB")
    assert told["no_proxy"][0] == "corp.example"
    assert told["no_sumdb"] == ("x.example", "go env GONOSUMDB")


def test_without_go_its_variables_and_defaults_stand_in(tmp_path: Path) -> None:
    told = go_defaults({"PATH": str(tmp_path), "GOPROXY": "https://b.example", "GOPRIVATE": "corp.example"})
    assert told["upstream"] == ("https://b.example", "$GOPROXY")
    assert told["sumdb"] == ("sum.golang.org", "default")
    assert told["no_proxy"] == told["no_sumdb"] == ("corp.example", "$GOPRIVATE")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for go")
@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '[]'"])
def test_a_broken_go_is_like_none(tmp_path: Path, script: str) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\n{script}\n")
    go.chmod(0o755)
    assert go_defaults({"PATH": str(tmp_path)})["upstream"] == ("https://proxy.golang.org,direct", "default")


def test_each_platform_has_its_folders() -> None:
    home = {"HOME": "/h", "USERPROFILE": "/h", "LOCALAPPDATA": "/l", "APPDATA": "/a"}
    assert default_store(home, "linux") == Path("/h/.cache/modgate/store")
    assert default_store(home | {"XDG_CACHE_HOME": "/x"}, "linux") == Path("/x/modgate/store")
    assert default_store(home | {"XDG_CACHE_HOME": "x"}, "linux") == Path("/h/.cache/modgate/store")
    assert default_store(home, "darwin") == Path("/h/Library/Caches/modgate/store")
    assert default_store(home, "win32") == Path("/l/modgate/store")
    assert user_config_file(home, "linux") == Path("/h/.config/modgate/config.toml")
    assert user_config_file(home, "darwin") == Path("/h/Library/Application Support/modgate/config.toml")
    assert user_config_file(home, "win32") == Path("/a/modgate/config.toml")


def test_the_defaults_are_those_of_the_parts_they_configure(tmp_path: Path) -> None:
    config = _load(folder=tmp_path).config
    transport, cache, prefetch = TransportSettings(), CacheSettings(), PrefetchSettings()
    fetch = config.fetch
    assert (fetch.connect_timeout, fetch.head_timeout) == (transport.connect, transport.head)
    assert (fetch.stall_timeout, fetch.total_timeout) == (transport.stall, transport.total)
    assert (fetch.retries, fetch.concurrency) == (transport.retries, transport.connections)
    assert fetch.redirect_hosts == transport.redirect_hosts
    assert (config.breaker.failures, config.breaker.reset) == (
        transport.breaker_failures,
        transport.breaker_pause,
    )
    assert config.cache.mutable_ttl == cache.mutable_ttl
    assert config.cache.absent_ttl == cache.remembered.absent
    assert config.cache.verdict_ttl == cache.remembered.tampered
    assert config.prefetch.concurrency == prefetch.concurrency
    assert config.prefetch.max_bytes == prefetch.unused_bytes
    limits = shared.Limits()
    assert (config.limits.connections, config.limits.header_timeout) == (
        limits.connections,
        limits.head_seconds,
    )
    assert (config.limits.idle_timeout, config.limits.stall_timeout) == (
        limits.idle_seconds,
        limits.stall_seconds,
    )
    assert config.limits.grace == Listen().grace
