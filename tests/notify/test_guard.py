"""A webhook goes to public addresses, or to the one that the operator called internal; signatures verify."""

from __future__ import annotations

import base64
import socket
import time
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Denied, Invalid, ModgateError, Unavailable
from modgate.notify.pace import LONGEST, pause_after
from modgate.notify.post import HTTPPoster
from modgate.notify.sign import message_id, parse_secrets, signed_headers
from modgate.notify.target import Post
from modgate.transport.dial import resolve
from modgate.transport.guarded import GuardedResolver
from modgate.transport.reach import NOWHERE
from tests.notify.parts import message, target
from tests.support.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Sequence


class Names:
    """A resolver that answers with what it is told, another time with the next."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        assert host
        assert port
        self.asked += 1
        return list(self._answers[min(self.asked, len(self._answers)) - 1])


async def post(url: str, names: Names | None = None, *, internal: bool = False) -> int:
    poster = HTTPPoster(timeout=5.0, clock=time.time, proxies=dict, resolve=names or resolve)
    try:
        return (await poster.post(Post(url, b"{}", {}, internal=internal))).status
    finally:
        await poster.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[::127.0.0.1]",
    ],
)
async def test_an_internal_address_is_refused_in_every_spelling(host: str) -> None:
    with Receiver() as receiver:
        with pytest.raises(ModgateError) as caught:
            await post(f"http://{host}:{receiver.port}/hook")
        assert not receiver.got
    # Some spellings are no address at all to the client.
    assert isinstance(caught.value, Denied) or "InvalidUrl" in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:169.254.169.254"])
async def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(address: str) -> None:
    with Receiver() as receiver, pytest.raises(Denied):
        await post(f"http://hooks.example.com:{receiver.port}/", Names([address]))
    assert not receiver.got


@pytest.mark.parametrize(
    "host", ["[::ffff:127.0.0.1%1]", "[::ffff:127.0.0.1%251]", "[::1%1]", "[fe80::1%lo]"]
)
@pytest.mark.parametrize("internal", [False, True])
async def test_an_address_with_a_zone_is_none(host: str, internal: bool) -> None:
    with Receiver() as receiver, pytest.raises(Unavailable, match="no https"):
        await post(f"http://{host}:{receiver.port}/hook", internal=internal)
    assert not receiver.got


async def test_a_name_that_leads_inside_and_outside_is_connected_to_outside_alone() -> None:
    resolver = GuardedResolver(NOWHERE, Names(["127.0.0.1", "203.0.114.7", "64:ff9b::7f00:1"]))
    assert [each["host"] for each in await resolver.resolve("hooks.example.com", 443)] == ["203.0.114.7"]


async def test_behind_a_proxy_of_the_environment_what_is_internal_everywhere_is_refused() -> None:
    with Receiver() as proxy:
        poster = HTTPPoster(timeout=5.0, clock=time.time, proxies=lambda: {"http": proxy.url})
        try:
            for host in ("127.0.0.1", "localhost", "[::ffff:10.0.0.1]", "[64:ff9b::a9fe:a9fe]", "x.internal"):
                with pytest.raises(Denied):
                    await poster.post(Post(f"http://{host}/hook", b"{}", {}))
            assert not proxy.got
            assert (await poster.post(Post("http://hooks.example.com/hook", b"{}", {}))).status == 200
        finally:
            await poster.close()
    assert proxy.got[0].target == "http://hooks.example.com/hook"


async def test_a_name_that_is_rebound_is_not_asked_twice() -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with Receiver() as receiver:
        assert await post(f"http://hooks.example.com:{receiver.port}/", names, internal=True) == 200
    assert names.asked == 1


async def test_internal_lets_in_its_own_host_and_no_metadata_behind_a_name() -> None:
    with Receiver() as receiver:
        assert await post(receiver.url, internal=True) == 200
    for address in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254"):
        with pytest.raises(Denied):
            await post("http://hooks.corp.example/", Names([address]), internal=True)


@pytest.mark.parametrize("url", ["ftp://example.com/", "http:///x", "nonsense", "http://u:p@example.com/"])
async def test_what_is_no_address_is_told_without_it(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await post(url)
    assert url not in str(caught.value)


async def test_a_refused_connection_is_told_without_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        await post(f"http://127.0.0.1:{port}/services/T000/secret", internal=True)
    assert "secret" not in str(caught.value)


def test_an_address_is_in_no_repr() -> None:
    made = target("https://hooks.example.com/services/secret")
    assert "secret" not in repr(made)
    assert "secret" not in repr(Post(made.address(), b"", {}))


def test_a_file_may_hold_several_secrets_the_newest_first() -> None:
    key = base64.b64encode(b"key of the standard").decode()
    assert parse_secrets(f"# new\nwhsec_{key}\n\nplain words\n") == (b"key of the standard", b"plain words")
    for nonsense in ("", "# nothing\n", "whsec_%%%", "whsec_"):
        with pytest.raises(Invalid) as caught:
            parse_secrets(nonsense)
        assert "%%%" not in str(caught.value)


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    # The vector that the libraries of Standard Webhooks carry in their tests.
    [secret] = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        [secret], identifier="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, body=b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_id_names_one_message() -> None:
    ids = {message_id(message(key, name)) for key in ("a", "b", "1") for name in ("x", "x1", "y")}
    assert len(ids) == 9
    assert message_id(message("a")) == message_id(message("a", n="another attempt"))


def test_pauses_double_up_to_ten_minutes_and_a_receiver_may_only_lengthen_them() -> None:
    pauses = [pause_after(n, first=2.0, chance=0.0) for n in range(1, 12)]
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, LONGEST, LONGEST]
    assert pause_after(1000, first=2.0, chance=0.999) >= LONGEST * 0.75
    assert pause_after(1, first=2.0, chance=0.0, asked=60.0) == 60.0
    assert pause_after(9, first=2.0, chance=0.0, asked=1.0) == 512
    assert pause_after(1, first=2.0, chance=0.0, asked=1e9) == 3600.0
