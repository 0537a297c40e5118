"""What GOSUMDB may say."""

from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.sumdb.spec import KNOWN, Spec, check_name, parse_gosumdb, split_request
from tests.support.sumdb_server import TestDatabase

GOLANG = KNOWN["sum.golang.org"]
SLASH = TestDatabase("localhost.localdev/sumdb").verifier_key


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("sum.golang.org", Spec("sum.golang.org", GOLANG)),
        (" sum.golang.org ", Spec("sum.golang.org", GOLANG)),
        (GOLANG, Spec("sum.golang.org", GOLANG)),
        ("sum.golang.google.cn", Spec("sum.golang.org", GOLANG, "https://sum.golang.google.cn")),
        (
            "sum.golang.org https://goproxy.cn/sumdb",
            Spec("sum.golang.org", GOLANG, "https://goproxy.cn/sumdb"),
        ),
        (
            f"{SLASH} http://127.0.0.1:1234/db/",
            Spec("localhost.localdev/sumdb", SLASH, "http://127.0.0.1:1234/db"),
        ),
        (SLASH, Spec("localhost.localdev/sumdb", SLASH)),
        ("off", None),
        (" off", None),
    ],
)
def test_each_form_is_understood(text: str, spec: Spec | None) -> None:
    assert parse_gosumdb(text) == spec


def test_a_database_is_reached_under_its_name_unless_a_url_is_given() -> None:
    specs = [parse_gosumdb(text) for text in ("sum.golang.org", "sum.golang.google.cn", SLASH)]
    assert [spec.direct_url for spec in specs if spec] == [
        "https://sum.golang.org",
        "https://sum.golang.google.cn",
        "https://localhost.localdev/sumdb",
    ]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("https://sum.golang.google.cn", "GOSUMDB=sum.golang.google.cn"),
        ("https://sum.golang.org/", "GOSUMDB=sum.golang.org"),
        ("https://sum.corp.example", "the name or key first, the URL second"),
        ("", "sum.golang.org"),
        ("a b c", "<name or key> <url>"),
        ("sum.corp.example", "<name>+<hash>+<key>"),
        (GOLANG[:-1] + "9", "<name>+<hash>+<key>"),
        ("sum.golang.org sum.golang.google.cn", "https://"),
        ("sum.golang.org ftp://sum.golang.org", "https://"),
        ("sum.golang.org https://x?y", "https://"),
    ],
)
def test_a_wrong_form_fails_with_the_right_one(text: str, fix: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_gosumdb(text)
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "a/",
        "/a",
        "a//b",
        "../a",
        "a/..",
        "a/./b",
        "a/.b",
        "-a",
        "a?b",
        "a#b",
        "u@a",
        "a\\b",
        "a b",
        "",
        "a%2fb",
        "a..b",
    ],
)
def test_funny_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        check_name(name)
    if name and " " not in name:
        with pytest.raises(Invalid):
            parse_gosumdb(TestDatabase(name).verifier_key)


@pytest.mark.parametrize(
    "name", ["sum.golang.org", "localhost.localdev/sumdb", "localhost:8080", "a.b/c/d-e_f~g"]
)
def test_hosts_and_paths_are_names(name: str) -> None:
    check_name(name)
    spec = parse_gosumdb(TestDatabase(name).verifier_key)
    assert spec is not None
    assert spec.name == name


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("sum.golang.org/supported", ("sum.golang.org", "supported")),
        ("localhost.localdev/sumdb/latest", ("localhost.localdev/sumdb", "latest")),
        ("a/lookup/x.y/lookup@v1.0.0", ("a", "lookup/x.y/lookup@v1.0.0")),
        ("a/b/tile/8/0/000", ("a/b", "tile/8/0/000")),
    ],
)
def test_requests_are_split_after_the_name(path: str, parts: tuple[str, str]) -> None:
    assert split_request(path) == parts


@pytest.mark.parametrize(
    "path", ["", "supported", "sum.golang.org", "../lookup/x", "a//lookup/x", "sum.golang.org/foo"]
)
def test_other_requests_are_invalid(path: str) -> None:
    with pytest.raises(Invalid):
        split_request(path)
