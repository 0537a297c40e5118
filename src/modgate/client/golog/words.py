"""The texts of the go command that name a fault by themselves, and the cause each one is.

Where a text is go's own sentence, the sentence is the fact. The table is ordered: the first line that matches
is taken, so what is narrower stands first. Sources: every error text of cmd/go/internal/{modfetch,modload,
toolchain,gover,web,vcs,auth,base} and golang.org/x/mod/{sumdb,zip,module,modfile} that a download can meet.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from modgate.client.causes import cache, checksum, config, content, status, toolchain, vcs
from modgate.client.findings import Impact
from modgate.client.golog.making import find, first_line
from modgate.client.golog.values import entry_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.findings import Cause, Finding
    from modgate.client.golog.said import Said

__all__ = ["by_requirement", "by_words"]


class _Words(NamedTuple):
    """A text, the cause it is, and values that stand fixed; the pattern's groups are values too."""

    pattern: re.Pattern[str]
    cause: Cause
    values: Mapping[str, str] = {}
    impact: Impact = Impact.BLOCKS
    confidence: float = 1.0


def _w(
    pattern: str, cause: Cause, impact: Impact = Impact.BLOCKS, confidence: float = 1.0, **values: str
) -> _Words:
    return _Words(re.compile(pattern, re.MULTILINE | re.DOTALL), cause, values, impact, confidence)


_FILE_GONE = r"no such file or directory|cannot find the (?:path|file)|系统找不到指定的|找不到指定"
_CACHE = r"(?:mkdir|open|create|rename|lstat|stat|write|unlink(?:at)?|remove|flock|lock|unzip|chmod|read) (?P<path>\S[^:\n]*)"

_TABLE = (
    # GOPROXY
    _w(r"module lookup disabled by GOPROXY=off", config.PROXY_OFF),
    _w(r"invalid proxy URL scheme \(must be https, http, file\): (?P<value>\S+)", config.UNKNOWN_SCHEME),
    _w(
        r"invalid file:// proxy URL with non-path elements: (?P<value>\S+)",
        config.NOT_A_URL,
        advice="file:///…",
    ),
    _w(
        r"GOPROXY list is not the empty string, but contains no entries", config.PROXY_EMPTY_LIST, value='","'
    ),
    _w(rf"reading file:/\S*: (?:\S+ \S+: )?(?:{_FILE_GONE})", config.FOLDER_MISSING),
    _w(r"refusing to pass credentials to insecure URL:? (?P<value>\S+)", config.PASSWORD_OVER_HTTP),
    _w(r"(?<!\S)(?P<value>\S{1,2000}): insecure credentials", config.PASSWORD_OVER_HTTP),
    _w(r"http: no Host in request URL", config.ONE_SLASH),
    _w(
        r"\": dial tcp: (?:address \S+: )?(?:invalid port|unknown port|missing port in address|too many colons)",
        config.NOT_A_URL,
        advice="https://host:port",
    ),
    # GOSUMDB and toolchains
    _w(
        r"download (?P<version>go1[\w.-]*).*checksum database disabled by GOSUMDB=off", toolchain.UNVERIFIABLE
    ),
    _w(r"checksum database disabled by GOSUMDB=off", toolchain.UNVERIFIABLE),
    _w(r"invalid GOSUMDB: too many fields", config.SUMDB_TOO_MANY),
    _w(
        r"invalid GOSUMDB|invalid sumdb name \(must be host\[/path\]\): (?P<value>\S+)|missing GOSUMDB|malformed verifier id"
        r"|unknown verifier algorithm|invalid verifier hash",
        config.SUMDB_MALFORMED,
    ),
    _w(
        r"download (?P<version>go1[\w.-]*)(?: for \S+)?: toolchain not available",
        toolchain.NOT_AVAILABLE,
        text="toolchain not available",
    ),
    _w(r"toolchain not available", toolchain.NOT_AVAILABLE),
    _w(r"invalid toolchain: (?P<version>\S+) is a language version", toolchain.UNKNOWN),
    _w(r"invalid toolchain \"(?P<version>[^\"]*)\" in", toolchain.UNKNOWN),
    _w(r"no releases found for go >= (?P<version>\S+)", toolchain.UNKNOWN),
    _w(r"invalid GOTOOLCHAIN \"(?P<value>[^\"]*)\"", config.TOOLCHAIN_VALUE),
    _w(r"cannot find \"(?P<version>go1[^\"]*)\" in PATH", toolchain.NOT_AVAILABLE),
    _w(r"requires go (?:>= |version )(?P<needed>[\w.]+) \(running go (?P<actual>[\w.]+)", toolchain.TOO_OLD),
    _w(r"(?:note: )?module requires Go (?P<needed>[\w.]+)", toolchain.TOO_OLD),
    _w(r"invalid go version '(?P<needed>[^']*)': must match format", toolchain.TOO_OLD, confidence=0.9),
    _w(r"unknown directive: (?:toolchain|godebug|tool|ignore)\b", toolchain.TOO_OLD, confidence=0.8),
    _w(r"golang\.org/toolchain@\S+: (?P<text>checksum mismatch)", checksum.DATABASE_MISMATCH),
    # go.sum and the checksum database
    _w(r"checksum mismatch.*\n\s*go\.sum: ", checksum.GO_SUM_MISMATCH),
    _w(r"checksum mismatch.*\n\s*\S+\.\S+(?:/\S*)?: +h1:", checksum.DATABASE_MISMATCH),
    _w(r"checksum mismatch", checksum.GO_SUM_MISMATCH),
    _w(r"does NOT match the one reported by the checksum server", checksum.DATABASE_MISMATCH),
    _w(r"does NOT match an earlier download recorded in go\.sum", checksum.GO_SUM_MISMATCH),
    _w(r"invalid signature for key (?P<host>[\w.-]+)", checksum.BAD_SIGNATURE),
    _w(
        r"note has no verifiable signatures|verifier name or hash doesn't match|ambiguous signature",
        checksum.BAD_SIGNATURE,
    ),
    _w(
        r"server misbehavior detected|security error: misbehaving server|checking tree#|invalid transparency proof",
        checksum.TREE_FORK,
    ),
    _w(
        r"(?P<text>malformed (?:tree )?note|malformed record data|downloaded inconsistent tile|cannot (?:validate|authenticate) record[^\n]*"
        r"|reading tree(?: note)?: [^\n]*|TileReader returned bad[^\n]*|unexpected (?:signature|line)[^\n]*)",
        checksum.BAD_ANSWER,
    ),
    # The record is there and speaks of something else: no sign of a private module.
    _w(r"(?P<text>checksum missing from sumdb response)", checksum.BAD_ANSWER),
    _w(
        r"missing go\.sum entr(?:y|ies)|updates to go\.sum needed|no checksum in go\.sum|is missing go\.sum",
        checksum.MISSING_GO_SUM,
    ),
    # vendor and flags
    _w(r"inconsistent vendoring in (?P<path>[^\n]+?):?$", config.INCONSISTENT_VENDORING),
    _w(
        r"-mod=vendor|using the vendor directory|vendored module \S+ should be required",
        config.MOD_VENDOR,
        value="-mod=vendor",
    ),
    _w(r"parsing \$GOFLAGS: (?P<why>[^\n]+)", config.FLAGS_VALUE),
    _w(r"^(?P<value>-mod=\S+) (?P<why>not supported[^\n]*)", config.FLAGS_VALUE, confidence=0.8),
    _w(
        r"modules disabled by GO111MODULE=(?P<value>off)",
        config.MODULES_OFF,
    ),
    _w(r"unknown environment setting GO111MODULE=(?P<value>\S*)", config.MODULE_MODE_VALUE),
    # GOAUTH
    _w(
        r"GOAUTH=(?P<command>[^\n]+?): (?:could not run command|cannot parse|exec|'git credential)",
        config.GOAUTH_FAILED,
    ),
    _w(
        r"GOAUTH encountered (?:an empty command|errors|an error)|GOAUTH=\S+ (?:cannot be combined|dir method|encountered)",
        config.GOAUTH_FAILED,
        command="GOAUTH",
    ),
    _w(r"cannot parse output of GOAUTH command (?P<command>\S+)", config.GOAUTH_FAILED),
    # folders
    _w(
        r"(?:write|copy|mkdir|open|unzip|create) (?P<path>[^:\n]+): (?:write \S+: )?(?:no space left on device|There is not enough space|disk quota exceeded|磁盘空间不足|设备上没有空间)|no space left on device",
        cache.DISK_FULL,
        free="0",
    ),
    _w(r"too many open files", cache.TOO_MANY_FILES),
    _w(
        r"(?<!\S)(?P<path>/\S{1,1000}|[A-Z]:\\[^:\n]{1,1000}): read-only file system|read-only file system",
        cache.READ_ONLY_MOUNT,
    ),
    _w(
        r"(?P<variable>GOMODCACHE|GOPATH) entry is relative; must be absolute path: \"(?P<value>[^\"]*)",
        cache.RELATIVE,
    ),
    _w(
        r"(?:could not create module cache|failed to create cache directory|build cache is required|failed to initialize build cache)[^\n]*?(?:(?:mkdir|open|stat) (?P<path>[^:\n]+))?: (?P<why>[^:\n]+)$",
        cache.NOT_WRITABLE,
        variable="GOMODCACHE",
    ),
    _w(
        rf"{_CACHE}: (?P<why>permission denied|operation not permitted|Access is denied\.?|拒绝访问。?)",
        cache.NOT_WRITABLE,
        variable="GOMODCACHE",
    ),
    _w(
        r"module cache not found: neither GOMODCACHE nor GOPATH is set|missing \$GOPATH",
        cache.NOT_WRITABLE,
        variable="GOMODCACHE",
        why="GOPATH",
    ),
    # content
    _w(r"invalid response from proxy \"(?P<url>[^\"]*)\": invalid character '<' ", content.PORTAL),
    _w(r"invalid response from proxy \"(?P<url>[^\"]*)\": (?P<text>[^\n]+)", content.BAD_JSON),
    _w(r"invalid character '<' looking for beginning of value", content.PORTAL),
    _w(r"(?P<text>proxy returned info for version \S* ?instead of requested version)", content.WRONG_VERSION),
    _w(r"(?P<text>unexpected invalid semantic version)", content.WRONG_VERSION),
    _w(r"module declares its path as: (?P<declared>\S+)", content.MOVED),
    _w(r"unexpected module path \"(?P<declared>[^\"]*)\"", content.MOVED),
    _w(r"go\.mod has (?:non-\.\.\.|post-)\S+ module path \"(?P<declared>[^\"]*)\"", content.MOVED),
    _w(r"zip: not a valid zip file", content.NOT_A_ZIP),
    _w(r"zip: (?P<text>checksum error|unsupported compression algorithm)|flate: corrupt", content.NOT_A_ZIP),
    _w(
        r"(?P<text>zip for \S+ has unexpected file \S+|path does not have prefix \"[^\"]*\"|go\.mod file not in module root directory"
        r"|missing top-level directory prefix|zip file contains more than one top-level directory)",
        content.WRONG_PREFIX,
    ),
    _w(
        r"(?P<text>case-insensitive file name collision[^\n]*|multiple entries for file[^\n]*|(?:downloaded|module) zip file too large[^\n]*"
        r"|module source tree too large[^\n]*|(?:go\.mod|LICENSE) file too large[^\n]*|malformed file path[^\n]*"
        r"|(?:total )?uncompressed size of [^\n]*|file path is not (?:clean|relative)|entry \"[^\"]*\" is both a file and a directory)",
        content.BAD_ZIP,
    ),
    _w(
        r"parsing go\.mod:.{0,200}?(?:unknown directive|unexpected|invalid|malformed)[^\n]{0,200}<(?:!doctype|html|head|\?xml|meta|body|title)",
        content.HTML_MOD,
    ),
    _w(r"parsing (?:go\.mod|\S+\.mod): (?P<text>[^\n]*(?:\n\s[^\n]+)?)", content.BAD_GO_MOD),
    _w(r"retracted by module author(?:: (?P<reason>[^\n]+))?", content.RETRACTED, Impact.NOTE),
    _w(r"(?:^|\s)module \S+ is deprecated: (?P<reason>[^\n]+)", content.DEPRECATED, Impact.NOTE),
    # version control
    _w(r"GOVCS disallows using (?P<program>\S+) for (?P<text>[^\n;]+)", vcs.FORBIDDEN),
    _w(r"no secure protocol found for repository|no protocol found for repository", vcs.NO_SECURE_PROTOCOL),
    _w(
        r"no go-import meta tag|multiple meta tags match|disagree about go-import|unknown vcs \"|invalid repo root|XML syntax error"
        r"|can't decode XML|invalid subdirectory",
        vcs.NO_GO_IMPORT,
    ),
    _w(
        r"exec: \"?(?P<program>git|hg|svn|bzr|fossil)\"?: executable file not found|missing (?P<text>\S+) command",
        vcs.PROGRAM_MISSING,
    ),
    _w(r"(?P<text>insecure URL: \S+|uses insecure protocol)", vcs.INSECURE_REPOSITORY),
    _w(r"(?P<text>no matching versions for query[^\n]*)", status.NO_SUCH_VERSION),
    _w(
        r"(?P<text>unknown revision[^\n]*|ambiguous revision[^\n]*|revision does not exist locally[^\n]*)",
        vcs.UNKNOWN_REVISION,
    ),
)
_OF_THE_ENTRY = {config.FOLDER_MISSING, config.NOT_A_URL}
_REQUIREMENT = re.compile(
    r"flag is no longer supported|flag provided but not defined|may only be set to|no such tool|no go\.work file found|non-semver module version|invalid version: |invalid pseudo-version|does not contain package|no required module provides package"
    r"|cannot find module providing package|is not in (?:std|GOROOT)|cannot find main module|go\.mod file not found"
    r"|malformed module path|malformed import path|missing dot in first path element|does not begin with hostname|unknown directive"
    r"|errors? parsing (?:go\.mod|go\.work)|error reading go\.mod|error loading go\.(?:mod|work)|updates to go\.mod needed"
    r"|import lookup disabled by -mod|not a known dependency|replacement directory|reading modules\.txt|invalid GOWORK"
    r"|listed in go\.work|current directory (?:outside|is contained)|no modules specified|malformed go\.sum|conflicting replacements"
    r"|must be of the form v1\.2\.3|should be v|is not canonical|is not a tag|arguments must be|ambiguous import"
    r"|implicitly required module|import cycle not allowed|but was required as|version \S+ invalid|invalid module version"
    r"|disallowed (?:version|module)|directory prefix|contains a go\.mod file|missing go\.mod|-modfile|GOPATH/go\.mod exists"
    r"|not (?:in|using) (?:modules|a module)|outside (?:a module|main module|modules listed)|named files must|build constraints exclude"
    r"|but does not contain|requires .*, but .* is requested|requires .*, not "
)
_PARSE = re.compile(
    r'parse "(?P<value>(?:[^"\\]|\\.)*)": (?P<why>invalid (?:port|character|URL|userinfo)|first path segment|missing protocol scheme'
    r"|net/url: |invalid control)"
)
_SCHEMELESS = re.compile(r"invalid proxy URL missing scheme: (?P<value>[^\n]+)")


def by_words(said: Said, source: str) -> Finding | None:
    """The finding that go's own words are; None where they are not in the table."""
    if found := _entry_in_words(said, source):
        return found
    # What the proxy's answer quotes is the proxy's business; go's own words stand before it.
    text = said.text.partition("server response:")[0]
    for words in _TABLE:
        if match := words.pattern.search(text):
            named = {name: value for name, value in match.groupdict().items() if value}
            named.setdefault("text", text[match.start() :].partition("\n")[0])
            if words.cause in _OF_THE_ENTRY and said.url is not None:
                named["value"] = said.url.base
            return find(
                words.cause,
                said,
                impact=words.impact,
                confidence=words.confidence,
                **_host_of_url({"source": source, **named, **words.values}, words.cause),
            )
    return None


def by_requirement(said: Said) -> Finding | None:
    """The finding where go blames go.mod, go.work or the arguments: asked for only after the network."""
    text = said.text.partition("server response:")[0]
    if _REQUIREMENT.search(text) is None:
        return None
    return find(
        config.NO_SUCH_REQUIREMENT, said, subject="go.mod", text=first_line(text.removeprefix("go: "))
    )


def _entry_in_words(said: Said, source: str) -> Finding | None:
    if parsed := _PARSE.search(said.text):
        value = parsed["value"].replace('\\"', '"')
        if "?go-get=1" in value:
            return None
        return entry_fault(value, source) or find(
            config.NOT_A_URL, said, source=source, subject="GOPROXY", value=value, advice="https://…"
        )
    if named := _SCHEMELESS.search(said.text):
        value = named["value"].strip()
        advice = f"file://{value}" if value.startswith("/") else "https://…"
        return entry_fault(value, source) or find(
            config.NOT_A_URL, said, source=source, subject="GOPROXY", value=value, advice=advice
        )
    return None


def _host_of_url(values: dict[str, str], cause: Cause) -> dict[str, str]:
    """A `url` that the words name is a proxy's: its host is what the cause is about."""
    url = values.get("url", "")
    if url and "host" in cause.values:
        return values | {"host": url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url}
    return values
