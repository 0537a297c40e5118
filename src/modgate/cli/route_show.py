"""How an explained route looks: a few facts, then the table with the rule that counts marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console, errors_console
from modgate.config import redact
from modgate.model.routes import BLOCK, DIRECT, PUBLISHED

if TYPE_CHECKING:
    from modgate.messages import Catalogue
    from modgate.model.routes import RouteRule
    from modgate.wiring.routing import Explained

__all__ = ["document", "show"]

_WORDS = {DIRECT: "direct", PUBLISHED: "published", BLOCK: "block"}


def show(found: Explained, say: Catalogue) -> None:
    """Print it."""
    out = console()
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    rule = found.rule
    facts.add_row(say("route.head.module"), found.path)
    facts.add_row(say("route.head.rule"), _name(rule, say))
    facts.add_row(say("route.head.source"), _source(rule, say))
    if rule.reason:
        facts.add_row("", rule.reason)
    facts.add_row(say("route.head.private"), say(f"route.private.{'yes' if found.private else 'no'}"))
    readers = ", ".join(rule.principals) or say("route.readers.all")
    facts.add_row(say("route.head.readers"), readers)
    facts.add_row(say("route.head.publish"), say(f"route.publish.{'yes' if found.publishable else 'no'}"))
    for number, message in enumerate(found.asked, 1):
        facts.add_row(say("route.head.asked") if number == 1 else "", f"{number}. {say.say(message)}")
    if found.credential is not None:
        facts.add_row(say("route.head.credential"), say.say(found.credential))
    for number, message in enumerate(found.checks, 1):
        facts.add_row(say("route.head.checks") if number == 1 else "", say.say(message))
    out.print(facts)
    for warning in found.warnings:
        errors_console().print(f"modgate: {warning}", style="yellow", soft_wrap=True)
    out.print()
    out.print(_table(found, say))


def _table(found: Explained, say: Catalogue) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", title=None)
    table.add_column("")
    for head in ("route.head.rules", "route.head.match", "route.head.source"):
        table.add_column(say(head), overflow="fold")
    for rule in found.rules:
        counts = rule is found.rule
        row = ("→" if counts else " ", rule.origin, _patterns(rule, say), redact(rule.source))
        table.add_row(*(Text(cell) for cell in row), style="" if counts else "dim")
    return table


def _name(rule: RouteRule, say: Catalogue) -> str:
    return f"{rule.origin}: {_patterns(rule, say)}" if rule.patterns else rule.origin


def _patterns(rule: RouteRule, say: Catalogue) -> str:
    # A rule without patterns that keeps names inside is the one for names that look private.
    return rule.patterns.replace(",", ", ") or say(f"route.match.{'inside' if rule.private else 'rest'}")


def _source(rule: RouteRule, say: Catalogue) -> str:
    return say(f"route.source.{_WORDS[rule.source]}") if rule.source in _WORDS else redact(rule.source)


def document(found: Explained, say: Catalogue) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "module": found.path,
        "rule": {**_rule(found.rule), "private": found.private},
        "asked": [say.say(message) for message in found.asked],
        "credential": say.say(found.credential) if found.credential else "",
        "warnings": list(found.warnings),
        "checks": [say.say(message) for message in found.checks],
        "publishable": found.publishable,
        "rules": [_rule(rule) for rule in found.rules],
    }


def _rule(rule: RouteRule) -> dict[str, Any]:
    return {
        "origin": rule.origin,
        "match": [glob for glob in rule.patterns.split(",") if glob],
        "source": redact(rule.source),
        "private": bool(rule.private),
        "principals": list(rule.principals),
        "reason": rule.reason,
    }
