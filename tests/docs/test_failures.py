"""The catalogue of failures is whole and says what the causes say."""

from __future__ import annotations

import re

from modgate.client.causes import CAUSES
from tests.docs.failures import PAGE, ROWS, written


def test_the_ids_are_those_of_the_causes() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run python -m tests.docs.failures"


def test_every_row_has_its_line_and_a_cause() -> None:
    head = PAGE.read_text(encoding="utf-8").partition("## Ids")[0]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", head, re.MULTILINE)] == list(ROWS)
    assert {cause.row for cause in CAUSES.values()} - {None} == set(ROWS)
