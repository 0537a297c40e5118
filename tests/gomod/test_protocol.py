from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.gomod import module, protocol
from modgate.gomod.protocol import Kind, Request, checked, parse

PATH = module.check_path("github.com/Azure/x")
VERSION = module.check(PATH, "v1.2.3")


@pytest.mark.parametrize(
    ("url", "request_", "url_path"),
    [
        ("/github.com/!azure/x/@v/list", Request(Kind.LIST, PATH), "github.com/!azure/x/@v/list"),
        ("github.com/%21azure/x/@latest", Request(Kind.LATEST, PATH), "github.com/!azure/x/@latest"),
        (
            "/github.com/!azure/x/@v/v1.2.3.info",
            Request(Kind.INFO, PATH, "v1.2.3"),
            "github.com/!azure/x/@v/v1.2.3.info",
        ),
        (
            "/github.com/%21%61zure/x/%40v/v1%2e2.3.mod",
            Request(Kind.MOD, PATH, "v1.2.3"),
            "github.com/!azure/x/@v/v1.2.3.mod",
        ),
        (
            "/github.com/!azure/x/@v/v1.2.3-!r!c.1.zip",
            Request(Kind.ZIP, PATH, "v1.2.3-RC.1"),
            "github.com/!azure/x/@v/v1.2.3-!r!c.1.zip",
        ),
        (
            "/github.com/!azure/x/@v/v2.0.0%2Bincompatible.zip",
            Request(Kind.ZIP, PATH, "v2.0.0+incompatible"),
            "github.com/!azure/x/@v/v2.0.0+incompatible.zip",
        ),
        (
            "/github.com/!azure/x/@v/v1.info",
            Request(Kind.QUERY, PATH, "v1"),
            "github.com/!azure/x/@v/v1.info",
        ),
        (
            "/github.com/!azure/x/@v/v3.info",
            Request(Kind.QUERY, PATH, "v3"),
            "github.com/!azure/x/@v/v3.info",
        ),
        (
            "/github.com/!azure/x/@v/!main.info",
            Request(Kind.QUERY, PATH, "Main"),
            "github.com/!azure/x/@v/!main.info",
        ),
        (
            "/github.com/!azure/x/@v/v1.2.3+meta.info",
            Request(Kind.QUERY, PATH, "v1.2.3+meta"),
            "github.com/!azure/x/@v/v1.2.3+meta.info",
        ),
        (
            "/github.com/!azure/x/@v/a%20b%2525.info",
            Request(Kind.QUERY, PATH, "a b%25"),
            "github.com/!azure/x/@v/a%20b%2525.info",
        ),
        (
            "/github.com/!azure/x/@v/x.mod.info",
            Request(Kind.QUERY, PATH, "x.mod"),
            "github.com/!azure/x/@v/x.mod.info",
        ),
        (
            "/gopkg.in/check.v1/@v/v0.0.0-20161208181325-20d25e280405.mod",
            Request(Kind.MOD, module.check_path("gopkg.in/check.v1"), "v0.0.0-20161208181325-20d25e280405"),
            "gopkg.in/check.v1/@v/v0.0.0-20161208181325-20d25e280405.mod",
        ),
        (
            "/golang.org/toolchain/@v/v0.0.1-go1.21.0.linux-amd64.zip",
            Request(Kind.ZIP, module.check_path("golang.org/toolchain"), "v0.0.1-go1.21.0.linux-amd64"),
            "golang.org/toolchain/@v/v0.0.1-go1.21.0.linux-amd64.zip",
        ),
    ],
)
def test_a_url_is_a_request_and_back(url: str, request_: Request, url_path: str) -> None:
    assert parse(url) == request_
    assert request_.url_path == url_path
    assert parse(url_path) == request_
    assert checked(request_.kind, request_.path, request_.version) == request_


@pytest.mark.parametrize(
    "url",
    [
        "/x.y/%00/@latest",
        "/x.y/@v/v1.0.0%00.zip",
        "/x.y%2F..%2Fz/@latest",
        "/x.y%2f/@latest",
        "/x.y/@v/..%5Cz.info",
        "/x.y/@v/a\\b.info",
        "/x.y/../z/@latest",
        "/x.y/./z/@latest",
        "/../x.y/@latest",
        "/x.y/%2e%2E/z/@latest",
        "/x.y/@v/..",
        "/x.y/%ff/@latest",
        "/x.y/%c3/@latest",
        "/x.y/%ed%a0%80/@latest",
        "/x.y/%c0%ae%c0%ae/@latest",
        "/x.y/é/@latest",
        "/x.y/%zz/@latest",
        "/x.y/%/@latest",
        "/x.y/@latest%2",
        "/x.y/%0a/@latest",
        "/x.y/%7F/@latest",
        "/x.y/\t/@latest",
        "/x.y/ /@latest",
        "/x.y/" + "a" * 9000 + "/@latest",
    ],
)
def test_a_url_that_is_nonsense_is_malformed(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(url)
    assert caught.value.malformed


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "//",
        "/x.y//z/@latest",
        "//x.y/@latest",
        "/x.y/@latest/",
        "/x.y/@v/foobar",
        "/x.y/@v/",
        "/x.y/@v",
        "/x.y/@v/.info",
        "/x.y/@v/list.info.txt",
        "/x.y/@v/v1.0.0.ziphash",
        "/x.y/@v/a/v1.0.0.info",
        "/x.y/@v/v1.0.0.INFO",
        "/x.y/@w/list",
        "/x.y",
        "/@latest",
        "/@v/list",
        "/x.y/@v/v1.0.0",
        "/x.y/@v/!!v1.0.0.info",
        "/x.y/@v/v1.0.0!.info",
        "/x.y/@v/v1.0.0-!F.info",
        "/x.y/@v/v1.0.0-!1.info",
        "/x.y/@v/v1.0.0-RC.info",
        "/foobar/@latest",
        "/Upper.com/@latest",
        "/!upper.com/@latest",
        "/x.y/Upper/@latest",
        "/x.y/!F/@latest",
        "/x.y/!!f/@latest",
        "/x.y/f!/@latest",
        "/x.y/%2521f/@latest",
        "/x.y/%252F/@latest",
        "/x.y/%252e%252e/@latest",
        "/x.y/com1/@latest",
        "/x.y/aux.foo/@latest",
        "/x.y/z~0/@latest",
        "/-x.y/@latest",
        "/x.y/.z/@latest",
        "/x.y/z./@latest",
        "/x.y/z/v1/@latest",
        "/x.y/%c3%a9/@latest",
        "/x.y/z?go-get=1/@latest",
        "/localhost/x/@latest",
        "/gopkg.in/yaml/@latest",
        "/x.y/@v/latest.info",
        "/x.y/@v/upgrade.info",
        "/x.y/@v/patch.info",
        "/x.y/@v/latest.mod",
        "/x.y/@v/latest.zip",
        "/x.y/@v/v1.mod",
        "/x.y/@v/master.zip",
        "/x.y/@v/v1.2.3+meta.mod",
        "/x.y/@v/v01.2.3.zip",
        "/x.y/@v/%3Ev1.0.0.info",
        "/x.y/@v/v2.0.0.mod",
        "/x.y/@v/v2.0.0.zip",
        "/x.y/v2/@v/v1.0.0.mod",
        "/x.y/v2/@v/v3.0.0.info",
        "/x.y/v2/@v/v3.info",
        "/gopkg.in/yaml.v2/@v/v3.0.0.info",
        "/x.y/@v/v1.0.0+incompatible.info",
        "/x.y/v2/@v/v2.0.0+incompatible.zip",
        "/x.y/@v/%c3%a9.info",
        "/x.y/@v/com1.info",
        "/x.y/@v/-.%2e.info",
    ],
)
def test_what_go_calls_not_found_is_invalid_but_not_malformed(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(url)
    assert not caught.value.malformed


@pytest.mark.parametrize(
    "url", ["/x.y/" + "secret" * 2000, "/x.y/" + "a" * 1500 + "/@latest!", "/x.y/%1b[31m/@latest", "/x.y/%0a"]
)
def test_a_text_reflects_little_and_nothing_that_a_terminal_obeys(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(url)
    assert all(line.isprintable() and len(line) < 320 for line in caught.value.lines())
    if len(url) > protocol.MAX_PATH:
        assert "secret" not in str(caught.value)


def test_an_empty_element_is_named() -> None:
    with pytest.raises(Invalid, match="empty element"):
        parse("/x.y//z/@latest")


def test_the_longest_path_that_is_read() -> None:
    longest = "x.y/" + "a" * (protocol.MAX_PATH - len("x.y//@latest")) + "/@latest"
    assert parse(longest).kind is Kind.LATEST
    with pytest.raises(Invalid) as caught:
        parse(longest.replace("/@", "a/@"))
    assert caught.value.malformed


def test_only_single_versions_are_immutable() -> None:
    for kind in (Kind.INFO, Kind.MOD, Kind.ZIP):
        request = Request.exact(kind, VERSION)
        assert request.immutable
        assert request.module_version == VERSION
    for kind, version in ((Kind.LIST, ""), (Kind.LATEST, ""), (Kind.QUERY, "master")):
        request = checked(kind, PATH, version)
        assert not request.immutable
        with pytest.raises(Invalid):
            _ = request.module_version
        with pytest.raises(Invalid):
            Request.exact(kind, VERSION)


def test_each_kind_has_its_media_type() -> None:
    found = {kind: Request(kind, PATH, "v1.2.3").media_type for kind in Kind}
    assert found == {
        Kind.LIST: "text/plain; charset=utf-8",
        Kind.LATEST: "application/json",
        Kind.INFO: "application/json",
        Kind.MOD: "text/plain; charset=utf-8",
        Kind.ZIP: "application/zip",
        Kind.QUERY: "application/json",
    }


def test_a_request_reads_as_text() -> None:
    assert str(Request.exact(Kind.ZIP, VERSION)) == "github.com/Azure/x@v1.2.3 zip"
    assert str(Request(Kind.LIST, PATH)) == "github.com/Azure/x list"


@pytest.mark.parametrize(
    ("kind", "path", "version"),
    [
        (Kind.LIST, "x.y", "v1.0.0"),
        (Kind.LATEST, "foobar", ""),
        (Kind.INFO, "x.y", ""),
        (Kind.QUERY, "x.y", "a/b"),
        (Kind.QUERY, "x.y", "a!b"),
        (Kind.QUERY, "x.y", "latest"),
        (Kind.MOD, "x.y", "master"),
        (Kind.ZIP, "x.y", "v2.0.0"),
    ],
)
def test_a_request_from_strings_is_checked_as_a_url_is(kind: Kind, path: str, version: str) -> None:
    with pytest.raises(Invalid):
        checked(kind, path, version)


def test_a_tag_of_another_major_is_a_query_since_go_answers_it_with_incompatible() -> None:
    request = parse("/x.y/@v/v2.0.0.info")
    assert (request.kind, request.version) == (Kind.QUERY, "v2.0.0")
    assert request.url_path == "x.y/@v/v2.0.0.info"
