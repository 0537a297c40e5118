"""No planted secret is seen in a text, a log, a repr or a list of processes."""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
import pprint
import sys
import traceback
from typing import TYPE_CHECKING

import pytest
import structlog

from modgate.config.private import Credential as Configured
from modgate.errors import ModgateError
from modgate.model import Context
from modgate.telemetry import configure_logging
from modgate.transport.credentials import Entry
from modgate.transport.http import HTTPUpstream
from tests.support.raw_upstream import RawUpstream, said
from tests.transport.credentials.test_github_app import app_entry, github

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.model.credentials import Credentials
    from tests.transport.credentials.conftest import Bench

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX modes and scripts")

HEADER = "Basic " + base64.b64encode(b"u:pl4nted-5ecret").decode()
PLANTED = "pl4nted-5ecret"
KINDS = {
    "variable.example": f"{PLANTED}-variable",
    "file.example": f"{PLANTED}-file",
    "deploy.example": f"{PLANTED}-deploy",
    "helper.example": f"{PLANTED}-helper",
    "netrc.example": f"{PLANTED}-netrc",
}


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def everything(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """One entry of each kind, each with its own secret."""
    bench.environ["TOKEN"] = KINDS["variable.example"]
    monkeypatch.setenv(
        "NETRC",
        str(bench.file("netrc", f"machine netrc.example login me password {KINDS['netrc.example']}")),
    )
    # It looks at the list of processes itself, while it runs.
    helper = bench.file(
        "helper",
        f"#!{sys.executable} -I\n"
        "import glob, sys\n"
        "sys.stdin.read()\n"
        f"with open({str(bench.folder / 'seen')!r}, 'wb') as seen:\n"
        "    for each in glob.glob('/proc/[0-9]*/cmdline'):\n"
        "        try: seen.write(open(each, 'rb').read() + b'\\n')\n"
        "        except OSError: pass\n"
        f"print('username=u\\npassword={PLANTED}-helper')\n"
        f"print('{PLANTED}-on-stderr', file=sys.stderr)\n",
        0o700,
    )
    return bench.credentials(
        Entry("variable.example", token_env="TOKEN", bearer=True),
        Entry("file.example", token_file=bench.file("token", KINDS["file.example"])),
        Entry(
            "deploy.example",
            "gitlab-deploy-token",
            username="d",
            token_file=bench.file("deploy", KINDS["deploy.example"]),
        ),
        Entry("helper.example", "git-helper", helper=str(helper)),
        Entry("broken.example", token_file=bench.file("broken", f"{PLANTED}\n{PLANTED}\n")),
        Entry("key.example", "ssh", key_file=bench.file("key", PLANTED, 0o644)),
    )


async def test_what_is_told_of_credentials_holds_no_secret(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging("json", level=logging.DEBUG)
    log = structlog.get_logger("test")
    found = everything(bench, monkeypatch)
    inside = {name: value for name, value in vars(found).items() if name != "_environ"}
    texts = [repr(found), str(found), pprint.pformat(inside)]
    for host, secret in KINDS.items():
        credential = await found.https(host, 443, "/team/lib.git")
        assert credential is not None
        assert credential.password.reveal() == secret
        log.info("told", credential=credential, all=[credential], host=host)
        texts += [
            repr(credential.password),
            str(credential.password),
            credential.source,
            f"{credential.password}",
        ]
        texts.append(found.describe(host))
    for host in ("broken.example", "key.example"):
        texts.append(found.describe(host))
        texts.append(repr(found.ssh(host)))
    with pytest.raises(ModgateError) as caught:
        await found.https("broken.example", 443, "/")
    log.error("failed", exc_info=caught.value)
    texts += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
    texts += [*bench.told, *getattr(found, "warnings")()]  # noqa: B009  not of the protocol
    out, err = capfd.readouterr()
    texts += [out, err, (bench.folder / "seen").read_text(encoding="utf-8", errors="replace")]
    assert any("helper" in text for text in texts)
    assert [text[max(0, text.find(PLANTED) - 200) :][:300] for text in texts if PLANTED in text] == []


async def test_a_github_app_shows_neither_its_key_nor_its_token(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    async with github(bench) as (server, found):
        server.ahead = 900.0
        credential = await found.https("github.corp.example", 443, "/")
        texts = [repr(credential), repr(found), pprint.pformat(vars(found)), *bench.told]
        other = bench.credentials(app_entry("https://127.0.0.1:1/", bench.folder / "app.pem"))
        with pytest.raises(ModgateError) as caught:
            await other.https("github.corp.example", 443, "/")
        texts += traceback.format_exception(caught.value)
    texts += capfd.readouterr()
    key = (bench.folder / "app.pem").read_text(encoding="ascii").splitlines()[1]
    assert [text for text in texts if PLANTED in text or key in text or "Bearer" in text] == []


async def test_an_upstream_that_repeats_what_it_was_told_is_not_repeated(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of an upstream is passed on as a text, so a host could print the header that it got."""
    monkeypatch.setenv("NETRC", str(bench.file("netrc", f"machine 127.0.0.1 login u password {PLANTED}")))
    async with RawUpstream.saying(said(403, f"no: Authorization: {HEADER}\n".encode())) as server:
        upstream = HTTPUpstream(server.url)
        with pytest.raises(ModgateError) as caught:
            await upstream.get(Context(), "p", limit=10)
        await upstream.close()
    assert server.seen[0].headers["authorization"] == HEADER
    assert HEADER not in str(caught.value)


def test_the_configuration_of_credentials_holds_names_and_places_only() -> None:
    """Nothing in `[[credentials]]` is a secret itself, so that `config show` may print every value."""
    assert set(Configured.model_fields) == {field.name for field in dataclasses.fields(Entry)}
    assert not {name for name in Configured.model_fields if name in {"token", "password", "secret"}}
