"""One message of go's taken apart: which module, which URL, which answer, and what it was doing.

`go: A@v1 requires⏎⇥B@v2: reading https://…/B/@v/v2.info: 404 Not Found⏎⇥server response: …` names the module
that matters last, or in the URL. What go was doing decides what a fault on the way means: a time-out while it
asks the checksum database is the database's matter, not the mirror's. Sources: cmd/go/internal/modfetch,
modload, toolchain, web/api.go (HTTPError), golang.org/x/mod/module (ModuleError).
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from modgate.client.golog.targets import Target, target

__all__ = ["Doing", "Said", "read_said"]


class Doing(Enum):
    """What go was about when it failed."""

    PROXY = auto()
    DATABASE = auto()
    TOOLCHAIN = auto()
    GO_IMPORT = auto()
    VCS = auto()
    ELSE = auto()


@dataclass(frozen=True, slots=True)
class Said:
    """A message of go's.

    Attributes:
        text: All of it, lines joined by line feeds, without indentation.
        core: What stands behind the innermost URL, or behind the last module; the whole text else.
        doing: What go was about.
        module: As go wrote it, or as the URL has it; empty where none is named.
        version: Likewise.
        url: The innermost URL; None where none is named.
        status: HTTP status of `reading URL: 404 Not Found`, else None.
        response: What stands behind `server response:`.
    """

    text: str
    core: str
    doing: Doing
    module: str = ""
    version: str = ""
    url: Target | None = None
    status: int | None = None
    response: str = ""

    @property
    def name(self) -> str:
        """`module@version`, the module alone, or nothing."""
        return f"{self.module}@{self.version}" if self.version and self.module else self.module


_URL = re.compile(
    r'(?:\b(?:Get|Head|Post|read|parse) "(?P<quoted>(?:[^"\\]|\\.){1,4000})"'
    r"|\b(?:Get|Head|reading|insecure URL:?) (?P<plain>(?:https?|file):/[^\s]{1,4000}?)(?=:? |:?$|:\n))",
    re.MULTILINE,
)
_STATUS = re.compile(r":? (?P<status>[1-5]\d\d) ?(?P<phrase>[A-Za-z'][^\n]{0,80})?")
_MODULE = re.compile(
    r"(?<![\w/.@~!-])(?P<module>[A-Za-z0-9][\w~-]*(?:\.[\w~-]+)+(?:/[\w.~!+-]+)*)"
    r"@(?P<version>[\w.+~><=!-]*[\w+])"
)
_PATH = re.compile(
    r'(?:module |package |import path "|providing package |^go: |import )(?P<module>[a-z0-9][\w-]*(?:\.[\w-]+)+(?:/[\w.~+-]+)*)',
    re.MULTILINE,
)
_DATABASE = re.compile(
    r"\bverifying (?:go\.mod|module|\S+@\S+|\S+)|GOSUMDB|initializing sumdb|checksum database|/sumdb/|reading tree note"
)
_TOOLCHAIN = re.compile(
    r"\bdownload go1\S*|golang\.org/toolchain|GOTOOLCHAIN|toolchain not available|switching to go"
)
_GO_VERSION = re.compile(r"\b(go1(?:\.\d+)*(?:(?:rc|beta)\d+)?)")
_VCS = re.compile(
    r"\bgit |unrecognized import path|go-import|protocol found for repository|exit status 128|unknown revision"
    r"|GOVCS|\b(?:hg|svn|bzr|fossil) "
)


def read_said(text: str) -> Said:
    """Take a message apart; never raises."""
    urls = list(_URL.finditer(text))
    innermost = next((found for found in reversed(urls) if not found[0].startswith("parse ")), None)
    response = text.partition("server response:")[2].strip()
    if innermost is not None and "server response:" in text[: innermost.start()]:
        # A proxy's answer may quote what failed on its own side: that URL is not go's.
        before = [found for found in urls if found.start() < text.index("server response:")]
        innermost = before[-1] if before else None
    url = None
    core = text
    status = None
    if innermost is not None:
        url = target(
            _unquoted(innermost["quoted"]) if innermost["quoted"] else innermost["plain"].rstrip(":")
        )
        core = text[innermost.end() :].lstrip(":").strip()
        answered = (
            _STATUS.match(text, innermost.end()) if innermost[0].startswith(("reading", "insecure")) else None
        )
        status = int(answered["status"]) if answered else None
    module, version = _named(text.partition("server response:")[0], url)
    if toolchain := _GO_VERSION.search(
        f"{version} {text}" if module.startswith("golang.org/toolchain") else ""
    ):
        version = toolchain[1]
    return Said(
        text, core, _doing(text.partition("server response:")[0], url), module, version, url, status, response
    )


def _doing(text: str, url: Target | None) -> Doing:
    if url is not None and url.is_database:
        return Doing.DATABASE
    if url is not None and url.module.startswith("golang.org/toolchain"):
        return Doing.TOOLCHAIN
    if re.search(r"\bdownload go1[\w.-]*(?: for \S+)?: ", text):
        return Doing.TOOLCHAIN
    if re.search(r"\bverifying \S", text) and "checksum mismatch" not in text:
        return Doing.DATABASE
    if url is not None and url.endpoint == "go-import":
        return Doing.GO_IMPORT
    if url is not None and url.endpoint != "other":
        return Doing.PROXY
    if _TOOLCHAIN.search(text):
        return Doing.TOOLCHAIN
    if _DATABASE.search(text):
        return Doing.DATABASE
    if _VCS.search(text):
        return Doing.VCS
    return Doing.PROXY if url is not None else Doing.ELSE


def _named(text: str, url: Target | None) -> tuple[str, str]:
    if url is not None and url.module and url.endpoint != "go-import":
        # A proxy's folder may look like a domain: then go's own words say where the module begins.
        for match in _MODULE.finditer(text):
            if url.module.endswith("/" + match["module"]) and match["version"] == url.version:
                return match["module"], url.version
        return url.module, url.version or _version_of(text, url.module)
    found = list(_MODULE.finditer(text))
    if found:
        # A name that a colon follows is what go is about; those before it only require it.
        about = [match for match in found if text[match.end() : match.end() + 1] == ":"]
        last = (about or found)[-1]
        return last["module"], last["version"].removesuffix("/go.mod")
    if url is not None and url.module:
        return url.module, ""
    path = _PATH.search(text)
    return (path["module"], "") if path else ("", "")


def _version_of(text: str, module: str) -> str:
    found = re.search(re.escape(module) + r"@([\w.+~/-]*[\w+])", text)
    return found[1] if found else ""


def _unquoted(quoted: str) -> str:
    return quoted.replace('\\"', '"').replace("\\\\", "\\")
