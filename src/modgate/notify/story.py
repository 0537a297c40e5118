"""What a message says to people, before any chat gives it its form: a title, facts, commands, a link.

Everything in a message may come from a stranger: the summary of an advisory, the name of a module, the reason
in a policy. Here it loses what could act on its own (line breaks, control characters, marks that turn the
direction or cannot be seen, secrets by their form) and becomes short; what would be markup in a chat,
`templates` takes away.
A command is built from parts that can be nothing else than parts of a command.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modgate.messages import Catalogue
    from modgate.model.outbox import Message

__all__ = ["Story", "day_of", "go_get", "plain", "seen", "tell"]

_TITLE = 140
_VALUE = 300
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_COMMAND = re.compile(r"[A-Za-z0-9._~+/-]+\Z")
_LINK = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~%+/?=&#:@-]*)?\Z")
_SEVERITIES = frozenset({"unknown", "none", "low", "medium", "high", "critical"})


@dataclass(frozen=True, slots=True)
class Story:
    """What is said; every text is one line, plain, and short.

    Attributes:
        title: What happened.
        severity: A `Severity` value, empty where it is not about one.
        facts: Names and values, in order.
        commands: What to run.
        link: An https address, or empty.
        link_text: What it leads to.
    """

    title: str
    severity: str
    facts: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    link: str
    link_text: str


def tell(message: Message, say: Catalogue, *, most: int = 20, longest: int = _VALUE) -> Story:
    """The story of a message, with at most so many versions, and so many characters in a value."""
    body = message.body
    advisory = _map(body, "advisory")
    versions = [each for each in _list(body, "versions") if isinstance(each, dict)]
    subject = _subject(body, versions, say)
    severity = str(advisory.get("severity") or body.get("severity") or "")
    severity = severity if severity in _SEVERITIES else ""
    commands = dict.fromkeys(go_get(each) for each in versions[:most])
    link = str(advisory.get("url") or body.get("link") or "")[:500]
    return Story(
        title=plain(_title(message, subject, severity or "unknown", say), _TITLE),
        severity=severity,
        facts=tuple(_facts(message, versions, say, most=most, longest=longest)),
        commands=tuple(each for each in commands if each),
        link=link if _LINK.match(link) else "",
        link_text=say("notice.text.open"),
    )


def plain(text: object, limit: int = _VALUE) -> str:
    """One line of text without anything that acts, at most so long."""
    line = " ".join(seen(harmless(str(text)[: 8 * limit])).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def seen(text: str, *, keep: str = "") -> str:
    """Without what acts and cannot be seen: controls, marks of direction, halves of characters; a blank is
    put in their place. `keep` names those that stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if unicodedata.category(each) in _UNSEEN and each not in keep else each for each in text
    )


def go_get(version: Mapping[str, Any]) -> str:
    """The command that moves go.mod to the fix; empty where there is none, or its parts are no names."""
    path, fixed = str(version.get("module", "")), str(version.get("fixed", ""))
    if not (fixed and _COMMAND.match(path) and _COMMAND.match(fixed)) or path.startswith("-"):
        return ""
    return f"go get {path}@{fixed}"


def day_of(at: object) -> str:
    """The day of a time in Unix seconds, in UTC."""
    if not isinstance(at, int | float) or not 0 <= at < 253402300800:
        return "?"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _subject(body: Mapping[str, Any], versions: list[dict[str, Any]], say: Catalogue) -> str:
    if len(versions) == 1:
        return _named(versions[0])
    if versions:
        return say("notice.text.several", count=len(versions))
    return plain(_map(body, "alert").get("subject") or "", 120)


def _named(version: Mapping[str, Any]) -> str:
    return plain(f"{version.get('module', '')}@{version.get('version', '')}", 120)


def _title(message: Message, subject: str, severity: str, say: Catalogue) -> str:
    body = message.body
    match message.event:
        case "advisory":
            identifier = plain(_map(body, "advisory").get("id", ""), 40)
            words = say(f"notice.text.{severity}")
            return say("notice.title.advisory", id=identifier, severity=words, subject=subject)
        case "denied":
            kinds = {"warn": "warned", "quarantine": "quarantined", "allow": "would"}
            kind = kinds.get(str(body.get("effect", "")), "denied")
            return say(f"notice.title.{kind}", subject=subject)
        case "tampered":
            kind = plain(_map(body, "alert").get("kind", ""), 40)
            return say("notice.title.tampered", kind=kind, subject=subject)
        case "waiver-expiring" | "waiver-expired":
            waiver = _map(body, "waiver")
            day = day_of(waiver.get("expires"))
            return say(f"notice.title.{message.event}", id=plain(waiver.get("id", ""), 40), day=day)
        case "policy-broken" | "test":
            return say(f"notice.title.{message.event}")
        case "scan":
            return say("notice.title.scan", subject=subject)
    return say("notice.title.other", event=plain(message.event, 40))


def _facts(
    message: Message, versions: list[dict[str, Any]], say: Catalogue, *, most: int, longest: int
) -> Iterator[tuple[str, str]]:
    """Who, what, why, where to ask; only what is known."""
    body = message.body
    advisory, waiver, alert = _map(body, "advisory"), _map(body, "waiver"), _map(body, "alert")
    found: list[tuple[str, object]] = [
        ("summary", advisory.get("summary")),
        ("aliases", ", ".join(map(str, _list(advisory, "aliases")[:5]))),
        ("consumer", message.consumer),
        ("contact", body.get("contact")),
        *(("versions", _state(each, say)) for each in versions[:most]),
    ]
    if len(versions) > most:
        found.append(("versions", say("notice.text.more", count=len(versions) - most)))
    found += [
        ("reason", body.get("reason")),
        ("rule", body.get("rule")),
        ("decision", body.get("decision")),
        ("text", alert.get("text")),
        ("where", body.get("where")),
        ("covers", waiver.get("covers")),
        ("reason", waiver.get("reason")),
        ("owner", waiver.get("owner")),
        ("expires", day_of(waiver["expires"]) if "expires" in waiver else ""),
        ("ask", body.get("ask")),
    ]
    if message.event == "test":
        found.append(("text", say("notice.text.test")))
    for label, value in found:
        if text := plain(value or "", longest):
            yield say(f"notice.label.{label}"), text


def _state(version: Mapping[str, Any], say: Catalogue) -> str:
    named, fixed = _named(version), plain(version.get("fixed") or "", 80)
    if fixed:
        return say("notice.text.fixed", version=named, fixed=fixed)
    if withheld := plain(version.get("withheld") or "", 80):
        return say("notice.text.withheld", version=named, fixed=withheld)
    return say("notice.text.unfixed", version=named) if "fixed" in version else named


def _map(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    return list(value) if isinstance(value, list | tuple) else []
