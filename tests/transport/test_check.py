"""Asking a gate what it judges: what it is told of who asks, and what of its answer is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from modgate.errors import Unavailable
from modgate.model.check import Checked
from modgate.transport.check import ask_gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Answer = Callable[[web.Request], web.Response]

_ALLOWED = '{"decisions":[{"module":"example.test/m","version":"v1.0.0","effect":"allow"}]}'


@pytest.fixture
async def gate() -> AsyncIterator[tuple[str, list[str | None], list[str]]]:
    """A gate on loopback: its address, the Authorization of each question, and what it answers."""
    asked: list[str | None] = []
    answers = [_ALLOWED]

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers.get("authorization"))
        return web.Response(text=answers[-1], content_type="application/json")

    app = web.Application()
    app.router.add_post("/policy/check", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked, answers
    await runner.cleanup()


async def test_the_netrc_lends_nothing_that_was_not_meant_for_this_address(
    gate: tuple[str, list[str | None], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    base, asked, _ = gate
    for authorization in ("", "Basic eDp5"):
        found = await ask_gate(base, ["example.test/m@v1.0.0"], authorization=authorization)
        assert isinstance(found, Checked)
    assert asked == [None, "Basic eDp5"]


async def test_an_answer_about_another_version_is_none(
    gate: tuple[str, list[str | None], list[str]],
) -> None:
    base, _, answers = gate
    answers.append(_ALLOWED.replace("v1.0.0", "v1.0.1"))
    with pytest.raises(Unavailable, match="answered for other versions"):
        await ask_gate(base, ["example.test/m@v1.0.0"])
