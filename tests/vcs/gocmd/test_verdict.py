"""Absent or broken: the go command's words, as go 1.26 writes them."""

from __future__ import annotations

import pytest

from modgate.errors import Absent, Unavailable
from modgate.vcs.gocmd.verdict import judge, network_failed, spoken, unknown_revision

PULL = "code.test/m@x: invalid version: hg pull -f in /c/vcs/0a: exit status 255:\n\tabort: "


@pytest.mark.parametrize(
    "text",
    [
        "code.test/m@v1.9.9: invalid version: unknown revision v1.9.9",
        'module code.test/m: no matching versions for query "v1.7"',
        "code.test/m@v0.0.0-20200101000000-0123456789ab: invalid version: unknown revision 0123456789ab",
        "m@v1.0.0-20200101000000-0123456789ab: invalid pseudo-version: does not match its timestamp",
        "m/v2@v2.0.0: invalid version: missing m/go.mod and .../v2/go.mod at revision v2.0.0",
        "m@v2.0.0+incompatible: invalid version: +incompatible suffix not allowed: it has a go.mod file",
        'code.test/m@v2.0.0: invalid version: go.mod has post-v2 module path "code.test/m/v2" at revision x',
        "m@v1.0.0: invalid version: go.mod is missing module path at revision v1.0.0",
        PULL + "HTTP Error 404: Not Found",
        PULL + "HTTP Error 410: Gone",
        "m: fossil clone -- https://f.test .fossil in /c/0a: exit status 1:\n\tserver says: 404 No",
    ],
)
def test_these_words_prove_absence(text: str) -> None:
    assert type(judge(text, where="w")) is Absent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "something new",
        PULL + "HTTP Error 500: Internal Server Error",
        PULL + "HTTP Error 401: Unauthorized",
        PULL + "HTTP Error 403: Forbidden",
        PULL + "error: [Errno 111] Connection refused",
        PULL + "error: Name or service not known",
        PULL + "unknown revision 'tip'",
        "m@tip: hg pull -f in /c/vcs/0a: signal: killed:\n\tunknown revision x",
        PULL + "abandoned transaction found",
        "m@tip: hg log --rev=tip in /c/vcs/0a: exit status 255:\n\tabort: unknown revision 'x'",
        "m@tip: hg cat --rev=tip in /c/vcs/0a: signal: killed: no matching versions for query",
        "fossil pull -R .fossil in /c/vcs/0a: exit status 1:\n\tserver did not reply",
        'unrecognized import path "code.test/m": https fetch: Get "https://code.test/m?go-get=1": EOF',
        "no secure protocol found for repository",
        "GOVCS disallows using git for public code.test/m; see 'go help vcs'",
        "go: errors parsing go.mod:\n404 Not Found",
        "module code.test/m: reading https://x: 404 Not Found",
        "write /c/mod/cache: no space left on device",
    ],
)
def test_all_other_words_are_broken(text: str) -> None:
    assert type(judge(text, where="w")) is Unavailable


def test_a_module_that_is_too_new_for_the_go_command_here_tells_what_to_do() -> None:
    error = judge("m@v1.0.0 requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)", where="w")
    assert type(error) is Unavailable
    assert "newer Go" in error.next_step


def test_a_closed_way_is_broken_whatever_go_says() -> None:
    error = judge("unknown revision v1.0.0", where="w", refusals=["10.0.0.1 is not public", "more"])
    assert type(error) is Unavailable
    assert "10.0.0.1 is not public" in error.what


def test_words_are_shown_short_clean_and_without_our_folders() -> None:
    lines = spoken(
        "go: \x1b[31mhg pull -f in /var/cache/modgate/runs/go-x/mod/cache/vcs/0a: exit status 255\n"
        "\tabort: token=abcdefgh\n\n" + "y" * 900 + "\nmore\nlast\n"
    )
    assert len(lines) == 4
    assert "\x1b" not in "".join(lines)
    assert "/var/cache" not in "".join(lines)
    assert "abcdefgh" not in "".join(lines)
    assert lines[-1] == "last"
    assert max(map(len, lines)) <= 200


def test_an_unknown_revision_is_told_from_a_fetch_that_failed() -> None:
    assert unknown_revision("m@latest: invalid version: unknown revision v1.0.0") == "v1.0.0"
    assert unknown_revision(PULL + "unknown revision x") == ""


def test_a_spoiled_clone_is_told_from_a_bad_way() -> None:
    assert network_failed(PULL + "HTTP Error 500: x")
    assert network_failed(PULL + "error: Connection refused")
    assert not network_failed(PULL + "abandoned transaction found")
    assert not network_failed(PULL + "repository requires features unknown to this Mercurial: x")
