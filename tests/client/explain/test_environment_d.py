"""environment.d, /etc/environment and what systemd prints, against their manual pages."""

from __future__ import annotations

import pytest

from modgate.client.explain.environment_d import (
    parse_environment_d,
    parse_etc_environment,
    parse_show_environment,
    read_environment_d,
)
from modgate.client.machine.recorded import RecordedHost


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=x", "x"),
        ('A="x y"', "x y"),
        ("A=$HOME/go", "/home/me/go"),
        ("A=${HOME}/go", "/home/me/go"),
        ("A=${NONE:-b}", "b"),
        ("A=${HOME:+b}", "b"),
        ("A=\\$HOME", "$HOME"),
        ("A=x\\\ny", "xy"),
    ],
)
def test_a_line_of_environment_d_is_expanded(text: str, value: str) -> None:
    found = list(parse_environment_d(f"# a comment\n{text}\n", "f", {"HOME": "/home/me"}))
    assert [(line.name, line.text, line.line) for line in found] == [("A", value, 2)]


@pytest.mark.parametrize(
    ("text", "value"), [("A=x", "x"), ("export A='x y'", "x y"), ("A=$HOME", "$HOME"), ("A=x # why", "x")]
)
def test_a_line_of_etc_environment_is_not_expanded(text: str, value: str) -> None:
    assert [line.text for line in parse_etc_environment(text, "f")] == [value]


def test_a_file_of_the_persons_own_stands_for_its_namesake_and_names_decide_the_order() -> None:
    host = RecordedHost(
        files={
            "/etc/environment": "A=etc\n",
            "/etc/environment.d/50-a.conf": "A=system\nB=system\n",
            "/home/me/.config/environment.d/50-a.conf": "A=own\n",
            "/usr/lib/environment.d/90-z.conf": "C=$A\n",
        }
    )
    assert [(line.name, line.text) for line in read_environment_d(host)] == [
        ("A", "etc"),
        ("A", "own"),
        ("C", "own"),
    ]


def test_what_systemd_quotes_is_read_back() -> None:
    told = parse_show_environment("A=x\nB=$'a\\nb\\'c\\x41'\nC=$5\n")
    assert told == {"A": "x", "B": "a\nb'cA", "C": "$5"}
