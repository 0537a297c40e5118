"""Which differences between prediction and rehearsal say anything."""

from __future__ import annotations

import pytest

from modgate.client.chain.agreement import Verdict, judge
from modgate.client.chain.rehearse import Observed
from modgate.client.chain.rules import WANTED, Answer, Download, download
from modgate.gomod.proxylist import parse_proxy_list

CHAIN = parse_proxy_list("http://a.example|http://b.example,direct")
WELL = Observed(dict.fromkeys(WANTED, (0,)), good=True, waited=False, reported=None, error="")
ELSEWHERE = Observed(dict.fromkeys(WANTED, (0, 1)), good=True, waited=False, reported=None, error="")
INTERRUPTED = Observed({"info": (0,)}, good=False, waited=True, reported=None, error="")


def _predicted(first: Answer) -> Download:
    answers = {0: first, 1: Answer.ABSENT, 2: Answer.UNKNOWN}
    return download(CHAIN, lambda index, _: answers[index])


@pytest.mark.parametrize(
    ("first", "observed", "ours", "verdict"),
    [
        (Answer.GOOD, WELL, {0, 1}, Verdict.AGREES),
        (Answer.GOOD, WELL, set(), Verdict.AGREES),
        (Answer.GOOD, ELSEWHERE, {0, 1}, Verdict.DIFFERS),
        (Answer.GOOD, ELSEWHERE, {0}, Verdict.CHANGED),
        (Answer.GOOD, ELSEWHERE, {1}, Verdict.CHANGED),
        (Answer.SILENT, INTERRUPTED, {0, 1}, Verdict.AGREES),
        (Answer.GOOD, INTERRUPTED, {0, 1}, Verdict.INTERRUPTED),
        (Answer.ERROR, WELL, {0, 1}, Verdict.OPEN),
    ],
)
def test_only_what_was_staged_can_differ(
    first: Answer, observed: Observed, ours: set[int], verdict: Verdict
) -> None:
    assert judge(CHAIN, _predicted(first), observed, ours=ours) is verdict


def test_go_does_not_tell_that_it_reads_a_folder() -> None:
    chain = parse_proxy_list("file:///a,http://b.example")
    predicted = download(chain, lambda index, _: Answer.GOOD if index else Answer.ABSENT)
    seen = Observed(dict.fromkeys(WANTED, (1,)), good=True, waited=False, reported=None, error="")
    assert judge(chain, predicted, seen, ours={1}) is Verdict.AGREES
