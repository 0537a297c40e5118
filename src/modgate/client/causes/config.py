"""Settings of the go command that are wrong: a typo, a word in the wrong variable, a damaged file."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

PROXY_OFF = Cause("MG-CFG-001", Phase.CONFIG, None, Severity.ERROR, ("source",))
"""GOPROXY=off: nothing may be downloaded."""
NOT_A_URL = Cause("MG-CFG-002", Phase.CONFIG, 24, Severity.ERROR, ("value", "advice", "source"))
"""An entry of GOPROXY is neither a URL nor a host."""
WRONG_SEPARATOR = Cause("MG-CFG-003", Phase.CONFIG, 24, Severity.ERROR, ("value", "character", "source"))
"""A space, `;` or full-width comma where `,` or `|` belongs: it became a part of the URL."""
QUOTES = Cause("MG-CFG-004", Phase.CONFIG, 24, Severity.ERROR, ("variable", "value", "source"))
"""The value carries quotation marks of its own."""
ONE_SLASH = Cause("MG-CFG-005", Phase.CONFIG, 24, Severity.ERROR, ("value", "source"))
"""`https:/host`: a slash is missing."""
WRONG_CASE = Cause("MG-CFG-006", Phase.CONFIG, 24, Severity.ERROR, ("value", "right", "source"))
"""`Direct` or `OFF`: the words are written in lower case."""
UNKNOWN_SCHEME = Cause("MG-CFG-007", Phase.CONFIG, 24, Severity.ERROR, ("value", "source"))
"""ftp:// and the like."""
FOLDER_MISSING = Cause("MG-CFG-008", Phase.CONFIG, 24, Severity.ERROR, ("value", "source"))
"""GOPROXY=file:// names a folder that is not there."""
PASSWORD_OVER_HTTP = Cause("MG-CFG-009", Phase.CONFIG, 24, Severity.WARNING, ("value", "source"))
"""Credentials in a URL that is not encrypted."""
FILE_CRLF = Cause("MG-CFG-010", Phase.CONFIG, 24, Severity.ERROR, ("path", "variable"))
"""The GOENV file has CRLF line ends: every value ends in a carriage return."""
FILE_BOM = Cause("MG-CFG-011", Phase.CONFIG, 24, Severity.ERROR, ("path", "variable"))
"""The GOENV file begins with a byte order mark: its first line is ignored."""
UNKNOWN_HOST_WORD = Cause("MG-CFG-012", Phase.CONFIG, 24, Severity.ERROR, ("value", "advice", "source"))
"""An entry looks like a misspelt name of a known proxy."""
KNOWN_BOGUS = Cause("MG-CFG-013", Phase.CONFIG, 24, Severity.ERROR, ("value", "why", "source"))
"""An entry of GOPROXY names a mirror that is known not to exist or not to be one."""
SUMDB_MALFORMED = Cause("MG-CFG-014", Phase.CONFIG, 22, Severity.ERROR, ("value", "source"))
"""GOSUMDB is a URL, or a name without a key that go does not know."""
SUMDB_TOO_MANY = Cause("MG-CFG-015", Phase.CONFIG, 22, Severity.ERROR, ("value", "source"))
"""GOSUMDB has more than a name (with key) and a URL."""
SUMDB_OFF = Cause("MG-CFG-016", Phase.CONFIG, None, Severity.WARNING, ("source",))
"""GOSUMDB=off, or GONOSUMDB=*: nothing is checked against the log."""
PRIVATE_MISSING = Cause("MG-CFG-017", Phase.CONFIG, 13, Severity.ERROR, ("module", "pattern"))
"""A private module is asked of a public proxy or database: GOPRIVATE does not cover it."""
PRIVATE_PATTERN = Cause(
    "MG-CFG-018", Phase.CONFIG, None, Severity.WARNING, ("variable", "value", "why", "source")
)
"""A pattern that cannot match, or matches everything."""
INSECURE_NO_HELP = Cause("MG-CFG-019", Phase.CONFIG, None, Severity.NOTE, ("value",))
"""GOINSECURE does not relax TLS towards a GOPROXY."""
MOD_VENDOR = Cause("MG-CFG-020", Phase.CONFIG, None, Severity.ERROR, ("value", "source"))
"""GOFLAGS=-mod=vendor, or an automatic vendor folder: nothing is downloaded."""
INCONSISTENT_VENDORING = Cause("MG-CFG-021", Phase.CONFIG, None, Severity.ERROR, ("path",))
"""go.mod and vendor/modules.txt differ."""
MODULES_OFF = Cause("MG-CFG-022", Phase.CONFIG, None, Severity.WARNING, ("value", "source"))
"""GO111MODULE=off: modules are not used at all."""
SHADOWED = Cause(
    "MG-CFG-023",
    Phase.CONFIG,
    None,
    Severity.WARNING,
    ("variable", "value", "source", "shadowed", "shadowed_source"),
)
"""A value written with `go env -w` that an OS variable overrides."""
UNKNOWN_VARIABLE = Cause("MG-CFG-024", Phase.CONFIG, None, Severity.WARNING, ("variable", "right", "source"))
"""A misspelt GO… variable: go ignores it."""
TOOLCHAIN_VALUE = Cause("MG-CFG-025", Phase.CONFIG, None, Severity.ERROR, ("value", "source"))
"""GOTOOLCHAIN is not one of go's words or versions."""
FLAGS_VALUE = Cause("MG-CFG-026", Phase.CONFIG, None, Severity.ERROR, ("value", "why", "source"))
"""GOFLAGS holds what is no flag, or quotes."""
PROXY_EMPTY_LIST = Cause("MG-CFG-027", Phase.CONFIG, 24, Severity.ERROR, ("value", "source"))
"""GOPROXY holds separators and no entry."""
COMMA_STOPS = Cause("MG-CFG-028", Phase.CONFIG, None, Severity.NOTE, ("value",))
"""The chain is joined by commas: anything but 404 and 410 stops it."""
NO_GO = Cause("MG-CFG-029", Phase.CONFIG, None, Severity.ERROR)
"""The go command was not found."""
GO_BROKEN = Cause("MG-CFG-030", Phase.CONFIG, None, Severity.ERROR, ("command", "text"))
"""`go env` itself fails."""
SECRET_IN_VARIABLE = Cause("MG-CFG-031", Phase.CONFIG, None, Severity.WARNING, ("variable", "source"))
"""A token stands in GOPROXY: go prints it in its error texts."""
GOAUTH_FAILED = Cause("MG-CFG-032", Phase.CONFIG, None, Severity.ERROR, ("command", "host"))
"""The command of GOAUTH fails."""
NO_SUCH_REQUIREMENT = Cause("MG-CFG-033", Phase.CONFIG, None, Severity.ERROR, ("text",))
"""go.mod, go.work or the command line itself is wrong: no network is to blame."""
OFFLINE_EDITOR = Cause("MG-CFG-034", Phase.CONFIG, 25, Severity.NOTE, ("module",))
"""gopls set GOPROXY=off for itself: this text is not the user's setting."""
NEVER_REACHED = Cause("MG-CFG-035", Phase.CONFIG, 24, Severity.WARNING, ("value", "word", "source"))
"""Entries after `direct` or `off`: go never gets to them."""
UNTIDY_LIST = Cause("MG-CFG-036", Phase.CONFIG, None, Severity.NOTE, ("value", "why", "source"))
"""GOPROXY holds an entry twice, or separators without an entry: harmless."""
MODULE_MODE_VALUE = Cause("MG-CFG-037", Phase.CONFIG, None, Severity.ERROR, ("value", "source"))
"""GO111MODULE is none of on, off, auto: every go command fails."""
AUTH_VALUE = Cause("MG-CFG-038", Phase.CONFIG, None, Severity.ERROR, ("value", "why", "source"))
"""GOAUTH holds what go refuses."""
FILE_UNREADABLE = Cause("MG-CFG-039", Phase.CONFIG, None, Severity.ERROR, ("path", "why"))
"""The GOENV file is there and cannot be read: go passes over it without a word."""
SEVERAL_GO = Cause("MG-CFG-040", Phase.CONFIG, None, Severity.NOTE, ("first", "others"))
"""PATH has more than one go command."""
FILE_UTF16 = Cause("MG-CFG-041", Phase.CONFIG, 24, Severity.ERROR, ("path",))
"""The GOENV file is UTF-16: go understands no line of it."""
