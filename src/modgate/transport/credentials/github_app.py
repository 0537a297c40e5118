"""A GitHub App's installation token: one hour of reading rights, asked for with the app's private key.

1. A statement signed with the key (RS256) says which app this is; GitHub wants it to begin in the past
   and to end within ten minutes, so it begins a minute ago, against clocks that are ahead.
2. It is exchanged for a token of the installation, which is kept until shortly before it expires.
3. Where GitHub refuses the statement (401) and its clock says another time than ours, the exchange is
   made once more by its clock, and the difference is told.

The address of the API is the operator's word; a redirect is not followed, since the statement is good
for whoever holds it.
Sources: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App" and "Create an
installation access token for an app"; RFC 7519.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import truststore
import yarl
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from modgate.errors import Unavailable
from modgate.gomod.harmless import harmless
from modgate.gomod.texts import shown
from modgate.model.credentials import Credential, Secret
from modgate.transport.environment import proxy_for
from modgate.transport.verdict import FOREIGN, retry_after, transport_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.transport.credentials.secrets import SecretFile

__all__ = ["GitHubApp", "api_address"]

_BEGUN = 60
_GOOD_FOR = 540
_MARGIN = 300.0
_SKEW = 30.0
_MAX_BODY = 64 << 10


def api_address(host: str, port: int | None = None) -> str:
    """Where a host has its API when the operator does not say: github.com, its data-residency domains,
    or a GitHub Enterprise Server.
    """
    if host == "github.com":
        return "https://api.github.com"
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"https://{host if port is None else f'{host}:{port}'}/api/v3"


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer of the API."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class GitHubApp:
    """One installation of one app.

    Args:
        app_id: The app's id or client id.
        installation_id: The installation's number.
        key: The private key's file (PEM).
        api: The address of the API, https.
        clock: Unix seconds.
        warn: Told when the clocks disagree.
        tls: Whom to trust; None for the system's certificates.
        seconds: How long an exchange may take.
    """

    def __init__(
        self,
        app_id: str,
        installation_id: str,
        key: SecretFile,
        *,
        api: str,
        clock: Callable[[], float],
        warn: Callable[[str], None],
        tls: ssl.SSLContext | None = None,
        seconds: float = 20.0,
    ) -> None:
        self._app_id = app_id
        self._key = key
        base = yarl.URL(api.rstrip("/") + "/")
        self._url = base.join(
            yarl.URL(f"app/installations/{quote(installation_id, safe='')}/access_tokens", encoded=True)
        )
        self._clock = clock
        self._warn = warn
        self._tls = tls
        self._seconds = seconds
        self.label = f"GitHub App {app_id}, installation {installation_id}"

    async def token(self) -> tuple[Credential, float]:
        """A credential, and the moment (Unix seconds) until which it may be given out.

        Raises Unavailable.
        """
        now = self._clock()
        said = await self._exchange(now)
        skew = 0.0
        if said.status == 401:
            skew = _skew(said.headers, self._clock())
            if abs(skew) >= _SKEW:
                said = await self._exchange(self._clock() - skew)
        if said.status != 201:
            raise self._refused(said, skew)
        if abs(skew) >= _SKEW:
            self._warn(f"{self.label}: {_told(skew, self._url.host or '')}; set the clock (NTP)")
        token, expires = self._read(said.body)
        # GitHub's hour, counted by our clock.
        until = expires + skew - _MARGIN
        return Credential("x-access-token", token, self.label), until

    def _statement(self, now: float) -> Secret:
        secret = self._key.read()
        try:
            key = RSAKey.import_key(secret.reveal())
            claims: dict[str, Any] = {
                "iat": int(now) - _BEGUN,
                "exp": int(now) + _GOOD_FOR,
                "iss": self._app_id,
            }
            return Secret(jwt.encode({"alg": "RS256"}, claims, key, algorithms=["RS256"]))
        except (ValueError, TypeError, JoseError):
            # Texts of the parser may hold pieces of what it parsed.
            raise Unavailable(
                f"the private key of {self.label} cannot be read",
                where=self._key.place,
                next_step="It must be the PEM file that GitHub made for the app (RSA, no passphrase).",
                kind="bad-answer",
            ) from None

    async def _exchange(self, now: float) -> _Said:
        statement = self._statement(now)
        headers = {
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "identity",
            "Authorization": f"Bearer {statement.reveal()}",
            "User-Agent": "modgate",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        where = str(self._url)
        connector = aiohttp.TCPConnector(ssl=self._tls or truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            async with (
                asyncio.timeout(self._seconds),
                aiohttp.ClientSession(
                    connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.post(
                    self._url, headers=headers, proxy=proxy_for(self._url), allow_redirects=False
                ) as response,
            ):
                body = await response.content.read(_MAX_BODY)
                while len(body) < _MAX_BODY and (piece := await response.content.read(_MAX_BODY - len(body))):
                    body += piece
                return _Said(response.status, body, response.headers)
        except FOREIGN as error:
            raise transport_error(error, where, "connect or answer") from None

    def _read(self, body: bytes) -> tuple[Secret, float]:
        try:
            answer = json.loads(body)
            token, expires = answer["token"], datetime.fromisoformat(answer["expires_at"])
            if isinstance(token, str) and token and token.isprintable():
                return Secret(token), expires.timestamp()
        except (ValueError, TypeError, KeyError):
            pass
        raise Unavailable(
            "the answer is no installation token", where=str(self._url), kind="bad-answer"
        ) from None

    def _refused(self, said: _Said, skew: float) -> Unavailable:
        what = f"{self.label} is given no token: status {said.status}"
        text = _message(said.body)
        if text:
            what += f", {shown(text)}"
        step = {
            401: "See that app_id and key_file belong together and that the key was not revoked.",
            403: "See in the app's settings that the installation is not suspended.",
            404: "See that installation_id is one of this app, and that `api` is the right address.",
        }.get(said.status, "")
        if said.status == 401 and abs(skew) >= _SKEW:
            step = f"{_told(skew, self._url.host or '')}: set the clock (NTP). {step}"
        busy = said.status in {429, 503}
        return Unavailable(
            what,
            where=str(self._url),
            next_step=step,
            kind="overloaded" if busy else "bad-answer",
            retry_after=retry_after(said.headers, self._clock()),
        )


def _skew(headers: Mapping[str, str], now: float) -> float:
    """How many seconds our clock is ahead of the answer's Date; 0 where it says none."""
    try:
        said = email.utils.parsedate_tz(headers.get("Date", ""))
        return 0.0 if said is None else now - email.utils.mktime_tz(said)
    except (ValueError, OverflowError, IndexError):
        return 0.0


def _told(skew: float, host: str) -> str:
    return f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of {host}"


def _message(body: bytes) -> str:
    """What GitHub says of a refusal."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return harmless(message) if isinstance(message, str) else ""
