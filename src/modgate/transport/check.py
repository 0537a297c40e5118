"""Asking a gate what its policy would do with versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import msgspec
import truststore
import yarl

from modgate.errors import Absent, Denied, Unauthenticated, Unavailable
from modgate.model.check import Checked, Question
from modgate.transport.environment import proxy_for
from modgate.transport.verdict import FOREIGN, clean_text, transport_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.check import Judged

__all__ = ["ask_gate"]

_TEXT = 4096
_ANSWER = 64 << 20


async def ask_gate(
    base: str, versions: Sequence[str], *, authorization: str = "", seconds: float = 60.0
) -> Checked:
    """What the gate at `base` says of `module@version`s, in their order.

    Raises:
        Absent: It answers, and is no gate with a policy check (404, 405).
        Denied, Unauthenticated: It refuses.
        Unavailable: It cannot be reached, or what it says is not understood.
    """
    where = f"{base.rstrip('/')}/policy/check"
    headers = {"content-type": "application/json"}
    if authorization:
        headers["authorization"] = authorization
    import ssl  # noqa: PLC0415  for https alone

    # The environment's proxies, and not its netrc: that one is the asker's to lend, and over https alone.
    proxy = proxy_for(yarl.URL(where))
    login = None
    if proxy is not None and proxy.user is not None:
        login, proxy = aiohttp.BasicAuth(proxy.user, proxy.password or ""), proxy.with_user(None)
    connector = aiohttp.TCPConnector(ssl=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    limits = aiohttp.ClientTimeout(total=seconds, sock_connect=10)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limits) as session,
            session.post(
                where,
                data=msgspec.json.encode(Question(list(versions))),
                headers=headers,
                allow_redirects=False,
                proxy=proxy,
                proxy_auth=login,
            ) as answer,
        ):
            if answer.status != 200:
                text = clean_text(await answer.content.read(_TEXT), answer.headers.get("content-type", ""))
                raise _refusal(answer.status, text, where)
            data = await answer.content.read(_ANSWER)
            while piece := await answer.content.read(1 << 20):
                data += piece
                if len(data) > _ANSWER:
                    raise Unavailable("the gate's answer does not end", where=where, kind="bad-answer")
    except FOREIGN as error:
        raise transport_error(error, where, "answer") from error
    try:
        found = msgspec.json.decode(data, type=Checked)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unavailable("the gate's answer is not understood", where=where, kind="bad-answer") from error
    if [_name(each) for each in found.decisions] != list(versions):
        raise Unavailable("the gate answered for other versions", where=where, kind="bad-answer")
    return found


def _name(judged: Judged) -> str:
    return f"{judged.module}@{judged.version}"


def _refusal(status: int, text: str, where: str) -> Exception:
    what = text or f"it answers {status}"
    match status:
        case 401:
            return Unauthenticated(what, where=where)
        case 403:
            return Denied(what, where=where)
        case 404 | 405 | 410:
            return Absent("this is no gate that judges versions", where=where)
        case _:
            return Unavailable(what, where=where, kind="bad-answer")
