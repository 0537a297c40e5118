"""Which authorities count: the files and folders that go reads, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.client.net.facts import FailureKind
from modgate.client.net.limits import Limits
from modgate.client.net.names import matches_name
from modgate.wiring.client import prober
from tests.client.net.servers import Authority, answering, listening, said

if TYPE_CHECKING:
    from pathlib import Path

SHORT = Limits(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.5)


async def test_a_folder_of_authorities_needs_no_hashed_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    cases = [
        ({"SSL_CERT_DIR": str(tmp_path / "ca")}, None),
        ({"SSL_CERT_DIR": f"{tmp_path / 'none'}:{tmp_path / 'ca'}"}, None),
        ({"SSL_CERT_FILE": str(authority.file)}, None),
        ({"SSL_CERT_FILE": str(tmp_path / "none.pem")}, FailureKind.UNKNOWN_AUTHORITY),
        ({}, FailureKind.UNKNOWN_AUTHORITY),
    ]
    async with listening(answering(said()), tls=authority.context("127.0.0.1")) as port:
        for environ, kind in cases:
            net = prober(environ, limits=SHORT)
            _, shown, failure = await net.handshake("127.0.0.1", port, "127.0.0.1")
            assert (failure.kind if failure else None) is kind
            assert shown is not None
            assert shown.trusted is (kind is None)
            assert (shown.issuer, shown.chain_root) == (authority.name, authority.name)


@pytest.mark.parametrize(
    ("names", "asked", "matches"),
    [
        (("a.test",), "a.test", True),
        (("A.test",), "a.TEST.", True),
        (("*.a.test",), "x.a.test", True),
        (("*.a.test",), "a.test", False),
        (("*.a.test",), "x.y.a.test", False),
        (("*",), "test", False),
        (("192.0.2.1",), "192.0.2.1", True),
        (("2001:db8::1",), "2001:db8:0::1", True),
        (("*.0.2.1",), "192.0.2.1", False),
    ],
)
def test_a_star_stands_for_one_label(names: tuple[str, ...], asked: str, *, matches: bool) -> None:
    assert matches_name(names, asked) is matches
