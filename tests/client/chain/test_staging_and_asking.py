from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modgate.client.chain.ask import ask_entries, judged
from modgate.client.chain.rules import Answer
from modgate.client.chain.staging import parse_staging, staged
from modgate.client.faults.content import DRILL, DrillContent, drill_files
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer
from modgate.client.findings import Phase
from modgate.client.net.facts import Exchange, Failure, FailureKind
from modgate.client.net.limits import Limits
from modgate.errors import Invalid
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.proxylist import parse_proxy_list
from modgate.wiring.client import prober

if TYPE_CHECKING:
    from pathlib import Path

INFO = Request.exact(Kind.INFO, DRILL)
CHAIN = parse_proxy_list("https://goproxy.cn|https://me:secret@proxy.example.com,direct")


def test_an_entry_is_named_by_its_number_or_a_part_of_its_host() -> None:
    found = parse_staging(["1=404", "example.com=timeout:zip"], CHAIN)
    assert found == {0: parse_fault("404"), 1: parse_fault("timeout:zip")}


@pytest.mark.parametrize(
    "option", ["4=404", "0=404", "3=404", "nowhere=404", "o=404", "secret=404", "1", "1=fourohfour"]
)
def test_what_names_no_proxy_of_the_chain_is_refused(option: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_staging([option], CHAIN)
    assert "me:secret@" not in str(caught.value)


def test_two_faults_for_one_entry_are_refused() -> None:
    with pytest.raises(Invalid, match="two faults"):
        parse_staging(["1=404", "goproxy.cn=500"], CHAIN)


async def test_a_staged_chain_keeps_its_separators_and_words() -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic) as server:
        some = await staged(server, CHAIN, {0: parse_fault("404")}, everything=False)
        every = await staged(server, CHAIN, {0: parse_fault("404")}, everything=True)
    assert [entry.falls_back_on_error for entry in some] == [True, False, False]
    assert some[0].url.startswith("http://127.0.0.1:")
    assert some[1:] == CHAIN[1:]
    assert every[1].url.endswith("/entry2/ok")
    assert every[2] == CHAIN[2]


async def test_each_entry_is_asked_for_each_file_and_direct_is_not(tmp_path: Path) -> None:
    for name, body in drill_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(body)
    async with FaultServer(DrillContent(), clock=time.monotonic) as server:
        urls = [
            await server.url(parse_fault(name))
            for name in ("ok", "404:zip", "html", "refused", "timeout:mod")
        ]
        chain = parse_proxy_list("|".join([*urls, f"file://{tmp_path}", "file:///nonexistent", "direct"]))
        given = await ask_entries(prober({}, limits=Limits(head=0.5)), chain, DRILL)
    answers = {
        index: [given[index, name].answer.value for name in ("info", "mod", "zip")]
        for index in range(len(chain) - 1)
    }
    assert answers == {
        0: ["good", "good", "good"],
        1: ["good", "good", "absent"],
        2: ["error", "good", "spoilt"],
        3: ["error", "error", "error"],
        4: ["good", "silent", "good"],
        5: ["good", "good", "good"],
        6: ["absent", "absent", "absent"],
    }
    assert given[2, "zip"].html
    assert (7, "info") not in given


@pytest.mark.parametrize(
    ("phase", "kind", "answer"),
    [
        (Phase.CONNECT, FailureKind.TIMEOUT, Answer.ERROR),
        (Phase.TLS, FailureKind.TIMEOUT, Answer.ERROR),
        (Phase.HEADERS, FailureKind.TIMEOUT, Answer.SILENT),
        (Phase.BODY, FailureKind.STALL, Answer.SILENT),
        (Phase.BODY, FailureKind.CUT, Answer.ERROR),
    ],
)
def test_go_gives_up_dialling_and_shaking_hands_but_not_waiting(
    phase: Phase, kind: FailureKind, answer: Answer
) -> None:
    assert (
        judged(INFO, DRILL.version, Exchange("https://a.test/", failure=Failure(phase, kind))).answer
        is answer
    )


def test_an_info_for_another_version_is_an_error() -> None:
    right = Exchange("u", 200, body=b'{"Version": "v1.0.0"}')
    assert judged(INFO, DRILL.version, right).answer is Answer.GOOD
    for body in (b'{"Version": "v1.0.1"}', b"[]", b"", b"null"):
        assert judged(INFO, DRILL.version, Exchange("u", 200, body=body)).answer is Answer.ERROR
