"""What is wrong with the values of go's variables: one function each, text and source in, findings out.

Nothing is read here, so that a value from a log, an editor's settings or a machine is judged alike. Only
what the go command refuses or takes for something else is an error; the tests hold that against the real
go. The longer rules have files of their own (`lint_goproxy`, `lint_patterns`, `lint_flags`, `lint_names`,
`lint_webproxy`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.findings import Finding, Impact
from modgate.client.machine.goproxy_words import QUOTES, SPACES, mended_goproxy
from modgate.client.machine.lint_flags import lint_goauth, lint_goflags
from modgate.client.machine.lint_goproxy import lint_goproxy
from modgate.client.machine.lint_names import intended_variable, lint_names
from modgate.client.machine.lint_patterns import lint_patterns, mended_patterns
from modgate.client.machine.lint_webproxy import lint_proxy_variable
from modgate.client.machine.showing import safe
from modgate.errors import Invalid
from modgate.sumdb.note import new_verifier

if TYPE_CHECKING:
    from modgate.messages import Message

__all__ = [
    "PATTERN_VARIABLES",
    "intended_variable",
    "lint_go111module",
    "lint_goauth",
    "lint_goflags",
    "lint_goproxy",
    "lint_gosumdb",
    "lint_gotoolchain",
    "lint_names",
    "lint_patterns",
    "lint_proxy_variable",
    "lint_setting",
    "mended_goproxy",
    "mended_value",
]

PATTERN_VARIABLES = ("GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE")

_KNOWN_DATABASE = "sum.golang.org"
_ALIAS = "sum.golang.google.cn"
_TOOLCHAIN = re.compile(r"go1(?:\.(?:0|[1-9]\d*)){0,2}(?:(?:rc|beta)[1-9]\d*)?(?:[- \t][^\\/]*)?")


def lint_gosumdb(text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about GOSUMDB: `off`, a name with a known key, or a key, and at most one URL after it."""
    if text == _ALIAS:
        return ()
    values = {"value": safe(text) or '""', "source": source}
    if text == "off":
        return (Finding(config.SUMDB_OFF, {"source": source}, impact=Impact.RISK, subject="GOSUMDB"),)
    if any(char in QUOTES for char in text):
        return (Finding(config.QUOTES, {"variable": "GOSUMDB", **values}, subject="GOSUMDB"),)
    words = text.split()
    if len(words) > 2:
        return (Finding(config.SUMDB_TOO_MANY, values, subject="GOSUMDB"),)
    if not words or not _is_key(words[0]) or (len(words) == 2 and not _is_url(words[1])):
        return (Finding(config.SUMDB_MALFORMED, values, subject="GOSUMDB"),)
    return ()


def lint_gotoolchain(text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about GOTOOLCHAIN: `local`, `auto`, `path`, or a version, with `+auto` or `+path` after it."""
    if text in {"", "auto", "path"}:
        return ()
    base, plus, suffix = text.partition("+")
    right = (base == "local" or _TOOLCHAIN.fullmatch(base)) and (not plus or suffix in {"auto", "path"})
    if right:
        return ()
    values = {"value": safe(text), "source": source}
    return (Finding(config.TOOLCHAIN_VALUE, values, subject="GOTOOLCHAIN"),)


def lint_go111module(text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about GO111MODULE."""
    if text in {"", "on", "auto"}:
        return ()
    cause = config.MODULES_OFF if text == "off" else config.MODULE_MODE_VALUE
    return (Finding(cause, {"value": safe(text), "source": source}, subject="GO111MODULE"),)


def lint_setting(name: str, text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about the value of any variable; none for a variable without rules."""
    if name in PATTERN_VARIABLES:
        return lint_patterns(name, text, source)
    rules = {
        "GOPROXY": lint_goproxy,
        "GOSUMDB": lint_gosumdb,
        "GOFLAGS": lint_goflags,
        "GOTOOLCHAIN": lint_gotoolchain,
        "GO111MODULE": lint_go111module,
        "GOAUTH": lint_goauth,
    }
    return rules[name](text, source) if name in rules else ()


def mended_value(name: str, text: str) -> str:
    """The value as it was probably meant, empty where that cannot be told or the value is right."""
    bare = text.strip(QUOTES + SPACES)
    if name == "GOPROXY":
        mended = mended_goproxy(text)
    elif name in PATTERN_VARIABLES:
        mended = mended_patterns(text)
    elif name == "GOSUMDB":
        mended = _mended_gosumdb(bare)
    elif name in {"GO111MODULE", "GOTOOLCHAIN"}:
        mended = bare.lower()
    else:
        mended = bare
    broken = any(finding.impact >= Impact.DEGRADES for finding in lint_setting(name, mended, ""))
    return "" if broken or mended == text else mended


def _mended_gosumdb(bare: str) -> str:
    word = re.sub(r"\Ahttps?:/*", "", bare.split(maxsplit=1)[0] if bare.split() else "", flags=re.IGNORECASE)
    word = word.rstrip("/").lower()
    return word if word in {_KNOWN_DATABASE, _ALIAS, "off"} else ""


def _is_key(word: str) -> bool:
    if word == _KNOWN_DATABASE:
        return True
    try:
        name = new_verifier(word).name
    except Invalid:
        return False
    return re.fullmatch(r"[^/\s?#@%]+(?:/[^\s?#%]*[^/\s?#%])?", name) is not None


def _is_url(word: str) -> bool:
    # Without a scheme go asks over https, as long as no colon makes the host look like one.
    return re.match(r"https?://[^/\s?#]|[\w.-]+(?:/|\Z)", word, re.IGNORECASE) is not None
