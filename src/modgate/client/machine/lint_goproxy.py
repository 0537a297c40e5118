"""What is wrong with a GOPROXY list, entry by entry, and what was probably meant.

An error here is what the go command refuses or sends to a host that was never meant; what go accepts and
uses is none, however odd it looks (`goproxy.cn` without a scheme is complete). go reads every entry up to
the first `direct` or `off` before it asks any, so one broken entry breaks the list. Source:
cmd/go/internal/modfetch/proxy.go (proxyList, newProxyRepo), net/url.Parse; row 24 of docs/failures.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.findings import Finding, Impact, Severity
from modgate.client.machine.goproxy_words import (
    QUOTES,
    SPACES,
    WIDE_SEPARATORS,
    mended_entry,
    split_list,
    wrong_separator,
)
from modgate.client.machine.showing import safe
from modgate.client.mirrors.known import known_bogus, nearest_mirror
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.findings import Cause

__all__ = ["lint_goproxy"]

_PLACEHOLDER = re.compile(r"\$\{?\w|%\w+%|<[^>]*>")


def lint_goproxy(text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about a GOPROXY value, the most harmful first; an empty tuple where go takes it as meant."""
    items = split_list(text)
    if not any(item for item, _ in items):
        return (_found(config.PROXY_EMPTY_LIST, {"value": safe(text) or '""', "source": source}),)
    lint = _List(text, source)
    for index, (item, _) in enumerate(items):
        if item in {"direct", "off"}:
            lint.end(item, index, [later for later, _ in items[index + 1 :] if later])
            break
        if item:
            lint.entry(item)
    if any(finding.impact is Impact.BLOCKS for finding in lint.findings):
        return _ordered(lint.findings)
    return _ordered([*lint.findings, *_untidy(text, items, source), *_commas(text, items)])


def _ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """The most harmful first; what is wrong with several entries in the same words is told once."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda finding: -finding.impact):
        if all((finding.cause, finding.values) != (seen.cause, seen.values) for seen in kept):
            kept.append(finding)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is wrong with one entry."""

    cause: Cause
    values: dict[str, str | Message]
    severity: Severity | None = None


class _List:
    """The findings of one list while it is read."""

    def __init__(self, text: str, source: str | Message) -> None:
        self._text = text
        self._source = source
        self.findings: list[Finding] = []

    def end(self, word: str, index: int, later: list[str]) -> None:
        """`direct` or `off` was reached."""
        if word == "off" and index == 0:
            self.findings.append(_found(config.PROXY_OFF, {"source": self._source}))
        if any(item not in {"direct", "off"} for item in later):
            values = {"value": safe(", ".join(later)), "word": word, "source": self._source}
            self.findings.append(_found(config.NEVER_REACHED, values, impact=Impact.RISK))

    def entry(self, item: str) -> None:
        """A proxy's URL, or what stands where one belongs."""
        verdict = _judge(item, self._text)
        if verdict is None:
            self.findings.extend(_doubts(item, self._source))
            return
        values = {**verdict.values, "source": self._source}
        self.findings.append(_found(verdict.cause, values, severity=verdict.severity))


def _judge(item: str, whole: str) -> _Verdict | None:
    """What go refuses, or uses as something else than was meant; None where it is a URL go can use."""
    if any(char in QUOTES for char in item):
        return _Verdict(config.QUOTES, {"variable": "GOPROXY", "value": safe(whole)})
    character = wrong_separator(item)
    if character:
        return _Verdict(config.WRONG_SEPARATOR, {"value": safe(whole), "character": _named(character)})
    if item.lower() in {"direct", "off"}:
        return _Verdict(config.WRONG_CASE, {"value": safe(item), "right": item.lower()})
    if re.match(r"https?:/[^/]", item, re.IGNORECASE):
        return _Verdict(config.ONE_SLASH, {"value": safe(item)})
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", item)
    if scheme and scheme[1].lower() not in {"http", "https", "file"}:
        return _Verdict(config.UNKNOWN_SCHEME, {"value": safe(item)})
    if not _usable(item):
        near = nearest_mirror(item)
        advice = mended_entry(item) or (near.url if near else "https://…")
        return _Verdict(config.NOT_A_URL, {"value": safe(item), "advice": safe(advice)})
    if re.match(r"http://[^/]*@", item, re.IGNORECASE):
        return _Verdict(config.PASSWORD_OVER_HTTP, {"value": safe(item)}, severity=Severity.ERROR)
    return None


def _usable(item: str) -> bool:
    """Whether go makes a URL of it whose host can be one."""
    if re.search(r"[\x00-\x20\x7f\\]", item) or _PLACEHOLDER.search(item):
        return False
    if re.search(r"%(?![0-9A-Fa-f]{2})", item):
        return False
    if re.match(r"file:", item, re.IGNORECASE):
        return bool(re.fullmatch(r"file:///[^?#]+", item, re.IGNORECASE))
    if re.match(r"https?://", item, re.IGNORECASE) is None:
        if item.startswith("/") or not re.search(r"[.:/]", item) or ":/" in item:
            return False
        item = f"https://{item}"
    rest = item.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.lower() in {"http:", "https:", "http", "https"}:
        return False
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?", authority)
    if match is None or int(match[2] or 0) > 65535:
        return False
    host = match[1]
    # No resolver knows such a name; go would ask it nevertheless.
    return host.startswith("[") or (
        host.isascii() and re.fullmatch(r"[A-Za-z0-9_][\w.~-]*", host) is not None
    )


def _doubts(item: str, source: str | Message) -> list[Finding]:
    """What go uses, and a person may not have meant."""
    found: list[Finding] = []
    values: dict[str, str | Message]
    bogus = known_bogus(item)
    if bogus is not None:
        values = {"value": safe(item), "why": bogus.reason, "source": source}
        found.append(_found(config.KNOWN_BOGUS, values, confidence=0.9))
    elif near := nearest_mirror(item):
        values = {"value": safe(item), "advice": near.url, "source": source}
        found.append(
            _found(
                config.UNKNOWN_HOST_WORD,
                values,
                impact=Impact.DEGRADES,
                confidence=0.7,
                severity=Severity.WARNING,
            )
        )
    user, at, _ = re.split(r"[/?#]", item.partition("://")[2] or item, maxsplit=1)[0].rpartition("@")
    if (at and user) or re.search(r"\?[^=]+=", item):
        # A password after a colon is hidden by go's own texts, a token in the user's place is not.
        hidden = bool(at) and ":" in user and "?" not in item
        severity = Severity.NOTE if hidden else Severity.WARNING
        impact = Impact.NOTE if hidden else Impact.RISK
        values = {"variable": "GOPROXY", "source": source}
        found.append(_found(config.SECRET_IN_VARIABLE, values, impact=impact, severity=severity))
    return found


def _untidy(text: str, items: list[tuple[str, str]], source: str | Message) -> list[Finding]:
    entries = [item.rstrip("/") for item, _ in items if item]
    if len(set(entries)) < len(entries):
        why = "twice"
    elif any(not item for item, _ in items):
        why = "empty"
    else:
        return []
    reason = Message(f"settings.untidy.{why}")
    values: dict[str, str | Message] = {"value": safe(text), "why": reason, "source": source}
    return [_found(config.UNTIDY_LIST, values, impact=Impact.NOTE)]


def _commas(text: str, items: list[tuple[str, str]]) -> list[Finding]:
    """Two proxies joined by a comma: a time-out of the first is the end."""
    proxies: list[str] = []
    for item, mark in items:
        if item in {"direct", "off"}:
            break
        if item:
            proxies.append(mark)
    if len(proxies) < 2 or "," not in proxies[:-1]:
        return []
    return [Finding(config.COMMA_STOPS, {"value": safe(text)}, impact=Impact.NOTE, subject="GOPROXY")]


def _named(character: str) -> str:
    if character in SPACES:
        return {" ": "space", "\t": "tab"}.get(character, f"space U+{ord(character):04X}")
    return character if character not in WIDE_SEPARATORS else f"{character} (U+{ord(character):04X})"


def _found(
    cause: Cause,
    values: Mapping[str, str | Message],
    *,
    impact: Impact = Impact.BLOCKS,
    confidence: float = 1.0,
    severity: Severity | None = None,
) -> Finding:
    return Finding(cause, values, impact=impact, confidence=confidence, subject="GOPROXY", severity=severity)
