"""What the real go command says on a stage: proof that the stage is the failure it is named for.

A regular expression by stage; `None` for silence: go waits without an end. Stages that concern editors, or
that need more patience than a test has (30 s for a dead address), are not here.
"""

from __future__ import annotations

__all__ = ["COMMANDS", "USUAL", "WORDS"]

USUAL = "go get {module}"
COMMANDS = {
    "go-sum-differs": "go mod download",
    "toolchain-not-carried": "go version",
    "toolchain-unverifiable": "go version",
}

WORDS: dict[str, str | None] = {
    "database-refused-by-name": r"verifying .*sum\.golang\.org.*connection reset by peer",
    "names-forged-to-a-foreign-server": r"certificate is valid for www\.baidu\.com, not proxy\.golang\.org",
    "name-denied-by-the-resolver": r"lookup proxy\.golang\.org on 10\.77\.0\.53:53: no such host",
    "no-resolver-on-this-machine": r"lookup proxy\.golang\.org on 127\.0\.0\.1:53: .*connection refused",
    "resolver-silent": r"lookup proxy\.golang\.org on 10\.77\.0\.53:53: .*i/o timeout",
    "resolver-failing": r"lookup proxy\.golang\.org on 10\.77\.0\.53:53: server misbehaving",
    "name-blocked-by-reset": r"read tcp .*: connection reset by peer",
    "handshake-swallowed": r"net/http: TLS handshake timeout",
    "traffic-inspected": r"x509: certificate signed by unknown authority",
    "certificate-of-another-host": r"certificate is valid for other\.example\.net, not mirror\.example\.net",
    "clock-slow": r"certificate has expired or is not yet valid: current time .* is before",
    "certificate-expired": r"certificate has expired or is not yet valid: current time .* is after",
    "proxy-wants-a-password": r"Proxy Authentication Required",
    "proxy-dead": r"proxyconnect tcp: dial tcp 10\.77\.0\.80:3128: connect: connection refused",
    "proxy-is-none": r"malformed HTTP response",
    "proxy-malformed": r"proxyconnect tcp: dial tcp: lookup http on .*: no such host",
    "proxy-forbids": r"Forbidden",
    "proxy-hangs": None,
    "connection-refused": r"connect: connection refused",
    "no-route": r"connect: no route to host",
    "forbidden": r"403 [\s\S]*server response: Forbidden by policy",
    "one-module-forbidden": r"403 [\s\S]*server response: example\.com/tool is blocked",
    "mirror-lags": r"404 [\s\S]*not found",
    "version-does-not-exist": r"404 ",
    "private-module-undeclared": r"verifying .*sumdb/sum\.golang\.org/lookup/.*: 404",
    "git-without-credentials": r"could not read Username for 'https://git\.example-corp\.com'",
    "no-secure-protocol": r"no secure protocol found for repository",
    "page-without-go-import": r"no go-import meta tags",
    "zip-is-html": r"zip: not a valid zip file",
    "portal-answers-everything": r"invalid character '<' looking for beginning of value",
    "portal-on-a-plain-proxy": r"invalid character '<' looking for beginning of value",
    "body-cut": r"unexpected EOF",
    "http2-stream-reset": r"stream error: stream ID \d+; INTERNAL_ERROR",
    "connection-reset-in-the-body": r"connection reset by peer",
    "closed-without-an-answer": r"EOF",
    "no-answer": None,
    "body-stalls": None,
    "mirror-serves-a-moved-tag": r"checksum mismatch[\s\S]*SECURITY ERROR",
    "database-forged": r"verifying .*(?:malformed|invalid|SECURITY)",
    "go-sum-differs": r"checksum mismatch[\s\S]*SECURITY ERROR",
    "database-named-by-url": r"invalid GOSUMDB: malformed verifier id",
    "database-with-two-urls": r"invalid GOSUMDB: too many fields",
    "toolchain-not-carried": r"toolchain not available",
    "toolchain-unverifiable": r"checksum database disabled by GOSUMDB=off",
    "typo-full-width-comma": r"goproxy\.cn%EF%BC%8Cdirect|goproxy\.cn，direct",
    "typo-semicolon": r"goproxy\.cn;direct",
    "typo-space": r"goproxy\.cn direct|goproxy\.cn%20direct",
    "typo-quotes": r"invalid proxy URL|first path segment",
    "typo-one-slash": r"no Host in request URL|invalid proxy URL|unsupported protocol",
    "typo-scheme": r"ftp",
    "typo-word": r"invalid proxy URL missing scheme: goproxy",
    "typo-bogus-mirror": r"mirrors\.tuna\.tsinghua\.edu\.cn.*no such host",
}
