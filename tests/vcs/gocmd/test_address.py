"""Which repositories the go command is sent to, and what the others are told."""

from __future__ import annotations

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.transport.reach import NOWHERE, Reach
from modgate.vcs.gocmd import Place, place_of
from modgate.vcs.roots import RepositoryRoot

PATH = "code.test/m"


def place(
    vcs: str, url: str, path: str = PATH, *, root: str = PATH, subdir: str = "", insecure: str = ""
) -> Place:
    return place_of(
        RepositoryRoot(root, vcs, url, subdir), path, insecure=insecure, trusted=Reach(["named.test"])
    )


def test_https_is_served_and_told_by_a_page() -> None:
    found = place("hg", "https://hg.test:8443/a/b", subdir="sub/er")
    assert found == Place(
        PATH, "hg", "https://hg.test:8443/a/b", "sub/er", told=True, host="hg.test", port=8443
    )
    assert found.https


@pytest.mark.parametrize(
    ("vcs", "url"),
    [
        ("hg", "ssh://hg@hg.test/m"),
        ("hg", "ssh://-oProxyCommand=touch/m"),
        ("hg", "git@hg.test:m"),
        ("hg", "file:///etc"),
        ("hg", "/etc"),
        ("hg", "bundle:x"),
        ("hg", "union:x"),
        ("hg", "-x"),
        ("svn", "svn+ssh://named.test/m"),
        ("svn", "svn://named.test/m"),
        ("svn", "svn+touch://named.test/m"),
        ("fossil", "ssh://named.test/m"),
        ("bzr", "bzr+ssh://named.test/m"),
        ("bzr", "lp:m"),
        ("git", "https://named.test/m"),
        ("ext", "https://named.test/m"),
    ],
)
def test_what_could_not_be_guarded_is_refused(vcs: str, url: str) -> None:
    with pytest.raises(Unavailable):
        place(vcs, url, insecure="*")


@pytest.mark.parametrize(
    "url",
    [
        "https://gopher:secret@hg.test/m",
        "https://gopher@hg.test/m",
        "https://-oProxyCommand=x/m",
        "https:///m",
        "https://hg.test:99999/m",
        "https://hg.test:x/m",
        "https://hg.test/m?x=y",
        "https://hg.test/m#frag",
        'https://hg.test/m"><meta name="go-import" content="x git https://y',
        "https://hg.test/m hg https://other.test",
        "https://hg.test/m\nx",
        "https://hg.test/\x1b[31m",
        "https://[::1/m",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        place("hg", url)
    assert "secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_plain_http_is_for_modules_that_the_operator_named() -> None:
    with pytest.raises(Unavailable, match=r"vcs\.insecure"):
        place("hg", "http://hg.test/m", insecure="other.test")
    assert not place("hg", "http://hg.test/m", insecure="code.test").https


@pytest.mark.parametrize("vcs", ["svn", "fossil", "bzr"])
def test_others_than_mercurial_are_for_named_hosts(vcs: str) -> None:
    assert place(vcs, "https://named.test/m").vcs == vcs
    with pytest.raises(Unavailable, match=r'vcs\.internal_hosts = \["other\.test"\]'):
        place(vcs, "https://other.test/m")


@pytest.mark.parametrize("path", ["127.0.0.1/m", "10.0.0.1/m.hg", "localhost/m", "a.localhost/m", "host/m"])
def test_a_path_that_go_would_ask_past_its_proxy_is_invalid(path: str) -> None:
    with pytest.raises(Invalid):
        place("hg", "https://hg.test/m", path, root=path)


@pytest.mark.parametrize("root", ["code.test/other", "code.test/mm", "code.test/m/sub"])
def test_a_root_that_is_no_prefix_is_refused(root: str) -> None:
    with pytest.raises(Unavailable, match="no prefix"):
        place("hg", "https://hg.test/m", root=root)


@pytest.mark.parametrize("subdir", ["../up", "a/../b", "/a", "a/", "a b", 'a"', "a\n"])
def test_a_folder_that_is_none_is_refused(subdir: str) -> None:
    with pytest.raises(Unavailable, match="folder"):
        place("hg", "https://hg.test/m", subdir=subdir)


def test_a_path_that_names_its_system_has_the_address_that_go_derives() -> None:
    root = "code.test/a.hg"
    assert not place("hg", "https://code.test/a", f"{root}/sub", root=root).told
    with pytest.raises(Unavailable, match=r"derives the address https://code\.test/a"):
        place("hg", "https://mirror.test/a", root, root=root)


@pytest.mark.parametrize("vcs", ["svn", "bzr"])
def test_go_is_not_left_to_try_schemes_that_cannot_be_guarded(vcs: str) -> None:
    root = f"named.test/a.{vcs}"
    assert not place(vcs, "https://named.test/a", root, root=root).told
    with pytest.raises(Unavailable, match=f"{vcs}://"):
        place(vcs, "http://named.test/a", root, root=root, insecure="*")


def test_nobody_named_means_mercurial_only() -> None:
    root = RepositoryRoot(PATH, "svn", "https://svn.test/m")
    with pytest.raises(Unavailable):
        place_of(root, PATH, insecure="", trusted=NOWHERE)
