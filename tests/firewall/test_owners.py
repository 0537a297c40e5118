"""Teams and pseudonyms: who a consumer belongs to, and what stands for its name."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.firewall.owners import NOBODY, parse_owners, read_owners
from modgate.firewall.pseudonyms import KEY_FILE, pseudonyms, pseudonyms_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
[[teams]]
name = "payments"
consumers = ["ci-payments", "pay-*", "10.1.0.0/16", "2001:db8::7"]
owner = "Ada"
contact = "payments@example.com"
channel = "#payments"

[[teams]]
name = "everybody"
consumers = ["*"]
contact = "platform@example.com"

[[teams]]
name = "berlin"
consumers = ["10.1.2.0/24"]
"""


@pytest.mark.parametrize(
    ("consumer", "groups", "team"),
    [
        ("ci-payments", {"payments", "everybody"}, "payments"),
        ("pay-roll", {"payments", "everybody"}, "payments"),
        ("10.1.2.3", {"payments", "everybody", "berlin"}, "payments"),
        ("10.2.2.3", {"everybody"}, "everybody"),
        ("2001:db8::7", {"payments", "everybody"}, "payments"),
        ("xpay-roll", {"everybody"}, "everybody"),
    ],
)
def test_all_teams_that_match_are_groups_and_the_first_is_the_team(
    consumer: str, groups: set[str], team: str
) -> None:
    owners = parse_owners(TEXT, "teams.toml")
    assert owners.groups(consumer) == groups
    assert owners.team(consumer).name == team


def test_a_consumer_that_no_team_claims_belongs_to_nobody() -> None:
    owners = parse_owners('[[teams]]\nname = "a"\nconsumers = ["b"]\n', "t")
    assert owners.team("c") is NOBODY
    assert owners.groups("c") == frozenset()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("teams = 1", "no list"),
        ("teams = [1]", "a table"),
        ("[[team]]\nname='a'", "no key 'team'"),
        ("[[teams]]\nname='a'\nmembers=[]", "no key 'members'"),
        ("[[teams]]\nname='a b'", "letters, digits"),
        ("[[teams]]\nconsumers=['a']", "letters, digits"),
        ("[[teams]]\nname='a'\nconsumers='b'", "a list of names"),
        ("[[teams]]\nname='a'\nconsumers=['10.0.0.0/99']", "no network"),
        ("[[teams]]\nname='a'\n[[teams]]\nname='a'", "two teams"),
        ("[[teams]]\nname='a'\nowner=1", "one line"),
        ("[[teams", "no TOML"),
    ],
)
def test_a_wrong_file_of_teams_says_what_is_wrong(text: str, what: str) -> None:
    with pytest.raises(Invalid, match=what) as caught:
        parse_owners(text, "teams.toml")
    assert "teams.toml" in caught.value.where


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        read_owners(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(Invalid):
        read_owners(tmp_path / "bad.toml")
    assert read_owners(None).teams == ()


def test_names_in_the_file_are_known_by_their_pseudonyms() -> None:
    pseudonym = pseudonyms(b"k" * 32)
    owners = parse_owners(TEXT, "t", pseudonym=pseudonym)
    assert owners.team(pseudonym("ci-payments")).name == "payments"
    assert owners.groups(pseudonym("pay-roll")) == {"everybody"}


def test_a_pseudonym_depends_on_the_name_and_the_key_alone(tmp_path: Path) -> None:
    first = pseudonyms_of(tmp_path)
    again = pseudonyms_of(tmp_path)
    other = pseudonyms_of(tmp_path / "other")
    assert first("ada") == again("ada") != first("bob")
    assert first("ada") != other("ada")
    assert first("ada").startswith("p-")
    assert len(first("ada")) == 18
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [KEY_FILE]
    assert pseudonyms_of(None)("ada") == pseudonyms_of(None)("ada")


def test_a_broken_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(Invalid, match="5 bytes"):
        pseudonyms_of(tmp_path)
