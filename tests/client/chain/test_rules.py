from __future__ import annotations

import pytest

from modgate.client.chain.rules import Answer, Move, Walk, download, download_latest, walk
from modgate.gomod.proxylist import parse_proxy_list

GOOD, ABSENT, ERROR, SPOILT, SILENT = (
    Answer.GOOD,
    Answer.ABSENT,
    Answer.ERROR,
    Answer.SPOILT,
    Answer.SILENT,
)


def _walk(chain: str, *answers: Answer) -> Walk:
    return walk(parse_proxy_list(chain), "info", lambda index: answers[index])


@pytest.mark.parametrize(
    ("chain", "answers", "asked", "used", "reported"),
    [
        ("https://a,https://b", (GOOD, GOOD), (0,), 0, None),
        ("https://a,https://b", (ABSENT, GOOD), (0, 1), 1, None),
        ("https://a,https://b", (ERROR, GOOD), (0,), None, 0),
        ("https://a|https://b", (ERROR, GOOD), (0, 1), 1, None),
        # The last that was not absence is shown, whatever came behind it.
        ("https://a|https://b|https://c", (ERROR, ERROR, ABSENT), (0, 1, 2), None, 1),
        ("https://a,https://b,https://c", (ABSENT, ABSENT, ABSENT), (0, 1, 2), None, 2),
        ("https://a|https://b,off", (ERROR, ABSENT, ABSENT), (0, 1, 2), None, 0),
        ("https://a,off", (ABSENT, GOOD), (0, 1), None, 1),
        # What version control says is shown before everything else.
        ("https://a|https://b,direct", (ERROR, ABSENT, ABSENT), (0, 1, 2), None, 2),
        ("https://a,https://b", (SPOILT, GOOD), (0,), 0, 0),
    ],
)
def test_a_walk_ends_where_go_ends_it(
    chain: str, answers: tuple[Answer, ...], asked: tuple[int, ...], used: int | None, reported: int | None
) -> None:
    found = _walk(chain, *answers)
    assert (found.asked, found.used, found.reported) == (asked, used, reported)


def test_silence_is_waited_for_whatever_separator_follows() -> None:
    found = _walk("https://a|https://b", SILENT, GOOD)
    assert found.waits
    assert found.asked == (0,)
    assert found.steps[-1].move is Move.WAITS


def test_each_file_walks_the_chain_anew() -> None:
    entries = parse_proxy_list("https://a,https://b")
    found = download(entries, lambda index, name: ABSENT if (index, name) == (0, "mod") else GOOD)
    assert [one.asked for one in found.walks] == [(0,), (0, 1), (0,)]
    assert found.good


def test_a_download_ends_with_the_first_file_that_fails() -> None:
    entries = parse_proxy_list("https://a,https://b")
    found = download(entries, lambda _, name: ERROR if name == "mod" else GOOD)
    assert [one.endpoint for one in found.walks] == ["info", "mod"]
    assert (found.good, found.reported, found.waits) == (False, 0, False)


def test_an_entry_without_any_version_has_failed_and_is_not_absent() -> None:
    def answers(index: int, endpoint: str) -> Answer:
        if index == 0:
            return {"list": Answer.EMPTY, "latest": ABSENT}.get(endpoint, GOOD)
        return GOOD

    stopped = download_latest(parse_proxy_list("https://a,https://b"), answers)
    assert (stopped.good, stopped.reported) == (False, 0)
    assert stopped.asked == {"list": (0,), "latest": (0,)}
    assert download_latest(parse_proxy_list("https://a|https://b"), answers).asked["list"] == (0, 1)


def test_a_list_of_commits_stands_in_for_an_absent_latest() -> None:
    def answers(_: int, endpoint: str) -> Answer:
        return {"list": Answer.EMPTY, "latest": ABSENT}.get(endpoint, GOOD)

    found = download_latest(parse_proxy_list("https://a,https://b"), answers, commits={0})
    assert found.good
    assert found.asked == {"list": (0,), "info": (0,), "latest": (0,), "mod": (0,), "zip": (0,)}
