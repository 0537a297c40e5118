"""Patterns of GOPRIVATE, GONOPROXY, GONOSUMDB and GOINSECURE that cannot match, or match everything.

A pattern with N slashes is compared with the first N+1 elements of a module path, nothing is trimmed but one
slash at the end, and a star stays within its element. A pattern that no module path can ever match keeps
nothing private, and says nothing about it. Source: x/mod/module.MatchPrefixPatterns, module.CheckPath,
path.Match.
"""

from __future__ import annotations

import re

from modgate.client.causes import config
from modgate.client.findings import Finding, Impact, Severity
from modgate.client.machine.goproxy_words import QUOTES, SPACES
from modgate.client.machine.showing import safe
from modgate.gomod.patterns import malformed_patterns
from modgate.messages import Message

__all__ = ["lint_patterns", "mended_patterns"]

_EVERYTHING = re.compile(r"\*+(?:\.\*+)?")
_CLASS = re.compile(r"\[[^\]]*\]|\\.")
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9._~/*?+-]")


def lint_patterns(variable: str, text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about the patterns of one variable."""
    found: list[Finding] = []
    for piece in text.split(","):
        pattern = piece.removesuffix("/")
        if not pattern:
            continue
        if _EVERYTHING.fullmatch(pattern):
            found.append(_everything(variable, pattern, source))
            continue
        reason = _never(pattern)
        severity, impact = None, Impact.DEGRADES
        if reason is None and re.search(r"/\*/\*$", pattern):
            reason, severity, impact = Message("settings.pattern.too-deep"), Severity.NOTE, Impact.NOTE
        if reason is None and _is_bare_word(pattern):
            reason = Message("settings.pattern.not-a-host", {"value": safe(pattern)})
            severity, impact = Severity.NOTE, Impact.NOTE
        if reason is not None:
            values: dict[str, str | Message] = {
                "variable": variable,
                "value": safe(piece),
                "why": reason,
                "source": source,
            }
            found.append(
                Finding(config.PRIVATE_PATTERN, values, impact=impact, subject=variable, severity=severity)
            )
    return tuple(found)


def mended_patterns(text: str) -> str:
    """The list as it was probably meant: without schemes, ports, quotes, spaces, and with commas; empty where
    a part cannot be told.
    """
    kept: list[str] = []
    for piece in re.split(r"[,;，；、|\s]+", text.strip(QUOTES + SPACES)):
        pattern = piece.strip(QUOTES + SPACES)
        pattern = re.sub(r"\A[a-z][a-z0-9+.-]*://(?:[^/@]*@)?", "", pattern, flags=re.IGNORECASE)
        pattern = pattern.removesuffix("/...").strip("/")
        host, slash, rest = pattern.partition("/")
        host = re.sub(r":\d+\Z", "", host).lower()
        pattern = f"*{host}{slash}{rest}" if host.startswith(".") else f"{host}{slash}{rest}"
        if not pattern:
            continue
        if _never(pattern) is not None:
            return ""
        if pattern not in kept:
            kept.append(pattern)
    return ",".join(kept)


def _everything(variable: str, pattern: str, source: str | Message) -> Finding:
    if variable == "GONOSUMDB":
        return Finding(config.SUMDB_OFF, {"source": source}, impact=Impact.RISK, subject=variable)
    why = {"GONOPROXY": "everything-no-proxy", "GOINSECURE": "everything-insecure"}.get(
        variable, "everything"
    )
    values: dict[str, str | Message] = {
        "variable": variable,
        "value": safe(pattern),
        "why": Message(f"settings.pattern.{why}"),
        "source": source,
    }
    return Finding(config.PRIVATE_PATTERN, values, impact=Impact.RISK, subject=variable)


def _never(pattern: str) -> Message | None:
    """Why no module path can match, None where one can."""
    plain = _CLASS.sub("?", pattern)
    host = plain.partition("/")[0]
    if pattern.endswith("\r"):
        return _why("carriage-return")
    if any(char in QUOTES for char in plain):
        return _why("quotes")
    if "://" in plain:
        return _why("scheme")
    if any(char in SPACES for char in plain):
        return _why("space")
    if any(char in ";|，；、｜" for char in plain):
        return _why("separator")
    if plain.startswith("/"):
        return _why("leading-slash")
    if plain.startswith("."):
        return _why("leading-dot", value=safe(pattern))
    if re.search(r":\d+\Z", host):
        return _why("port")
    if malformed_patterns(pattern):
        return _why("malformed")
    strange = _NOT_IN_PATH.search(plain)
    if strange:
        return _why("character", character=safe(strange[0]))
    if re.search("[A-Z]", host):
        return _why("upper-case")
    return _why("dots") if plain.endswith("/...") else None


def _is_bare_word(pattern: str) -> bool:
    """A first element that could only be a host, and is none: `myorg`, `myorg/*`."""
    host = pattern.partition("/")[0]
    return re.fullmatch(r"[A-Za-z0-9-]+", host) is not None


def _why(name: str, **values: str) -> Message:
    return Message(f"settings.pattern.{name}", values)
