"""The chosen proxy is asked first; what it answers is said, and never keeps a setting from being written."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from modgate.cli.use_wish import Wish, read_wish
from modgate.client.configure.trying import try_chain, try_database
from modgate.client.net.facts import Exchange
from modgate.client.net.scripted import ScriptedProber
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.configure.conftest import Home

INFO = "rsc.io/quote/@v/v1.5.2.info"
URL = "https://mirror.test"
GOOD = Exchange(URL, 200, body=b'{"Version":"v1.5.2"}', complete=True)


async def _said(status: int, body: bytes, headers: dict[str, str] | None = None) -> tuple[bool, bool, str]:
    answer = Exchange(URL, status, headers=headers or {}, body=body, complete=True)
    prober = ScriptedProber(exchanges={f"{URL}/{INFO}": answer})
    (tried,) = await try_chain(prober, f"{URL},direct")
    return tried.good, tried.gate, tried.text.key if tried.text else ""


async def test_an_answer_is_told_from_a_wrong_one() -> None:
    assert await _said(200, GOOD.body) == (True, False, "")
    assert await _said(200, GOOD.body, {"modgate-instance": "abc"}) == (True, True, "")
    assert await _said(404, b"not found") == (False, False, "use.tried.absent")
    assert await _said(200, b"<html>") == (False, False, "use.tried.content")
    assert await _said(503, b"") == (False, False, "use.tried.status")
    assert await _said(403, b"no", {"modgate-instance": "abc"}) == (False, True, "use.tried.status")


async def test_every_proxy_of_the_chain_is_asked_and_folders_are_looked_for(tmp_path: Path) -> None:
    prober = ScriptedProber(exchanges={f"{URL}/{INFO}": GOOD})
    chain = f"{URL}|https://other.test,file://{tmp_path},file:///nowhere/at/all"
    tried = await try_chain(prober, chain)
    assert [item.good for item in tried] == [True, False, True, False]


async def test_the_database_is_looked_for_at_the_mirror_and_at_home() -> None:
    here, home = f"{URL}/sumdb/sum.golang.org/supported", "https://sum.golang.org/latest"
    both = ScriptedProber(exchanges={here: Exchange(here, 200), home: Exchange(home, 200)})
    none = ScriptedProber(exchanges={here: Exchange(here, 404)})
    assert await try_database(both, URL) == (True, True)
    assert await try_database(none, URL) == (False, False)


def test_a_proxy_that_is_not_there_is_told_and_the_setting_written(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = home.use(url, "--json")
    assert done.status == 0
    assert [item["good"] for item in done.document["checked"]] == [False]
    assert home.goenv.read_text() == f"GOPROXY={url},direct\n"


def test_a_proxy_that_lacks_what_every_mirror_has_is_told(home: Home, tmp_path: Path) -> None:
    World(tmp_path / "empty").finish()
    with FaultUpstream(tmp_path / "empty") as upstream:
        done = home.use(upstream.url)
    assert done.status == 0
    assert "404" in done.out


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        (["goproxy.cn", "-y"], Wish(chain="goproxy.cn", yes=True)),
        (["--set=A=b=c", "--set", "D=", "--no-check"], Wish(settings=("A=b=c", "D="), check=False)),
        (["--scope", "shell", "--unset", "X", "x"], Wish(chain="x", scope="shell", unset=("X",))),
        (["--list", "--json", "--lang", "zh"], Wish(listing=True, as_json=True, lang="zh")),
        (["--help"], None),
        (["a", "b"], None),
        (["--scope"], None),
        (["--set", "--json"], None),
        (["--nonsense"], None),
        (["--reset=yes"], None),
    ],
)
def test_an_ordinary_line_is_read_and_any_other_left_to_the_parser(
    words: list[str], wish: Wish | None
) -> None:
    assert read_wish(words) == wish
