"""A scanner that is an HTTP service: posted the zip, it answers with a verdict.

    POST URL        Content-Type: application/zip
                    Modgate-Module, Modgate-Version, Modgate-H1; Authorization: Bearer … where a token is set
    200             {"clean": true, "summary": "one line"}

Any other status, and anything else in the body, is a scan that failed, which neither releases nor refuses.
The address is the operator's own, so it may be internal; redirects are not followed.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING, BinaryIO

import aiohttp
import msgspec
import truststore

from modgate.errors import Unavailable
from modgate.scan.command import last_line
from modgate.transport.verdict import FOREIGN, transport_error

if TYPE_CHECKING:
    from modgate.gomod.types import ModuleVersion
    from modgate.model.credentials import Secret

__all__ = ["ServiceScanner"]

_ANSWER = 1 << 20


class _Verdict(msgspec.Struct):
    clean: bool
    summary: str = ""


class ServiceScanner:
    """Scans with a service (`firewall.examiner.Scanner`).

    Args:
        url: Its address.
        secret: Its token; None for none.
        timeout: Seconds for one scan.
    """

    def __init__(self, url: str, secret: Secret | None, *, timeout: float) -> None:
        self._url = url
        self._secret = secret
        self._timeout = timeout
        self.name = f"http-{hashlib.sha256(url.encode()).hexdigest()[:12]}"

    def check(self) -> None:
        """Nothing can be wrong before it is asked."""

    async def scan(self, version: ModuleVersion, h1: str, zip_file: BinaryIO) -> tuple[bool, str]:
        """Whether the version is released, and one line about it. Raises Unavailable where that is not
        known.
        """
        headers = {
            "content-type": "application/zip",
            "modgate-module": version.path,
            "modgate-version": version.version,
            "modgate-h1": h1,
        }
        if self._secret is not None:
            headers["authorization"] = f"Bearer {self._secret.reveal()}"
        limits = aiohttp.ClientTimeout(total=self._timeout, sock_connect=min(10.0, self._timeout))
        connector = aiohttp.TCPConnector(ssl=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=limits) as session,
                session.post(self._url, data=zip_file, headers=headers, allow_redirects=False) as answer,
            ):
                data = await answer.content.read(_ANSWER)
                while len(data) < _ANSWER and (piece := await answer.content.read(_ANSWER)):
                    data += piece
                status = answer.status
        except FOREIGN as error:
            failed = transport_error(error, "the scanner", "verdict")
            raise Unavailable(f"the scanner cannot be asked: {failed.what}", kind=failed.kind) from error
        if status != 200:
            raise Unavailable(f"the scanner answered {status}: {last_line(data)}", kind="bad-answer")
        try:
            verdict = msgspec.json.decode(data, type=_Verdict)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Unavailable("the scanner's answer is no verdict", kind="bad-answer") from error
        return verdict.clean, last_line(verdict.summary.encode("utf-8", "replace"))
