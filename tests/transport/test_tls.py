"""Trust and certificates of one upstream: what is wrong with a file is said with the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.transport.tls import client_context
from tests.support.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def refused(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> str:
    with pytest.raises(Unavailable) as caught:
        client_context(ca, cert, key)
    return str(caught.value)


def test_only_its_own_cas_are_trusted(authority: Authority) -> None:
    assert [each["subject"] for each in client_context(authority.file).get_ca_certs()] == [
        ((("commonName", "authority"),),)
    ]


def test_a_key_may_stand_in_the_file_of_the_certificate(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue("gate")
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    client_context(None, both)
    client_context(authority.file, cert, key)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.unlink(), "cannot be read: No such file"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read: Is a directory"),
        (lambda file: file.write_text(""), "holds no certificate"),
        (lambda file: file.write_bytes(b"\x30\x82\xff\x00"), "holds no certificate"),
        (lambda file: file.write_text(file.read_text()[:200] + "\n-----END CERTIFICATE-----\n"), "is broken"),
    ],
)
def test_cas_that_cannot_be_used(authority: Authority, spoil: Callable[[Path], object], why: str) -> None:
    spoil(authority.file)
    text = refused(authority.file)
    assert text.startswith(str(authority.file))
    assert why in text


def test_certificates_and_keys_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue("gate")
    _, other = authority.issue("other")
    _, closed = authority.issue("closed", passphrase="hunter2")
    broken = tmp_path / "broken.key"
    broken.write_text(key.read_text().replace("M", "N", 1))
    text = refused(None, cert, closed)
    assert f"{closed}: the key of the client certificate has a passphrase" in text
    assert f"openssl pkey -in {closed}" in text
    assert f"{other}: the key does not belong to the client certificate {cert}" in refused(None, cert, other)
    assert f"{cert}: there is no key of the client certificate in it" in refused(None, cert)
    assert "Name its file in client_key" in refused(None, cert)
    assert f"{cert}: there is no key" in refused(None, cert, cert)
    assert f"{key}: the file of the client certificate holds no certificate" in refused(None, key, key)
    assert f"{tmp_path / 'none'}: the client certificate cannot be read" in refused(
        None, tmp_path / "none", key
    )
    assert f"{broken}: the client certificate and its key cannot be used" in refused(None, cert, broken)
