"""Routes, credentials and version control: what may be written, and which table it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.config import Config, ConfigInvalid, load, publish_patterns, route_table, warnings

if TYPE_CHECKING:
    from pathlib import Path

PROXY = "https://proxy.golang.org,direct"


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


ROUTES = """
upstream = "https://proxy.golang.org,direct"
private = "corp.example/*"
[[routes]]
match = ["corp.example/public", "corp.example/open"]
source = "https://proxy.golang.org"
[[routes]]
match = "pub.example"
source = "publish-only"
[[routes]]
match = "evil.example"
source = "block"
[[routes]]
match = "secret.example"
source = "https://nexus.corp"
private = true
principals = "farm"
[[routes]]
match = ["mirror.corp", "odd.example/mirror"]
source = "https://trunk.corp"
[[routes]]
match = "open.corp"
source = "https://trunk.corp"
private = false
[vcs.repositories]
"odd.example/lib" = "git@git.odd.example:lib.git"
[tls]
cert = "server.pem"
key = "server.key"
client_ca = "clients.pem"
"""


@pytest.mark.parametrize(
    ("path", "source", "private", "origin"),
    [
        ("corp.example/public/x", "https://proxy.golang.org", False, "routes, table 1"),
        ("corp.example/other", "direct", True, "no_proxy"),
        ("pub.example/a/b", "publish-only", True, "routes, table 2"),
        ("evil.example/a", "block", True, "routes, table 3"),
        ("Evil.example/a", "block", True, "routes, table 3"),
        ("mirror.corp/a", "https://trunk.corp", True, "routes, table 5"),
        ("odd.example/mirror/a", "https://trunk.corp", False, "routes, table 5"),
        ("open.corp/a", "https://trunk.corp", False, "routes, table 6"),
        ("secret.example/Lib", "https://nexus.corp", True, "routes, table 4"),
        ("secret.example/a", "https://nexus.corp", True, "routes, table 4"),
        ("odd.example/lib/sub", "direct", True, "vcs.repositories"),
        ("odd.example/library", PROXY, False, "upstream"),
        ("git.corp/a", "block", True, "the name looks private"),
        ("ci.internal/a", "block", True, "the name looks private"),
        ("127.1/a", "block", True, "the name looks private"),
        ("10.0x7f/a", "block", True, "the name looks private"),
        ("Corp.example/other", "direct", True, "no_proxy"),
        ("github.com/pkg/errors", PROXY, False, "upstream"),
    ],
)
def test_the_first_rule_that_matches_counts(
    path: str, source: str, private: bool, origin: str, tmp_path: Path
) -> None:
    table = route_table(_config(tmp_path, ROUTES))
    rule = table.find(path)
    assert (rule.source, table.is_private(path), rule.origin) == (source, private, origin)
    assert table.is_open(path) is (not path.startswith("secret"))


@pytest.mark.parametrize(
    ("upstream", "source"),
    [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("https://trunk.corp|https://proxy.golang.org", "https://trunk.corp"),
        ("https://proxy.golang.org,file:///srv/go", "file:///srv/go"),
        ("https://8.8.8.8,direct", "block"),
        ("https://goproxy.cn,direct", "block"),
        ("http://[::1]:1,https://10.0.0.1", "http://[::1]:1,https://10.0.0.1"),
    ],
)
def test_names_that_look_private_go_to_proxies_inside_only(
    upstream: str, source: str, tmp_path: Path
) -> None:
    table = route_table(_config(tmp_path, f'upstream = "{upstream}"'))
    assert table.find("git.corp/a").source == source
    assert table.is_private("git.corp/a")


def test_without_version_control_a_direct_route_refuses_with_the_switch(tmp_path: Path) -> None:
    table = route_table(_config(tmp_path, 'private = "corp.example/*"\n[vcs]\nenabled = false'))
    rule = table.find("corp.example/a")
    assert rule.source == "block"
    assert "vcs.enabled" in rule.reason


def test_what_may_be_published_is_named_or_follows_from_the_routes(tmp_path: Path) -> None:
    assert not publish_patterns(_config(tmp_path, ROUTES))
    on = '\n[publish]\nenabled = true\ntoken_env = "T"\n'
    assert publish_patterns(_config(tmp_path, ROUTES + on)) == "pub.example"
    config = _config(tmp_path, ROUTES + on + 'match = "mine.example/*"\n')
    assert publish_patterns(config) == "mine.example/*"
    assert route_table(config).find("mine.example/a").source == "publish-only"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[routes]]\nmatch = "a.example"\nsource = "dirct"', 'table 1, source: "direct" (version control)'),
        (
            '[[routes]]\nmatch = "https://a.example"\nsource = "direct"',
            "is a URL; a pattern is a module path",
        ),
        ('[[routes]]\nmatch = []\nsource = "direct"', "table 1, match: name at least one module pattern"),
        (
            '[[routes]]\nmatch = "a"\nsource = "direct"\nprivat = true',
            "privat: no such key; did you mean private?",
        ),
        (
            '[[routes]]\nmatch = "a"\nsource = "direct"\nzzz = 1',
            "known are match, source, private, principals",
        ),
        ('[[routes]]\nmatch = "/a.example"\nsource = "direct"', "would match nothing"),
        ('private = "a.example:8080/*"', "would match nothing"),
        ('routes = "direct"', "a list of tables"),
        ('[[credentials]]\nhost = "a.example"', "needs token_env or token_file"),
        ('[[credentials]]\nhost = "a.example"\nkind = "github-app"\napp_id = "1"', "needs installation_id"),
        ('[[credentials]]\nhost = "https://a"\nkind = "ssh"', "is not a host or host:port"),
        ('[vcs.repositories]\n"a.example/*" = "https://a.example/b"', "is a glob"),
        ('[vcs.repositories]\n"a.example" = "file:///etc"', "is no repository address"),
        ('[vcs.repositories]\n"a.example" = "ext::sh -c x"', "is no repository address"),
        ('[vcs.repositories]\n"a.example" = "ssh://-oProxyCommand=x/y"', "is no repository address"),
        ('[vcs.repositories]\n"a.example" = "https://u:hunter2@a/b"', "belongs into [[credentials]]"),
        ('[[routes]]\nmatch = "a"\nsource = "direct"\nprincipals = "farm"', "need tls.client_ca"),
        ("[publish]\nenabled = true", "needs publish.token_file or publish.token_env"),
        ('[publish]\nenabled = true\ntoken_env = "T"', "needs publish.match, or a route"),
        ('[vcs]\ninternal_hosts = ["https://a"]', "is not a host or host:port"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    problem = _problem(tmp_path, text)
    assert said in problem
    assert "hunter2" not in problem


def test_tables_can_be_set_as_json_in_a_variable(tmp_path: Path) -> None:
    environ = {
        "MODGATE_ROUTES": '[{"match": "a.example/*", "source": "direct"}]',
        "MODGATE_VCS_REPOSITORIES": '{"b.example": "https://git.example/b.git"}',
    }
    config = _config(tmp_path, "", environ)
    assert config.routes[0].match == ("a.example/*",)
    assert config.vcs.repositories == {"b.example": "https://git.example/b.git"}
    assert "as JSON" in _problem(tmp_path, "", {"MODGATE_ROUTES": "[{"})


def test_files_of_tables_are_meant_from_where_the_configuration_is(tmp_path: Path) -> None:
    config = _config(tmp_path, '[[credentials]]\nhost = "a.example"\ntoken_file = "secrets/token"')
    assert config.credentials[0].token_file == tmp_path / "secrets" / "token"


def test_what_is_written_for_an_unknown_key_of_a_credential_is_not_shown(tmp_path: Path) -> None:
    text = '[[credentials]]\nhost = "a.example"\ntoken_env = "T"\ntoken = "hunter2hunter2"'
    problem = _problem(tmp_path, text)
    assert "token: no such key" in problem
    assert "hunter2" not in problem


def test_rules_that_an_earlier_one_hides_are_told(tmp_path: Path) -> None:
    text = """
sumdb = "sum.golang.org"
[[routes]]
match = ["corp.example/*", "git.example/te?m"]
source = "direct"
[[routes]]
match = ["corp.example/a*/b", "Corp.example/x", "git.example/team", "corp.example/"]
source = "publish-only"
[publish]
match = ["corp.example/gen", "corp.example", "git.example/team"]
"""
    assert warnings(_config(tmp_path, text)) == [
        "routes, table 2: corp.example/a*/b never counts, since corp.example/* (routes, table 1) comes first",
        "routes, table 2: Corp.example/x never counts, since corp.example/* (routes, table 1) comes first",
        "publish.match: corp.example/gen never counts, since corp.example/* (routes, table 1) comes first",
        "publish.match: corp.example never counts, since corp.example/ (routes, table 2) comes first",
        "publish.match: git.example/team never counts, since git.example/team (routes, table 2) comes first",
    ]
