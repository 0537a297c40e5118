"""Owners: module patterns first, else what CODEOWNERS says of the folder."""

from __future__ import annotations

import pytest

from modgate.client.sums.owners import code_owners, module_owners
from modgate.errors import Invalid


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("github.com/corp/lib", ("@corp/libs", "lib@corp.example")),
        ("github.com/corp/lib/v2", ("@corp/libs", "lib@corp.example")),
        ("github.com/corp/other", ("@corp/all",)),
        ("git.corp.example/a/b", ("@corp/git",)),
        ("github.com/free/thing", ()),
        ("example.com/x", None),
    ],
)
def test_the_last_pattern_that_fits_names_the_owners(path: str, owners: tuple[str, ...] | None) -> None:
    text = b"""\
# who looks after what
github.com/corp @corp/all
github.com/corp/lib @corp/libs lib@corp.example  # both
*.corp.example @corp/git
github.com/free
"""
    assert module_owners(text, "owners").of(path) == owners


def test_a_pattern_that_can_never_match_names_its_line() -> None:
    with pytest.raises(Invalid, match=r"owners:2"):
        module_owners(b"a.example @x\n[z @y\n", "owners")


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*", "svc/go.mod", True),
        ("go.mod", "svc/go.mod", True),
        ("/go.mod", "svc/go.mod", False),
        ("/go.mod", "go.mod", True),
        ("*.mod", "a/b/go.mod", True),
        ("svc/", "svc/go.mod", True),
        ("svc/", "deep/svc/go.mod", True),
        ("/svc/", "deep/svc/go.mod", False),
        ("/svc", "svc/go.mod", True),
        ("svc/*", "svc/go.mod", True),
        ("svc/*", "svc/deep/go.mod", False),
        ("svc/**", "svc/deep/go.mod", True),
        ("**/deep/", "svc/deep/go.mod", True),
        ("a/**/go.mod", "a/go.mod", True),
        ("a/**/go.mod", "a/b/c/go.mod", True),
        ("sv?/go.mod", "svc/go.mod", True),
        ("other", "svc/go.mod", False),
    ],
)
def test_patterns_are_gitignores(pattern: str, path: str, fits: bool) -> None:
    assert code_owners(f"{pattern} @me\n".encode()).of(path) == (("@me",) if fits else ())


def test_the_last_line_wins_and_one_without_owners_means_nobody() -> None:
    owners = code_owners(b"* @all\n/svc/ @svc\n/svc/free/\n")
    assert owners.of("go.mod") == ("@all",)
    assert owners.of("svc/go.mod") == ("@svc",)
    assert owners.of("svc/free/go.mod") == ()


def test_sections_add_up_and_give_their_default_owners() -> None:
    owners = code_owners(b"* @all\n\n[Modules][2] @mods @deps\ngo.mod\ngo.sum @sums\n^[Docs]\n*.md @docs\n")
    assert owners.of("svc/go.mod") == ("@all", "@mods", "@deps")
    assert owners.of("go.sum") == ("@all", "@sums")
