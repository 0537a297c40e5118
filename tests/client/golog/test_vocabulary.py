"""Go's error vocabulary: one line of text, the phase and the row that it means.

The texts are those of Go's sources with other hosts and modules; none of them comes from a recorded sample.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import re

import pytest

from modgate.client.golog import analyse

URL = "https://mirror.example/git.example/team/lib/@v/v0.4.1.zip"
GET = f'go: git.example/team/lib@v0.4.1: Get "{URL}": '
READ = f'go: git.example/team/lib@v0.4.1: read "{URL}": '
READING = "go: git.example/team/lib@v0.4.1: reading " + URL + ": "
SUM = "go: git.example/team/lib@v0.4.1: verifying module: git.example/team/lib@v0.4.1: "
LOOKUP = "https://sum.golang.org/lookup/git.example/team/lib@v0.4.1"
TOOL = "go: download go1.31.2: golang.org/toolchain@v0.0.1-go1.31.2.linux-amd64: "
TOOL_URL = "https://mirror.example/golang.org/toolchain/@v/v0.0.1-go1.31.2.linux-amd64.zip"
GIT = "go: git.example/team/lib@v0.4.1: invalid version: git ls-remote -q origin in /c: exit status 128:\n\t"
X509 = "tls: failed to verify certificate: x509: "
MOD = "go: git.example/team/lib@v0.4.1: "

VOCABULARY: tuple[tuple[str, str, int | None], ...] = (
    # names
    (GET + "dial tcp: lookup mirror.example on 10.1.1.1:53: no such host", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: no such host", "dns", 4),
    (GET + "dial tcp: lookup mirror.example on 10.1.1.1:53: server misbehaving", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: Temporary failure in name resolution", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: Name or service not known", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: No address associated with hostname", "dns", 4),
    (GET + "dial tcp: lookup mirror.example on [::1]:53: read udp [::1]:4->[::1]:53: read: connection refused", "dns", 4),
    (GET + "dial tcp: lookup mirror.example on 10.1.1.1:53: read udp 10.2.2.2:4->10.1.1.1:53: i/o timeout", "dns", 4),
    (GET + "dial tcp: lookup mirror.example on 10.1.1.1:53: dial udp 10.1.1.1:53: connect: network is unreachable", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: i/o timeout", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: No such host is known.", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: 不知道这样的主机。", "dns", 4),
    (GET + "dial tcp: lookup mirror.example: getaddrinfow: The requested name is valid, but no data of the requested type was found.", "dns", 4),
    # connections
    (GET + "dial tcp 203.0.113.9:443: i/o timeout", "connect", 1),
    (GET + "dial tcp 203.0.113.9:443: connect: connection timed out", "connect", 1),
    (GET + "dial tcp [2001:db8::7]:443: connect: connection refused", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connect: no route to host", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connect: network is unreachable", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connect: permission denied", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connect: connection reset by peer", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connectex: No connection could be made because the target machine actively refused it.", "connect", None),
    (
        GET + "dial tcp 203.0.113.9:443: connectex: A connection attempt failed because the connected party did not properly respond "
        "after a period of time, or established connection failed because connected host has failed to respond.",
        "connect",
        1,
    ),
    (GET + "dial tcp 203.0.113.9:443: connectex: 由于目标计算机积极拒绝，无法连接。", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connectex: 由于连接方在一段时间后没有正确答复或连接的主机没有反应，连接尝试失败。", "connect", 1),
    (GET + "dial tcp 203.0.113.9:443: connectex: 向一个无法连接的网络尝试了一个套接字操作。", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connectex: 以一种访问权限不允许的方式做了一个访问套接字的尝试。", "connect", None),
    (GET + "dial tcp 203.0.113.9:443: connectex: Es konnte keine Verbindung hergestellt werden, da der Zielcomputer die Verbindung verweigerte.", "connect", None),
    # the HTTP proxy
    (GET + "proxyconnect tcp: dial tcp 10.3.3.3:3128: connect: connection refused", "proxy", 10),
    (GET + "proxyconnect tcp: dial tcp 10.3.3.3:3128: i/o timeout", "proxy", 10),
    (GET + "proxyconnect tcp: dial tcp: lookup squid.corp.example on 10.1.1.1:53: no such host", "proxy", 10),
    (GET + "proxyconnect tcp: dial tcp: lookup http on 10.1.1.1:53: no such host", "proxy", 10),
    (GET + "proxyconnect tcp: tls: first record does not look like a TLS handshake", "proxy", 10),
    (GET + "proxyconnect tcp: EOF", "proxy", 10),
    (GET + "Proxy Authentication Required", "proxy", 9),
    (GET + "Forbidden", "proxy", None),
    (GET + "Service Unavailable", "proxy", None),
    (GET + "Gateway Timeout", "proxy", None),
    (GET + "socks connect tcp 10.3.3.3:1080->mirror.example:443: dial tcp 10.3.3.3:1080: connect: connection refused", "proxy", 10),
    (GET + "socks connect tcp 10.3.3.3:1080->mirror.example:443: unknown error general SOCKS server failure", "proxy", 10),
    (GET + "socks connect tcp 10.3.3.3:1080->mirror.example:443: no acceptable authentication methods", "proxy", 10),
    # TLS
    (GET + "net/http: TLS handshake timeout", "tls", 5),
    (GET + "read tcp 10.2.2.2:5->203.0.113.9:443: read: connection reset by peer", "tls", 5),
    (GET + "read tcp 10.2.2.2:5->203.0.113.9:443: wsarecv: An existing connection was forcibly closed by the remote host.", "tls", 5),
    (GET + "read tcp 10.2.2.2:5->203.0.113.9:443: wsarecv: 远程主机强迫关闭了一个现有的连接。", "tls", 5),
    (GET + "EOF", "tls", 5),
    (GET + X509 + "certificate signed by unknown authority", "tls", 6),
    (GET + X509 + 'certificate signed by unknown authority (possibly because of "x" while trying to verify candidate authority certificate "Corp CA")', "tls", 6),
    (GET + X509 + "“mirror.example” certificate is not trusted", "tls", 6),
    (GET + X509 + "certificate is valid for a.example, b.example, not mirror.example", "tls", 7),
    (GET + X509 + "certificate is not valid for any names, but wanted to match mirror.example", "tls", 7),
    (GET + X509 + "cannot validate certificate for 203.0.113.9 because it doesn't contain any IP SANs", "tls", 7),
    (GET + X509 + "certificate has expired or is not yet valid: current time 2031-01-01T00:00:00Z is after 2030-01-01T00:00:00Z", "tls", 8),
    (GET + X509 + "certificate has expired or is not yet valid: current time 2001-01-01T00:00:00Z is before 2030-01-01T00:00:00Z", "tls", 8),
    (GET + X509 + "certificate relies on legacy Common Name field, use SANs instead", "tls", 6),
    (GET + X509 + "certificate is not authorized to sign other certificates", "tls", 6),
    (GET + X509 + "certificate specifies an incompatible key usage", "tls", 6),
    (GET + "http: server gave HTTP response to HTTPS client", "tls", None),
    (GET + "tls: first record does not look like a TLS handshake", "tls", None),
    (GET + "remote error: tls: handshake failure", "tls", None),
    (GET + "remote error: tls: unrecognized name", "tls", None),
    (GET + "tls: server selected unsupported protocol version 301", "tls", None),
    # heads
    (GET.replace("https", "http") + "EOF", "headers", 19),
    (GET.replace("https", "http") + "read tcp 10.2.2.2:5->203.0.113.9:80: read: connection reset by peer", "headers", None),
    (GET + 'net/http: HTTP/1.x transport connection broken: malformed HTTP response "220 ftp ready"', "headers", None),
    (GET.replace("https", "http") + r'net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02"', "headers", None),
    (GET + "net/http: timeout awaiting response headers", "headers", 20),
    (GET + "context deadline exceeded", "headers", 20),
    (GET + "stream error: stream ID 1; PROTOCOL_ERROR; received from peer", "headers", 19),
    (GET + "http2: client connection lost", "headers", 19),
    (GET + 'http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""', "headers", 19),
    (READING + "400 Bad Request\n\tserver response: Client sent an HTTP request to an HTTPS server.", "headers", None),
    # answers
    (READING + "401 Unauthorized", "status", None),
    (READING + "403 Forbidden\n\tserver response: blocked by policy", "status", 11),
    (READING + "404 Not Found\n\tserver response: not found: bad upstream", "status", 12),
    (READING + "404 Not Found\n\tserver response: not found: git.example/team/lib@v0.4.1: invalid version: unknown revision v0.4.1", "status", 12),
    (READING + "410 Gone", "status", 12),
    (READING + "418 I'm a teapot", "status", None),
    (READING + "500 Internal Server Error", "status", None),
    (READING + "502 Bad Gateway", "status", None),
    (
        READING + "404 Not Found\n\tserver response: not found: git.example/team/lib@v0.4.1: invalid version: git ls-remote: exit status 128:\n"
        "\t\tfatal: could not read Username for 'https://git.example': terminal prompts disabled",
        "config",
        13,
    ),
    # Nobody has the version the request is for; go's own 404 for a query.
    ('go: module git.example/team/lib: no matching versions for query "v9"', "status", 12),
    # bodies
    (READ + "unexpected EOF", "body", 19),
    (READ + "stream error: stream ID 7; INTERNAL_ERROR; received from peer", "body", 19),
    (READ + "read tcp 10.2.2.2:5->203.0.113.9:443: read: connection reset by peer", "body", 19),
    (READ + "read tcp 10.2.2.2:5->203.0.113.9:443: read: connection timed out", "body", 20),
    (READ + "context deadline exceeded", "body", 20),
    # contents
    (MOD + "invalid response from proxy \"https://mirror.example\": invalid character '<' looking for beginning of value", "content", 18),
    (MOD + 'invalid response from proxy "https://mirror.example": unexpected end of JSON input', "content", 18),
    ("go: zip: not a valid zip file", "content", 17),
    (MOD + "unzip /m/v0.4.1.zip: zip for git.example/team/lib@v0.4.1 has unexpected file x", "content", 17),
    (MOD + "proxy returned info for version v0.4.0 instead of requested version", "content", None),
    (MOD + "parsing go.mod:\n\tmodule declares its path as: git.example/other\n\t        but was required as: git.example/team/lib", "content", None),
    (MOD + "parsing go.mod: go.mod:1: unknown directive: <!doctype", "content", 18),
    (MOD + "parsing go.mod: go.mod:3: usage: require module/path v1.2.3", "content", None),
    # checksums
    (SUM + f'Get "{LOOKUP}": dial tcp 203.0.113.7:443: i/o timeout', "checksum", 2),
    (SUM + f'Get "{LOOKUP}": dial tcp: lookup sum.golang.org: no such host', "checksum", 2),
    (SUM + f'Get "{LOOKUP}": {X509}certificate signed by unknown authority', "checksum", 2),
    (SUM + f"reading {LOOKUP}: 404 Not Found\n\tserver response: not found", "checksum", 13),
    (SUM + f"reading {LOOKUP}: 410 Gone", "checksum", 13),
    (SUM + f"reading {LOOKUP}: 502 Bad Gateway", "checksum", None),
    (SUM + "checksum mismatch\n\tdownloaded: h1:a=\n\tsum.golang.org: h1:b=\n\nSECURITY ERROR", "checksum", 21),
    ("verifying git.example/team/lib@v0.4.1: checksum mismatch\n\tdownloaded: h1:a=\n\tgo.sum:     h1:b=", "checksum", 21),
    (SUM + "reading tree note: malformed note\nnote:\n<html>", "checksum", None),
    (SUM + "downloaded inconsistent tile", "checksum", None),
    (SUM + "security error: misbehaving server", "checksum", 21),
    ("main.go:3:8: missing go.sum entry for module providing package git.example/team/lib; to add:\n\tgo get x", "checksum", None),
    # settings
    (MOD + "module lookup disabled by GOPROXY=off", "config", None),
    (MOD + "invalid proxy URL missing scheme: Direct", "config", 24),
    (MOD + 'parse "https://mirror.example direct": invalid character " " in host name', "config", 24),
    (MOD + 'parse "\\"https://mirror.example": first path segment in URL cannot contain colon', "config", 24),
    (MOD + "invalid proxy URL scheme (must be https, http, file): htps://mirror.example", "config", 24),
    (MOD + "refusing to pass credentials to insecure URL: http://u:xxxxx@mirror.example/git.example/team/lib/@v/list", "config", 24),
    ("go: GOPROXY list is not the empty string, but contains no entries", "config", 24),
    (MOD + "verifying module: invalid GOSUMDB: malformed verifier id", "config", 22),
    (MOD + "verifying module: invalid GOSUMDB: too many fields", "config", 22),
    ('go: invalid GOTOOLCHAIN "1.31"', "config", None),
    ("go: parsing $GOFLAGS: unknown flag -x", "config", None),
    ("go: modules disabled by GO111MODULE=off; see 'go help modules'", "config", None),
    ("go: inconsistent vendoring in /src/app:\n\tgit.example/team/lib@v0.4.1: is explicitly required", "config", None),
    ("main.go:3:8: cannot find module providing package git.example/x: import lookup disabled by -mod=vendor", "config", None),
    ("go: go.mod file not found in current directory or any parent directory.", "config", None),
    ("main.go:3:8: no required module provides package git.example/x; to add it:\n\tgo get git.example/x", "config", None),
    (MOD + "mkdir /go/pkg/mod/cache: permission denied", "config", None),
    (MOD + "write /go/pkg/mod/cache/x.zip: no space left on device", "config", None),
    (MOD + "GOVCS disallows using hg for private git.example/team/lib; see 'go help vcs'", "config", None),
    ("go: GOAUTH=off cannot be combined with other authentication commands (GOAUTH=off;netrc)", "config", None),
    ("This download does NOT match an earlier download recorded in go.sum.", "checksum", 21),
    ("go get git.example/team/lib: module git.example/team/lib: Get https://mirror.example/git.example/team/lib/@v/list: dial tcp 203.0.113.9:443: i/o timeout", "connect", 1),
    ('git.example/team/lib: module git.example/team/lib: Get "https://mirror.example/git.example/team/lib/@v/list": dial tcp 203.0.113.9:443: i/o timeout', "connect", 1),
    ('package git.example/x: unrecognized import path "git.example/x" (https fetch: Get https://git.example/x?go-get=1: dial tcp 203.0.113.9:443: i/o timeout)', "connect", 1),
    (READING.replace("https", "http") + "407 Proxy Authentication Required", "proxy", 9),
    (GET + "tls: invalid signature by the server certificate: ECDSA verification failure", "tls", 6),
    # version control
    (GIT + "fatal: could not read Username for 'https://git.example': terminal prompts disabled", "vcs", 14),
    (GIT + "fatal: Authentication failed for 'https://git.example/team/lib/'", "vcs", 14),
    (GIT + "致命错误：'https://git.example/team/lib/' 鉴权失败", "vcs", 14),
    (GIT + "git@git.example: Permission denied (publickey).\n\tfatal: Could not read from remote repository.", "vcs", 14),
    (GIT + "Host key verification failed.\n\tfatal: Could not read from remote repository.", "vcs", 14),
    (GIT + "remote: Repository not found.\n\tfatal: repository 'https://git.example/team/lib/' not found", "vcs", None),
    (GIT + "致命错误：无法访问 'https://git.example/team/lib/'：Could not resolve host: git.example", "vcs", 4),
    (GIT + "fatal: unable to access 'https://git.example/team/lib/': Failed to connect to git.example port 443", "vcs", None),
    (GIT + "fatal : impossible d'accéder à 'https://git.example/team/lib/' : Could not resolve host: git.example", "vcs", 4),
    (MOD + "no secure protocol found for repository", "vcs", 15),
    (MOD + 'unrecognized import path "git.example/team/lib": parse https://git.example/team/lib?go-get=1: no go-import meta tags ()', "vcs", 16),
    (MOD + 'unrecognized import path "git.example/team/lib": reading https://git.example/team/lib?go-get=1: 404 Not Found', "vcs", 16),
    (MOD + "invalid version: unknown revision v0.4.1", "vcs", None),
    (MOD + 'exec: "git": executable file not found in $PATH', "vcs", None),
    # toolchains
    ("go: download go1.31.2 for linux/amd64: toolchain not available", "toolchain", 23),
    (TOOL + f'Get "{TOOL_URL}": dial tcp 203.0.113.9:443: i/o timeout', "toolchain", 23),
    (TOOL + f"reading {TOOL_URL}: 404 Not Found", "toolchain", 23),
    (TOOL + "verifying module: checksum database disabled by GOSUMDB=off", "toolchain", 23),
    ("go: go.mod requires go >= 1.31 (running go 1.26.8; GOTOOLCHAIN=local)", "toolchain", None),
    ("go: errors parsing go.mod:\n/src/go.mod:3: invalid go version '1.31.0': must match format 1.23", "toolchain", None),
    ("go: invalid toolchain: go1.31 is a language version but not a toolchain version (go1.31.x)", "toolchain", 23),
    # notes
    ("go: warning: git.example/team/lib@v0.4.1: retracted by module author: broken", "ok", None),
    ("go: module git.example/team/lib is deprecated: use git.example/new", "ok", None),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "phase", "row"), VOCABULARY, ids=[re.sub(r"\W+", "-", item[0][-60:]) for item in VOCABULARY]
)
def test_a_text_of_go_has_its_phase_and_row(text: str, phase: str, row: int | None) -> None:
    root = analyse(text.split("\n")).root_cause
    assert root is not None
    assert (root.cause.phase.value, root.cause.row) == (phase, row), root


@pytest.mark.parametrize(
    "text",
    [
        "--- FAIL: TestStore (0.00s)\n    store_test.go:10: dial tcp 127.0.0.1:5432: connect: connection refused\nFAIL",
        "2026/01/02 03:04:05 listening on :8080",
        "./main.go:10:2: undefined: foo",
        'panic: Get "https://api.example/v1": dial tcp 203.0.113.9:443: i/o timeout',
        "npm error code ECONNREFUSED",
        "go: downloading git.example/team/lib v0.4.1",
        "ok  \tgit.example/team/app\t0.011s",
    ],
)
def test_other_programs_errors_are_none_of_go_s(text: str) -> None:
    assert analyse(text.split("\n")).root_cause is None
