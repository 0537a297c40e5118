"""How a request can fail on its way, by the texts of Go's net, crypto/tls, net/http and crypto/x509.

Go wraps: `Get "url": proxyconnect tcp: dial tcp 192.0.2.1:8080: connect: connection refused`, outermost
first. The operation that wraps (`proxyconnect`, `socks connect`, `dial`, `lookup`, `read`) says where it was;
the innermost text, which the operating system words and Windows translates, says what. So the operation is
read by its grammar, and the innermost text is looked up in a table of what systems say. Sources: net/net.go
(OpError, DNSError), net/dnsclient_unix.go, crypto/x509/verify.go, crypto/tls/alert.go, net/http/transport.go,
net/http/h2_bundle.go, net/http/socks_bundle.go.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

__all__ = ["Kind", "Trouble", "read_trouble"]


class Kind(Enum):
    """What happened on the way."""

    NO_SUCH_HOST = auto()
    RESOLVER_REFUSED = auto()
    RESOLVER_TIMEOUT = auto()
    RESOLVER_FAILURE = auto()
    NO_ADDRESS = auto()
    CONNECT_TIMEOUT = auto()
    REFUSED = auto()
    NO_ROUTE = auto()
    CONNECT_RESET = auto()
    PERMISSION = auto()
    PROXY_AUTH = auto()
    PROXY_STATUS = auto()
    PROXY_UNREACHABLE = auto()
    PROXY_NONSENSE = auto()
    PROXY_MALFORMED = auto()
    PROXY_SCHEME = auto()
    PROXY_HANGS = auto()
    SOCKS = auto()
    TLS_TIMEOUT = auto()
    UNKNOWN_AUTHORITY = auto()
    WRONG_NAME = auto()
    NOT_YET_VALID = auto()
    EXPIRED = auto()
    OTHER_CERTIFICATE = auto()
    NOT_TLS = auto()
    ALERT = auto()
    RESET = auto()
    CLOSED = auto()
    GARBAGE = auto()
    TLS_PORT = auto()
    H2 = auto()
    GOAWAY = auto()
    TIMEOUT = auto()
    CUT = auto()
    REDIRECT_INSECURE = auto()
    REDIRECT_LOOP = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened, and what the text names.

    Attributes:
        kind: What.
        text: The innermost words.
        address: The peer's `IP:port`, empty where the text has none.
        host: The name that was looked up, or certified; empty otherwise.
        server: The resolver asked, empty where the text has none.
        detail: Certificate names, an issuer, a target; by kind.
    """

    kind: Kind
    text: str
    address: str = ""
    host: str = ""
    server: str = ""
    detail: str = ""


_TIMED_OUT = re.compile(
    r"i/o timeout|timed out|[Tt]imeout|deadline exceeded|did not properly respond|没有正确答复|没有反应|超时"
    r"|並未正確回應|逾時|nicht richtig reagiert|convenablement répondu|正しく応答しなかった"
)
_REFUSED = re.compile(r"refused|积极拒绝|拒绝连接|拒绝了?连接|连接被拒绝|拒絕連線|拒否|[Vv]erweigert|refusée")
_RESET = re.compile(
    r"reset by peer|connection reset|forcibly closed|broken pipe|connection was aborted|connection abort"
    r"|强迫关闭|强制关闭|强行关闭|中止了一个已建立|连接被重置|重设连接|強制關閉|Remotehost geschlossen|fermée par l|強制的に切断"
)
_NO_ROUTE = re.compile(
    r"no route to host|network is unreachable|unreachable (?:network|host)|host is (?:down|unreachable)"
    r"|network is down|(?:can't|cannot) assign requested address|address family not supported"
    r"|address is not valid in its context|无法连接的|网络不可达|没有到主机的路由|在其上下文中|無法連線的"
)
_PERMISSION = re.compile(
    r"permission denied|operation not permitted|forbidden by its access permissions|访问权限不允许|不允许的操作"
    r"|存取權限"
)
_PORT = r":\d{1,5}"
_ADDRESS = rf"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s\[\]>]+?){_PORT}"
_DIAL = re.compile(
    rf"dial (?:tcp[46]?|udp[46]?)(?: (?P<address>{_ADDRESS}|:\d{{1,5}}))?: (?P<why>.+)", re.DOTALL
)
_LOOKUP = re.compile(r"lookup (?P<host>\S+?)(?: on (?P<server>\S+?))?: (?P<why>.+)", re.DOTALL)
_SOCKET = re.compile(
    rf"(?P<op>read|write) (?:tcp|udp)[46]? (?:(?P<from>{_ADDRESS})->)?(?P<address>{_ADDRESS}): (?P<why>.+)",
    re.DOTALL,
)
_SYSCALL = re.compile(
    r"(?:connect(?:ex)?|wsarecv|wsasend|getsockopt|read|write|setsockopt|socket|bind): (?P<why>.+)", re.DOTALL
)
_VALID_FOR = re.compile(r"certificate is valid for (?P<names>.+?), not (?P<host>\S+)", re.DOTALL)
_NO_SAN = re.compile(
    r"cannot validate certificate for (?P<host>\S+) because|not valid for any names, but wanted to match (?P<host2>\S+)"
)
_WHO = re.compile(r'while trying to verify candidate authority certificate "(?P<issuer>[^"]*)"')
_DATES = re.compile(r"current time (?P<now>\S+) is (?P<side>before|after) (?P<limit>\S+)")
_PHRASES = {status.phrase.lower(): status for status in HTTPStatus if status >= 300}
_PHRASES |= {"request entity too large": HTTPStatus(413), "moved temporarily": HTTPStatus(302)}


def read_trouble(text: str, *, quoted_url: str = "") -> Trouble:
    """What the text behind `Get "url": ` says, `quoted_url` being the URL; Kind.OTHER where it is unknown."""
    text = text.strip()
    first = text.split("\n", 1)[0].strip()
    for reader in (_proxy, _socks, _redirect, _certificate, _tls, _dns, _dial, _http2, _http):
        if found := reader(first, text):
            return found
    if status := _PHRASES.get(first.lower()):
        return _connect_answer(status, first)
    if re.fullmatch(r"\d{3}(?: .{0,60})?|unknown status code", first):
        return Trouble(Kind.PROXY_STATUS, first, detail=first)
    if socket := _SOCKET.search(text):
        return _socket_trouble(socket["why"], socket["address"])
    if "refusing to use HTTP_PROXY value in CGI" in first or "invalid proxy address" in first:
        return Trouble(Kind.PROXY_MALFORMED, first, detail=quoted_url)
    return _bare(first)


def _bare(first: str) -> Trouble:
    """A text without an operation in front: what is left when go or the log dropped it."""
    if first in {"EOF", "unexpected EOF"} or first.endswith(": EOF"):
        return Trouble(Kind.CUT if first == "unexpected EOF" else Kind.CLOSED, first)
    if _REFUSED.search(first):
        return Trouble(Kind.REFUSED, first)
    if _RESET.search(first):
        return Trouble(Kind.RESET, first)
    if _NO_ROUTE.search(first):
        return Trouble(Kind.NO_ROUTE, first)
    if _TIMED_OUT.search(first):
        return Trouble(Kind.TIMEOUT, first)
    return Trouble(Kind.OTHER, first)


def _connect_answer(status: HTTPStatus, text: str) -> Trouble:
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return Trouble(Kind.PROXY_AUTH, text, detail=f"{status.value} {status.phrase}")
    return Trouble(Kind.PROXY_STATUS, text, detail=f"{status.value} {status.phrase}")


def _proxy(first: str, text: str) -> Trouble | None:
    wrapped = re.search(r"proxyconnect tcp: (?P<why>.+)", text, re.DOTALL)
    if wrapped is None:
        scheme = re.search(
            r"unsupported protocol scheme \"(?P<scheme>[^\"]*)\"|unknown scheme: (?P<other>\S+)", first
        )
        if scheme and "proxy" in first:
            return Trouble(Kind.PROXY_SCHEME, first, detail=scheme["scheme"] or scheme["other"] or "")
        return None
    why = wrapped["why"]
    line = why.split("\n", 1)[0]
    if looked := _LOOKUP.search(line):
        host = looked["host"].strip("\"'“”‘’")
        if host.lower() in {"http", "https", "socks5", "socks5h", "socks"} or host != looked["host"]:
            return Trouble(Kind.PROXY_MALFORMED, line, host=looked["host"], detail=looked["host"])
        return Trouble(Kind.PROXY_UNREACHABLE, line, host=host, detail=host)
    if dialled := _DIAL.search(line):
        address = dialled["address"] or ""
        kind = Kind.PROXY_MALFORMED if address.startswith(":") else Kind.PROXY_UNREACHABLE
        return Trouble(kind, line, address=address, detail=address)
    if (
        "unknown port" in line
        or "missing port" in line
        or "invalid port" in line
        or "too many colons" in line
    ):
        return Trouble(Kind.PROXY_MALFORMED, line)
    if "socks" in line:
        return _socks(line, line)
    socket = _SOCKET.search(line)
    address = socket["address"] if socket else ""
    if re.search(r"tls: first record|server gave HTTP response|malformed HTTP|EOF|x509:|tls:", line):
        return Trouble(Kind.PROXY_NONSENSE, line, address=address, detail=address)
    if _TIMED_OUT.search(line) and not socket:
        return Trouble(Kind.PROXY_HANGS, line)
    return Trouble(Kind.PROXY_UNREACHABLE, line, address=address, detail=address)


def _socks(_first: str, text: str) -> Trouble | None:
    found = re.search(rf"socks connect tcp (?P<proxy>{_ADDRESS})->(?P<to>\S+?): (?P<why>.+)", text)
    if found is None:
        return None
    return Trouble(Kind.SOCKS, found["why"], address=found["proxy"], host=found["to"], detail=found["proxy"])


def _redirect(first: str, text: str) -> Trouble | None:
    if found := re.search(r"redirected from secure URL (?P<from>\S+) to insecure URL (?P<to>\S+)", text):
        return Trouble(Kind.REDIRECT_INSECURE, first, host=found["from"], detail=found["to"])
    if "stopped after 10 redirects" in first:
        return Trouble(Kind.REDIRECT_LOOP, first)
    return None


def _certificate(first: str, text: str) -> Trouble | None:
    if "x509:" not in text and not _FOREIGN_CERTIFICATE.search(text):
        return None
    names = _VALID_FOR.search(text)
    if names:
        return Trouble(Kind.WRONG_NAME, first, host=names["host"], detail=names["names"])
    if missing := _NO_SAN.search(text):
        return Trouble(Kind.WRONG_NAME, first, host=missing["host"] or missing["host2"] or "")
    if (
        "expired or is not yet valid" in text
        or "certificate is expired" in text
        or "certificate is not standards compliant" in text
    ):
        return _dates(first, text)
    if re.search(
        r"signed by unknown authority|certificate is not trusted|not trusted|不受信任|未知.*颁发机构", text
    ):
        who = _WHO.search(text)
        return Trouble(Kind.UNKNOWN_AUTHORITY, first, detail=who["issuer"] if who else "")
    if "failed to load system roots and no roots provided" in text or "SystemRootsError" in text:
        return Trouble(Kind.UNKNOWN_AUTHORITY, first)
    if "legacy Common Name field" in text:
        return Trouble(Kind.OTHER_CERTIFICATE, first)
    return Trouble(Kind.OTHER_CERTIFICATE, first)


_FOREIGN_CERTIFICATE = re.compile(
    r"certificate is not trusted|certificate chain .* not trusted|证书链.*不受信任"
)


def _dates(first: str, text: str) -> Trouble:
    found = _DATES.search(text)
    detail = found[0] if found else first
    slow = found is not None and found["side"] == "before"
    return Trouble(Kind.NOT_YET_VALID if slow else Kind.EXPIRED, first, detail=detail)


def _tls(first: str, _text: str) -> Trouble | None:
    if "TLS handshake timeout" in first:
        return Trouble(Kind.TLS_TIMEOUT, first)
    if (
        "server gave HTTP response to HTTPS client" in first
        or "first record does not look like a TLS" in first
    ):
        return Trouble(Kind.NOT_TLS, first)
    if re.search(
        r"tls: (?:invalid signature by the server cert|failed to parse certificate|server's certificate|server sent certificate)",
        first,
    ):
        return Trouble(Kind.OTHER_CERTIFICATE, first)
    if re.search(r"(?:remote error|local error): tls: |\btls: ", first):
        return Trouble(Kind.ALERT, first, detail=first[first.index("tls: ") + 5 :])
    return None


def _dns(first: str, text: str) -> Trouble | None:
    found = _LOOKUP.search(text)
    if found is None:
        return None
    host, server, why = found["host"], found["server"] or "", found["why"].split("\n", 1)[0]
    inner = _SOCKET.search(why) or _DIAL.search(why)
    if inner is not None:
        server = server or inner["address"] or ""
        why = inner["why"]
        if _NO_ROUTE.search(why) or _PERMISSION.search(why):
            return Trouble(Kind.RESOLVER_FAILURE, why, host=host, server=server)
        kind = Kind.RESOLVER_TIMEOUT if _TIMED_OUT.search(why) else Kind.RESOLVER_REFUSED
        return Trouble(kind, first, host=host, server=server)
    if re.search(
        r"no such host|Name or service not known|nodename nor servname|No such host is known|不知道这样的主机|未知的名称或服务",
        why,
    ):
        kind = Kind.NO_SUCH_HOST
    elif re.search(
        r"No address associated|no suitable address|no data of the requested type|no valid, but no data|请求的名称有效",
        why,
    ):
        kind = Kind.NO_ADDRESS
    elif _TIMED_OUT.search(why):
        kind = Kind.RESOLVER_TIMEOUT
    elif _REFUSED.search(why) and "query" not in why.lower():
        kind = Kind.RESOLVER_REFUSED
    else:
        kind = Kind.RESOLVER_FAILURE
    return Trouble(kind, why, host=host, server=server)


def _dial(_first: str, text: str) -> Trouble | None:
    found = _DIAL.search(text)
    if found is None:
        return None
    why, address = found["why"].split("\n", 1)[0], found["address"] or ""
    inner = _SYSCALL.match(why)
    words = inner["why"] if inner else why
    if "no suitable address" in words or "missing address" in words:
        return Trouble(Kind.NO_ADDRESS, words, address=address)
    for pattern, kind in (
        (_REFUSED, Kind.REFUSED),
        (_RESET, Kind.CONNECT_RESET),
        (_PERMISSION, Kind.PERMISSION),
        (_NO_ROUTE, Kind.NO_ROUTE),
        (_TIMED_OUT, Kind.CONNECT_TIMEOUT),
    ):
        if pattern.search(words):
            return Trouble(kind, words, address=address)
    if re.search(r"operation was canceled|context canceled", words):
        return Trouble(Kind.OTHER, words, address=address)
    # A system that words it in a language not listed here: connecting failed, and it says how.
    return Trouble(Kind.NO_ROUTE if address else Kind.OTHER, words, address=address)


def _http2(first: str, _text: str) -> Trouble | None:
    if "GOAWAY" in first or "graceful shutdown" in first:
        return Trouble(Kind.GOAWAY, first)
    if re.search(
        r"stream error: |connection error: |http2: |INTERNAL_ERROR|PROTOCOL_ERROR|REFUSED_STREAM", first
    ):
        if "timeout awaiting response headers" in first:
            return Trouble(Kind.TIMEOUT, first)
        if "looked like an HTTP/1.1 header" in first:
            return Trouble(Kind.GARBAGE, first, detail=first)
        return Trouble(Kind.H2, first)
    return None


def _http(first: str, _text: str) -> Trouble | None:
    if found := re.search(
        r"malformed HTTP (?:response|status code|version|header)[^\"]*(?P<said>\"(?:[^\"\\]|\\.)*\")?", first
    ):
        said = found["said"] or first
        # A TLS alert or ServerHello read as HTTP: record type 21 or 22, version 3.
        if re.match(r'"\\x1[56]\\x03', said):
            return Trouble(Kind.TLS_PORT, first)
        return Trouble(Kind.GARBAGE, first, detail=said)
    if re.search(
        r"bad Content-Length|invalid header|malformed MIME|unsupported transfer encoding|too many transfer|response headers exceeded|Unsolicited response|invalid Read on closed|failed to parse Location|no Location header|too many 1xx|header list too large",
        first,
    ):
        return Trouble(Kind.GARBAGE, first, detail=first)
    if re.search(r"server closed idle connection|transport connection broken: (?:EOF|unexpected EOF)", first):
        return Trouble(Kind.CLOSED, first)
    if "timeout awaiting response headers" in first or "Client.Timeout" in first:
        return Trouble(Kind.TIMEOUT, first)
    if re.search(r"invalid byte in chunk|malformed chunked|chunked|gzip: |flate: |zlib: ", first):
        return Trouble(Kind.CUT, first)
    return None


def _socket_trouble(why: str, address: str) -> Trouble:
    inner = _SYSCALL.match(why)
    words = (inner["why"] if inner else why).split("\n", 1)[0]
    if _RESET.search(words):
        return Trouble(Kind.RESET, words, address=address)
    if _TIMED_OUT.search(words):
        return Trouble(Kind.TIMEOUT, words, address=address)
    if "EOF" in words:
        return Trouble(Kind.CLOSED, words, address=address)
    # The connection stood and then failed; systems word that in their own language.
    return Trouble(Kind.RESET, words, address=address)
