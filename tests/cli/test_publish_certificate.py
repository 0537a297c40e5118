"""`modgate publish` to a gate that asks for certificates: shown, missing, refused, and slips in the files."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from modgate.cli import FAILED, USAGE, main
from modgate.server.listener import Listen, Tls
from tests.server.running import Running
from tests.server.test_publish import TOKEN, make
from tests.source.publishing import PATH, tree
from tests.support.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority) -> Path:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("MODGATE_PUBLISH_TOKEN", TOKEN)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    folder = tmp_path / "work"
    folder.mkdir()
    for name, data in tree().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def base(authority: Authority) -> Iterator[str]:
    """A gate that lets nobody in without a certificate of the authority."""
    app, _, _ = make()
    tls = Tls(*authority.issue("server"), client_ca=authority.file)
    with Running(app, Listen("127.0.0.1:0", tls=tls)) as server:
        yield f"https://localhost:{server.port}"


def publish(work: Path, base: str, *certificate: Path) -> int:
    names = [part for pair in zip(("--cert", "--key"), map(str, certificate), strict=False) for part in pair]
    return main(["publish", str(work), "v1.0.0", "--to", base, *names])


def test_a_certificate_that_the_gate_knows_opens_it(
    work: Path, base: str, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(work, base, *authority.issue("ci")) == 0
    assert f"{PATH}@v1.0.0 is published." in capsys.readouterr().out


def test_a_gate_that_wants_a_certificate_is_told_as_that(
    work: Path, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(work, base) == FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert "where no certificate is shown. Name one: --cert FILE --key FILE" in said
    assert publish(work, base, *Authority(tmp_path, "stranger").issue("ci")) == FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert "not seem to accept the certificate of --cert" in said


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_says_so_with_an_alert_is_told_the_same(
    work: Path, authority: Authority, capsys: pytest.CaptureFixture[str], newest: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(*authority.issue("server"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = newest
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client, contextlib.suppress(ssl.SSLError):
                        context.wrap_socket(client, server_side=True).close()

        serving = threading.Thread(target=refuse)
        serving.start()
        assert publish(work, f"https://localhost:{listening.getsockname()[1]}") == FAILED
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()
    assert "--cert FILE --key FILE" in capsys.readouterr().err


def test_a_server_that_nobody_trusts_is_still_told_as_that(
    work: Path,
    base: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, "stranger").file))
    assert publish(work, base) == FAILED
    assert "the certificate is not trusted" in capsys.readouterr().err


def test_files_that_are_no_certificate_and_key_are_slips(
    work: Path, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key = authority.issue("ci")
    _, other = authority.issue("other")
    sealed, broken = tmp_path / "sealed.key", tmp_path / "broken.pem"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", sealed], check=True
    )
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for files, said in {
        (tmp_path / "none", key): "the certificate cannot be read: No such file",
        (certificate, tmp_path): "the key cannot be read: Is a directory",
        (certificate, certificate): "there is no key in PEM form",
        (key, key): "there is no certificate in PEM form",
        (certificate, other): "the key is not that of the certificate",
        (certificate, sealed): "the key has a passphrase",
        (broken, key): "is damaged",
    }.items():
        assert publish(work, "https://localhost:1", *files) == USAGE
        assert said in capsys.readouterr().err
