"""Which repository addresses and folders a page may name."""

from __future__ import annotations

import pytest

from modgate.errors import Denied
from modgate.vcs.repository_url import checked_repository_url, checked_subdir

PAGE = "https://corp.example/lib"


def checked(text: str, vcs: str = "git", *, insecure: bool = False) -> str:
    return checked_repository_url(text, vcs, insecure=insecure, where=PAGE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://git.example/a/b.git", "https://git.example/a/b.git"),
        ("HTTPS://Git.Example/A", "https://git.example/A"),
        ("https://git.example", "https://git.example"),
        ("https://git.example:08443/a", "https://git.example:8443/a"),
        ("https://someone@git.example/a", "https://git.example/a"),
        ("https://git.example/-/snippets/1.git", "https://git.example/-/snippets/1.git"),
        ("https://git.example/a%20b/~c/d,e=f+g", "https://git.example/a%20b/~c/d,e=f+g"),
        ("https://[2606:4700::1]/a", "https://[2606:4700::1]/a"),
        ("ssh://git@git.example/a", "ssh://git@git.example/a"),
        ("ssh://git.example:2222/~me/a", "ssh://git.example:2222/~me/a"),
        ("git+ssh://git@git.example/a", "ssh://git@git.example/a"),
    ],
)
def test_https_and_ssh_are_taken(text: str, expected: str) -> None:
    assert checked(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://git.example/a", "the scheme http, which no setting allows"),
        ("git://git.example/a", 'the scheme "git"'),
        ("file:///etc/passwd", 'the scheme "file"'),
        ("file:/etc/passwd", 'the scheme "file"'),
        ("ext::sh", 'the scheme "ext"'),
        ("ext::ssh://a/b", 'the scheme "ext"'),
        ("fd::17", 'the scheme "fd"'),
        ("ftp://git.example/a", 'the scheme "ftp"'),
        ("svn+ssh://git.example/a", 'the scheme "svn\\+ssh"'),
        ("git@git.example:a/b", "no scheme"),
        ("/etc/passwd", "no scheme"),
        ("../a", "no scheme"),
        ("-oProxyCommand=x", "no scheme"),
        ("--upload-pack=x", "no scheme"),
        ("", "no scheme"),
        ("https:git.example", "no host"),
        ("https:///a", "characters or a form"),
        ("https://-oProxyCommand=x/a", "characters or a form"),
        ("ssh://-oProxyCommand=x/a", "characters or a form"),
        ("ssh://-x@git.example/a", "characters or a form"),
        ("ssh://git.example/-x", "characters or a form"),
        ("ssh://git.example", "characters or a form"),
        ("ssh://git.example/", "characters or a form"),
        ("https://me:secret@git.example/a", "characters or a form"),
        ("https://a@b@git.example/a", "characters or a form"),
        ("https://git.example/a?b=c", "characters or a form"),
        ("https://git.example/a#b", "characters or a form"),
        ("https://git.example/../a", "characters or a form"),
        ("https://git.example/a/./b", "characters or a form"),
        ("https://git.example/%2e%2E/a", "characters or a form"),
        ("https://git.example/%0ahost=evil", "characters or a form"),
        ("https://git.example/a%00", "characters or a form"),
        ("https://git.example/a%2fb", "characters or a form"),
        ("https://git.example/a%zz", "characters or a form"),
        ("https://git.example/a%5cb", "characters or a form"),
        ("https://git.example/a;rm", "characters or a form"),
        ("https://git.example/$(x)", "characters or a form"),
        ("https://git.example/`x`", "characters or a form"),
        ("https://git.example/a\\b", "characters or a form"),
        ("https://git.example/a\nb", "characters or a form"),
        ("https://git.example/a\x1b[31m", "characters or a form"),
        ("https://git.example%0a/a", "characters or a form"),
        ("https://git.example:0/a", "characters or a form"),
        ("https://git.example:99999/a", "characters or a form"),
        ("https://gít.example/a", "characters or a form"),
        ("https://git.example/" + "a" * 1000, "characters or a form"),
    ],
)
def test_everything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(Denied, match=why) as caught:
        checked(text)
    assert "secret" not in str(caught.value)
    assert caught.value.where == PAGE
    assert all(char.isprintable() for line in caught.value.lines() for char in line)


def test_http_is_taken_where_the_operator_says_so() -> None:
    assert checked("http://git.example/a", insecure=True) == "http://git.example/a"
    with pytest.raises(Denied):
        checked("git://git.example/a", insecure=True)


def test_a_module_proxy_speaks_http_only() -> None:
    assert checked("https://goproxy.example/x", "mod") == "https://goproxy.example/x"
    with pytest.raises(Denied, match="ssh"):
        checked("ssh://goproxy.example/x", "mod")


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("a", "a"), ("a/b/", "a/b"), ("a b/.c", "a b/.c")])
def test_a_folder_is_one_within_the_repository(text: str, expected: str) -> None:
    assert checked_subdir(text, PAGE) == expected


@pytest.mark.parametrize(
    "text",
    ["/a", "-a", "../a", "a/../b", "a//b", "./a", "/", ".git/x", "a/.GIT", "a\\b", "a\x00b", "a" * 2000],
)
def test_a_folder_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(Denied):
        checked_subdir(text, PAGE)
