"""Lists of refs, with sums that the go command itself made (Go 1.26, GOPROXY=direct) for the same listing."""

from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.vcs.git.refs import Refs

MAIN, SIDE = "10e014c76608a775cb11f31a97188be7df1a2fce", "4101494d7fe5adcfa82ae7e119004349969cb54c"
FIRST, SECOND = "eb149ad4a63454556a925cffc4cf8b6608a03f29", "6e66e23be46f40614bb663ad5a54d257df6390fd"
LISTING = f"""{MAIN}\tHEAD
{MAIN}\trefs/heads/main
{SIDE}\trefs/heads/side
{SECOND}\trefs/tags/other
{SIDE}\trefs/tags/sub/v0.1.0
{SIDE}\trefs/tags/v0.0.0-20200101000000-123456789abc
{FIRST}\trefs/tags/v1.0.0
{SIDE}\trefs/tags/v1.0.0-ü"x
f31b3fe8b6331d657f34fbd036afffbeeff98eaf\trefs/tags/v1.1.0
{SECOND}\trefs/tags/v1.1.0^{{}}
{SIDE}\trefs/tags/v1.2
{SIDE}\trefs/tags/v1.3.0+meta
{FIRST}\trefs/pull/1/head
""".encode()


@pytest.fixture
def refs() -> Refs:
    return Refs.parse(LISTING)


def test_sums_are_those_of_the_go_command(refs: Refs) -> None:
    assert refs.sum == "r1:A/0mdh6I/63HdbblCkiaclbpinULIRSuv8xvrRW9uIM="
    assert refs.tag_sum("v") == "t1:rZMvsMbK1F55YMKeubEc0hzSCggJpUdGISKEe8orZLI="
    assert refs.tag_sum("") == refs.tag_sum("v")
    assert refs.tag_sum("sub/") == "t1:KwEvRsTYQEQqFcyTPb/TJCh7OCitq98PPo2EAgSi2ag="


def test_a_listing_survives_being_kept(refs: Refs) -> None:
    again = Refs.parse(refs.listing())
    assert again.sum == refs.sum
    assert again.hashes == refs.hashes


def test_only_heads_and_tags_count_and_annotated_tags_lead_to_their_commit(refs: Refs) -> None:
    assert "refs/pull/1/head" not in refs.hashes
    assert refs.hashes["refs/tags/v1.1.0"] == SECOND
    assert refs.tags_at(SECOND) == ("other", "v1.1.0")
    assert refs.head == MAIN


@pytest.mark.parametrize(
    ("asked", "ref"),
    [
        ("v1.1.0", "refs/tags/v1.1.0"),
        ("sub/v0.1.0", "refs/tags/sub/v0.1.0"),
        ("side", "refs/heads/side"),
        ("HEAD", "HEAD"),
        (SECOND[:7], "refs/tags/other"),
        (SECOND, "refs/tags/other"),
        (MAIN[:12], "HEAD"),
    ],
)
def test_revisions_are_looked_for_in_gos_order(refs: Refs, asked: str, ref: str) -> None:
    found = refs.resolve(asked)
    assert found is not None
    assert found.ref == ref


@pytest.mark.parametrize(
    "asked", ["refs/heads/main", "v1.1.0^{}", SECOND[:6], SECOND.upper(), "0" * 40, "pull/1/head"]
)
def test_what_is_no_tag_branch_or_hash_is_unknown(refs: Refs, asked: str) -> None:
    assert refs.resolve(asked) is None


def test_a_tag_comes_before_a_branch_and_both_before_a_hash_but_a_whole_hash_is_itself() -> None:
    a, b, c = "a" * 40, "b" * 40, "c" * 40
    listing = f"{a}\trefs/heads/x\n{b}\trefs/tags/x\n{c}\trefs/heads/{a[:12]}\n{c}\trefs/tags/{a}\n"
    refs = Refs.parse(listing.encode())
    assert [found.hash for asked in ("x", a[:12], a) if (found := refs.resolve(asked))] == [b, c, a]


def test_the_beginning_of_two_hashes_is_refused() -> None:
    listing = f"{'a' * 39}0\trefs/heads/x\n{'a' * 39}1\trefs/heads/y\n"
    with pytest.raises(Invalid, match="several"):
        Refs.parse(listing.encode()).resolve("a" * 10)


@pytest.mark.parametrize(
    "name",
    [
        "v1:refs/heads/x",
        "v*",
        "a b",
        "a..b",
        "a@{1}",
        "a.lock",
        "a\\b",
        "a~1",
        "a^b",
        "a\x1bb",
        "a//b",
        "a/",
        "x?",
        "[",
        "a\x7f",
    ],
)
def test_names_that_git_would_not_take_are_left_out(name: str) -> None:
    refs = Refs.parse(f"{'a' * 40}\trefs/tags/{name}\n{'a' * 40}\trefs/tags/ok\n".encode())
    assert list(refs.hashes) == ["refs/tags/ok"]


@pytest.mark.parametrize(
    "line", [b"xyz\trefs/tags/a", b"a" * 39 + b"\trefs/tags/a", b"", b"a" * 40, b"ref: refs/heads/x\tHEAD"]
)
def test_lines_that_are_no_refs_are_passed_over(line: bytes) -> None:
    assert Refs.parse(line + b"\n").hashes == {}
