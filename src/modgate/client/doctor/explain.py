"""Which fault explains which: the relations that turn a heap of findings into one root cause.

A cause is looked for where a person can act, so each rule says "if this is so, that is no wonder":

* settings: a damaged GOENV file explains the values read from it; a wrong value of GOPROXY explains what
  its entry suffers, a wrong GOSUMDB what the database suffers; a missing GOPRIVATE explains "not found";
* machine-wide: no network explains every failure of one; a proxy variable that leads nowhere explains the
  failures of all hosts; a wrong clock explains certificates that are not valid yet or any more; missing or
  foreign authorities explain unknown ones; a resolver that is down explains every name;
* one host: a forged answer explains what the wrong address does; whatever fails first on the way to a host
  explains what fails there later; a captive portal explains every wrong content;
* credentials: a broken netrc explains the refusal, the refusal explains that nothing is found.

A rule never looks at impact except where it says so: a fault that blocks nothing explains nothing that
blocks, unless it is of the kind named here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import (
    checksum,
    config,
    connect,
    content,
    dns,
    headers,
    proxy,
    status,
    system,
    tls,
    toolchain,
    vcs,
)
from modgate.client.doctor.places import place_of, places_of, value_of
from modgate.client.doctor.reach import NETWORK, PROXY_IGNORED
from modgate.client.findings import Impact, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.client.findings import Finding

__all__ = ["explains"]

_FILE_DAMAGE = frozenset({config.FILE_CRLF, config.FILE_BOM})
_BAD_ENTRY = frozenset(
    {config.NOT_A_URL, config.WRONG_SEPARATOR, config.QUOTES, config.ONE_SLASH, config.WRONG_CASE}
    | {config.UNKNOWN_SCHEME, config.FOLDER_MISSING, config.UNKNOWN_HOST_WORD, config.KNOWN_BOGUS}
    | {config.PROXY_EMPTY_LIST}
)
_BAD_SUMDB = frozenset({config.SUMDB_MALFORMED, config.SUMDB_TOO_MANY})
_BAD_PROXY_VALUE = frozenset({proxy.MALFORMED, proxy.UNKNOWN_SCHEME})
_PROXY_ANSWERS = frozenset(
    {proxy.AUTH_REQUIRED, proxy.CONNECT_REFUSED, proxy.HANGS, proxy.BROKEN_ANSWER, proxy.NOT_TLS}
)
_PROXY_DEAD = frozenset({proxy.UNREACHABLE, proxy.SOCKS_FAILED})
_RESOLVER_DOWN = frozenset(
    {dns.RESOLVER_REFUSED, dns.RESOLVER_TIMEOUT, dns.SERVER_FAILURE, system.CONTAINER_RESOLVER}
)
_NO_NAME = frozenset({dns.NO_SUCH_HOST, dns.NO_ADDRESS})
_FORGED = frozenset({dns.POISONED, dns.BOGON, system.HOSTS_FILE})
_UNTRUSTED = frozenset({tls.UNKNOWN_AUTHORITY, tls.OTHER_CERTIFICATE, tls.INTERCEPTED})
_FOREIGN_AUTHORITY = frozenset({tls.INTERCEPTED, system.NO_CA_STORE, system.CERT_FILE_MISSING})
_TIMED_CERTIFICATE = frozenset({tls.NOT_YET_VALID, tls.EXPIRED})
_HANDSHAKE_CUT = frozenset({tls.TIMEOUT, tls.RESET, tls.CLOSED})
_DATABASE_TRANSPORT = frozenset(
    {checksum.DATABASE_TIMEOUT, checksum.DATABASE_UNREACHABLE, checksum.DATABASE_STATUS}
    | {checksum.BAD_ANSWER, checksum.NOT_PROXIED}
)
_TOOLCHAIN_TRANSPORT = frozenset({toolchain.NOT_AVAILABLE, toolchain.UNREACHABLE, toolchain.NOT_CARRIED})
_NOT_FOUND = frozenset({status.NOT_FOUND, status.GONE, status.NO_SUCH_VERSION, checksum.NOT_IN_DATABASE})
_ABSENT_MODULE = frozenset({status.NO_SUCH_VERSION, status.NOT_FOUND, status.GONE, status.MIRROR_LAG})
_VCS_REFUSALS = frozenset({vcs.NO_CREDENTIALS, vcs.SSH_DENIED})
_VCS_MISSES = frozenset(
    {vcs.NO_SECURE_PROTOCOL, vcs.NO_GO_IMPORT, vcs.REPOSITORY_MISSING, vcs.NETRC_MISSING, vcs.FETCH_FAILED}
)
_VCS_TRANSPORT = frozenset({vcs.FETCH_FAILED, vcs.HOST_UNRESOLVED, vcs.NO_GO_IMPORT, vcs.NO_SECURE_PROTOCOL})
_PORTAL_SHOWS = frozenset(
    {content.NOT_A_ZIP, content.HTML_MOD, content.BAD_JSON, content.BAD_LIST, checksum.BAD_ANSWER}
    | {vcs.NO_GO_IMPORT, status.REDIRECT_INSECURE, status.REDIRECT_LOOP, content.PORTAL}
)


def explains(a: Finding, b: Finding) -> bool:
    """Whether `a`, if it is so, makes `b` no wonder. Not transitive, and may hold both ways."""
    return a is not b and any(rule(a, b) for rule in _RULES)


def _settings(a: Finding, b: Finding) -> bool:
    if a.cause in _FILE_DAMAGE:
        path = value_of(a, "path")
        return b.cause.phase is Phase.CONFIG and b.cause not in _FILE_DAMAGE and _mentions(b, path)
    if a.cause is config.QUOTES:
        return b.cause in (_BAD_ENTRY | _BAD_SUMDB) - {config.QUOTES} and _same(a, b, "source")
    if a.cause in _BAD_ENTRY:
        return b.cause.phase in NETWORK and _names_place_of(value_of(a, "value"), b)
    if a.cause is config.SHADOWED and value_of(a, "variable") == "GOPROXY":
        # What was written with go env -w does not ask there; the value that hides it does.
        hidden, used = value_of(a, "shadowed"), value_of(a, "value")
        return b.impact is Impact.BLOCKS and _lists_place_of(used, b) and not _lists_place_of(hidden, b)
    if a.cause in _BAD_SUMDB:
        return b.cause.phase is Phase.CHECKSUM
    if a.cause is config.PRIVATE_MISSING:
        return b.cause in _NOT_FOUND | _VCS_MISSES and _same_module(a, b)
    if a.cause is toolchain.UNVERIFIABLE:
        # Both say that verification is off; what go refuses for it is the thing to say first.
        return b.cause is config.SUMDB_OFF
    if a.cause in _ABSENT_MODULE:
        return b.cause is checksum.NOT_IN_DATABASE and _same_module(a, b)
    return False


def _machine(a: Finding, b: Finding) -> bool:
    if a.cause is connect.OFFLINE:
        return (_is_of_the_way(b) and b.cause not in _PROXY_ANSWERS | _BAD_PROXY_VALUE) or _is_transport(b)
    if a.cause in _BAD_PROXY_VALUE:
        return b.cause in _PROXY_DEAD | _PROXY_ANSWERS or _suffers_from_the_way(b)
    if a.cause is proxy.NOT_TLS and b.cause in _PROXY_DEAD | _PROXY_ANSWERS:
        return True
    if a.cause in _PROXY_DEAD | _PROXY_ANSWERS:
        if a.cause is proxy.CONNECT_REFUSED and places_of(b):
            return _suffers_from_the_way(b) and _same_place(a, b)
        return _suffers_from_the_way(b)
    if a.cause in PROXY_IGNORED:
        return b.impact is Impact.BLOCKS and b.cause.phase in {Phase.DNS, Phase.CONNECT, Phase.TLS}
    if a.cause is system.CLOCK_WRONG:
        return b.cause in _TIMED_CERTIFICATE
    if a.cause in _FOREIGN_AUTHORITY:
        return b.cause in _UNTRUSTED - {a.cause}
    if a.cause in _RESOLVER_DOWN:
        names = _RESOLVER_DOWN | _NO_NAME
        weaker = names - {system.CONTAINER_RESOLVER} if a.cause is system.CONTAINER_RESOLVER else _NO_NAME
        return (b.cause in weaker or b.cause is vcs.HOST_UNRESOLVED) and _same_server(a, b)
    return False


def _host(a: Finding, b: Finding) -> bool:
    if a.cause in _FORGED:
        if a.cause is system.HOSTS_FILE and b.cause in _FORGED:
            return _same_place(a, b) and b.cause is not system.HOSTS_FILE
        return b.cause.phase in NETWORK[1:] and b.cause is not system.HOSTS_FILE and _same_place(a, b)
    if a.cause is tls.SNI_BLOCKED:
        return b.cause in _HANDSHAKE_CUT and _same_place(a, b)
    if a.cause is content.PORTAL:
        return b.cause in _PORTAL_SHOWS - {content.PORTAL}
    if a.cause is headers.TLS_PORT:
        return b.cause is headers.CLOSED and _same_place(a, b)
    if a.impact is Impact.BLOCKS and a.cause.phase in NETWORK and _same_place(a, b):
        if b.cause.phase in NETWORK:
            return NETWORK.index(a.cause.phase) < NETWORK.index(b.cause.phase)
        return b.cause in _TOOLCHAIN_TRANSPORT | {checksum.NOT_PROXIED}
    return False


def _database(a: Finding, b: Finding) -> bool:
    """That go cannot ask the database is the fault; what its host suffers is how it comes about."""
    if a.cause in {checksum.DATABASE_TIMEOUT, checksum.DATABASE_UNREACHABLE}:
        if b.cause is checksum.NOT_PROXIED:
            return True
        return b.cause.phase in NETWORK and _same_place(a, b)
    return False


def _credentials(a: Finding, b: Finding) -> bool:
    if a.cause is vcs.NETRC_BROKEN:
        return b.cause is vcs.NO_CREDENTIALS
    if a.cause in _VCS_REFUSALS:
        return b.cause in _VCS_MISSES and (_same_place(a, b) or not places_of(b))
    if a.cause is vcs.PROGRAM_MISSING:
        return b.cause.phase is Phase.VCS and b.cause is not vcs.PROGRAM_MISSING
    if a.cause is vcs.NO_SECURE_PROTOCOL:
        return b.cause is vcs.REPOSITORY_MISSING
    if a.cause is vcs.HOST_UNRESOLVED:
        return b.cause in _NO_NAME and _same_place(a, b)
    return False


_RULES: tuple[Callable[[Finding, Finding], bool], ...] = (_settings, _machine, _host, _database, _credentials)


def _is_of_the_way(finding: Finding) -> bool:
    return finding.cause.phase in NETWORK[:5] and finding.cause is not connect.OFFLINE


def _is_transport(finding: Finding) -> bool:
    return finding.cause in _DATABASE_TRANSPORT | _TOOLCHAIN_TRANSPORT | _VCS_TRANSPORT


def _suffers_from_the_way(finding: Finding) -> bool:
    """A failure of the network that is not the proxy's own, and not that of a host no proxy is used for."""
    if finding.cause.phase is Phase.PROXY:
        return False
    if any(place.is_loopback for place in places_of(finding)):
        return False
    return finding.cause.phase in NETWORK[:5] or _is_transport(finding)


def _same_place(a: Finding, b: Finding) -> bool:
    return any(one.meets(other) for one in places_of(a) for other in places_of(b))


def _same_server(a: Finding, b: Finding) -> bool:
    """One resolver, as far as both say which; a container's resolver stands for the system's."""
    one, other = value_of(a, "server"), value_of(b, "server")
    return not one or not other or one == other


def _same_module(a: Finding, b: Finding) -> bool:
    return _module(a) == _module(b) or not _module(b)


def _module(finding: Finding) -> str:
    return value_of(finding, "module").partition("@")[0]


def _same(a: Finding, b: Finding, name: str) -> bool:
    return a.values.get(name) == b.values.get(name)


def _mentions(finding: Finding, path: str) -> bool:
    return bool(path) and any(
        text == path or text.startswith(f"{path}:")
        for text in (finding.subject, *map(str, finding.values.values()))
    )


def _lists_place_of(value: str, finding: Finding) -> bool:
    """Whether a finding about a request names an entry of this value of GOPROXY."""
    if finding.cause.phase not in NETWORK:
        return False
    return any(_names_place_of(entry, finding) for entry in re.split("[,|]", value) if "://" in entry)


def _names_place_of(value: str, finding: Finding) -> bool:
    named = place_of(value if "://" in value else f"https://{value}")
    return named is not None and any(place.meets(named) for place in places_of(finding))
