"""Reading a policy: one document in TOML or YAML, checked to the last key.

Whatever is not understood is refused, since a rule that is silently left out protects nobody; all faults are
told at once, each with its line. The published schema (`policy.schema`) describes the same documents.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid
from modgate.model.advisory import Severity
from modgate.model.decision import Effect, Mode
from modgate.model.decisions import Waiver
from modgate.policy.conditions import (
    Age,
    AsksHits,
    Consumers,
    Groups,
    Licences,
    Modules,
    Noted,
    Private,
    Scan,
    SecurityFix,
    Sources,
    Versions,
)
from modgate.policy.lines import read_document
from modgate.policy.problems import PolicyInvalid, Problem
from modgate.policy.ranges import parse_range
from modgate.policy.reading import Table, duration, moment
from modgate.policy.rollout import PLACES, Canary
from modgate.policy.rules import Policy, Rule
from modgate.policy.selectors import Choice
from modgate.policy.trial import read_cases

if TYPE_CHECKING:
    from modgate.policy.conditions import Condition
    from modgate.policy.lines import Form

__all__ = ["COOLDOWN", "parse_policy"]

COOLDOWN = "cooldown"
"""The id of the rule that `[cooldown]` means."""

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_RULES = 1000
_SEVERITIES = [each.value for each in Severity]
_AT_LEAST = [each.value for each in Severity if each.rank > 0]
_MAX_AGE = 200
_AGE = re.compile(r"(<|<=|>|>=)\s*(\S+)")

_Groups = tuple[tuple[str, tuple[str, ...]], ...]


def parse_policy(text: str, *, form: Form = "toml", name: str = "policy") -> Policy:
    """The policy of a document; `name` is its file's, for what is said of it.

    Raises PolicyInvalid, which holds every fault.
    """
    document, lines = read_document(text, form=form, name=name)
    problems: list[Problem] = []
    top = Table(document, "", lines, problems)
    if top.take("version") != 1 or isinstance(top.take("version"), bool):
        top.wrong("version", "`version = 1` is wanted: the form of this document")
    select = top.word("select", ("first", "most-severe"), "first")
    default = Effect(top.word("default", ("allow", "warn", "deny"), "allow"))
    contact = top.text("contact")
    groups = _groups(top.table("groups"))
    rules = [_rule(each, groups) for each in top.tables("rules")]
    if len(rules) > _MAX_RULES:
        top.wrong("rules", f"there are more than {_MAX_RULES} rules")
    if (short := top.table(COOLDOWN)) is not None:
        rules.append(_cooldown(short))
    _check_ids(top, "rules", [rule.id for rule in rules])
    known = {rule.id for rule in rules}
    waivers = [_waiver(each, known) for each in top.tables("waivers")]
    _check_ids(top, "waivers", [waiver.id for waiver in waivers])
    read_cases(top)
    top.end()
    if problems:
        raise PolicyInvalid(name, tuple(sorted(problems, key=lambda each: each.line)))
    return Policy(
        rules=tuple(rules),
        select="first" if select == "first" else "most-severe",
        default=default,
        contact=contact,
        groups=groups,
        waivers=tuple(waivers),
        revision=_revision(document),
        text=text,
    )


def _revision(document: dict[str, Any]) -> str:
    """16 hex digits of what the document says; its tests decide nothing."""
    said = {key: value for key, value in document.items() if key != "tests"}
    written = json.dumps(said, sort_keys=True, separators=(",", ":"), default=_written)
    return hashlib.blake2b(written.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _check_ids(top: Table, name: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for number, each in enumerate(ids, start=1):
        if each and each in seen:
            top.wrong(f"{name}[{number}].id", f"{each!r} is taken by another one above")
        seen.add(each)


def _id(table: Table) -> str:
    value = table.text("id", required=True)
    if value and not _ID.fullmatch(value):
        table.wrong("id", "an id has small letters, digits, dots, dashes and underscores, at most 64")
    return value


def _groups(table: Table | None) -> _Groups:
    if table is None:
        return ()
    return tuple((name, table.strings(name) or ()) for name in table.named())


def _rule(table: Table, groups: _Groups) -> Rule:
    identifier = _id(table)
    effect = Effect(table.word("effect", [each.value for each in Effect]))
    mode = Mode(table.word("mode", [each.value for each in Mode], "enforce"))
    canary = _canary(table, mode)
    closed = table.word("on_error", ("allow", "deny"), "allow") == "deny"
    reason = table.text("reason")
    when = table.table("when")
    conditions = _conditions(when, groups) if when is not None else ()
    if effect is Effect.BAN:
        for each in conditions:
            if not each.whole:
                table.wrong(
                    "when", f"a ban is of whole modules: {_KEYS.get(each.key, each.key)} cannot stand here"
                )
                break
    table.end()
    return Rule(identifier, effect, conditions, mode, canary, closed, reason)


_KEYS = {"advisory": "what advisories say"}


def _canary(table: Table, mode: Mode) -> Canary | None:
    inner = table.table("canary")
    if inner is None:
        if mode is Mode.CANARY:
            table.wrong("canary", "the mode canary wants canary = { percent = 10 }, or groups")
        return None
    if mode is not Mode.CANARY:
        table.wrong("canary", 'it needs mode = "canary"')
    percent = inner.number("percent", 0, 100)
    named = inner.strings("groups") or ()
    if "percent" not in inner and "groups" not in inner:
        inner.wrong("", "`percent` or `groups` is wanted in it")
    inner.end()
    return Canary(round((percent or 0) * PLACES / 100), frozenset(named))


def _cooldown(table: Table) -> Rule:
    age = table.parsed("age", duration)
    if "age" not in table:
        table.wrong("age", 'it is missing: such as "7d"')
    elif age is not None and age <= 0:
        table.wrong("age", 'it must be longer than nothing, such as "7d"; without [cooldown] nothing waits')
    exempt = table.strings("exempt") or ()
    table.globs("exempt", exempt)
    effect = Effect(table.word("effect", ("warn", "hide", "quarantine", "deny"), "hide"))
    mode = Mode(table.word("mode", [each.value for each in Mode], "enforce"))
    canary = _canary(table, mode)
    closed = table.word("on_error", ("allow", "deny"), "allow") == "deny"
    skips = table.boolean("security_fixes")
    table.end()
    conditions: list[Condition] = [Age(below=age or 0.0, text=f"< {table.take('age')}")]
    if exempt:
        conditions.insert(0, Modules(Choice((), exempt)))
    if skips:
        conditions.append(SecurityFix(value=False))
    reason = f"new versions wait {table.take('age')} before they are used"
    return Rule(COOLDOWN, effect, tuple(conditions), mode, canary, closed, reason)


def _conditions(when: Table, groups: _Groups) -> tuple[Condition, ...]:
    # The cheap ones first, because one that does not hold settles the rule.
    found: list[Condition | None] = [
        _modules(when),
        _versions(when),
        *_named(when, groups),
        _private(when),
        _hits(when),
        _age(when),
        _licences(when),
        *(_noted(when, key) for key in ("retracted", "deprecated")),
    ]
    scan, fix = when.boolean("scan"), when.boolean("security_fix")
    found += [None if scan is None else Scan(scan), None if fix is None else SecurityFix(fix)]
    when.end()
    return tuple(each for each in found if each is not None)


def _modules(when: Table) -> Modules | None:
    picked = when.choice("modules")
    if picked is None:
        return None
    when.globs("modules", (*picked[0], *picked[1]))
    return Modules(Choice(*picked))


def _versions(when: Table) -> Versions | None:
    found = when.parsed("versions", _as_range)
    return None if found is None else Versions(found)


def _as_range(value: object) -> Any:
    if not isinstance(value, str):
        raise Invalid('a range is a text such as ">=1.2.0 <1.4.0 || v2"')
    return parse_range(value)


def _named(when: Table, groups: _Groups) -> list[Condition]:
    found: list[Condition] = []
    if (picked := when.choice("source")) is not None:
        found.append(Sources(Choice(*picked)))
    if (picked := when.choice("consumers")) is not None:
        found.append(Consumers(Choice(*picked)))
    if (picked := when.choice("groups")) is not None:
        found.append(Groups(Choice(*picked), groups))
    return found


def _private(when: Table) -> Private | None:
    value = when.boolean("private")
    return None if value is None else Private(value)


def _noted(when: Table, key: str) -> Noted | None:
    value = when.boolean(key)
    return None if value is None else Noted(key, value)


def _licences(when: Table) -> Licences | None:
    picked = when.choice("licences")
    return None if picked is None else Licences(Choice(*picked))


def _hits(when: Table) -> AsksHits | None:
    keys = [key for key in ("severity", "advisories", "reviewed", "doubtful", "fixed") if key in when]
    severities = _severities(when)
    ids = when.strings("advisories") or ()
    flags = {key: when.boolean(key) for key in ("reviewed", "doubtful", "fixed")}
    if not keys:
        return None
    told = []
    if severities:
        told.append(f"severity {'|'.join(each.value for each in Severity if each in severities)}")
    told += ["|".join(ids)] if ids else []
    told += [f"{key} {'yes' if value else 'no'}" for key, value in flags.items() if value is not None]
    return AsksHits(severities, frozenset(ids), **flags, text=", ".join(told) or "any")


def _severities(when: Table) -> frozenset[Severity]:
    value = when.take("severity")
    if value is None:
        return frozenset()
    if isinstance(value, list):
        words = when.strings("severity") or ()
        wrong = [word for word in words if word not in _SEVERITIES]
        if wrong:
            when.wrong("severity", f"{wrong[0][:80]!r} is none of {', '.join(_SEVERITIES)}")
        return frozenset(Severity(word) for word in words if word in _SEVERITIES)
    least = Severity(when.word("severity", _AT_LEAST))
    return frozenset(each for each in Severity if each.rank >= least.rank)


def _age(when: Table) -> Age | None:
    found: Age | None = when.parsed("age", _as_age)
    return found


def _as_age(value: object) -> Age:
    parts = _AGE.findall(value) if isinstance(value, str) and len(value) <= _MAX_AGE else []
    if not isinstance(value, str) or not parts or _AGE.sub("", value).strip():
        raise Invalid('an age is compared: "< 7d", "> 365d", or "> 1d < 30d"')
    above, below = float("-inf"), float("inf")
    for operator, written in parts:
        seconds = duration(written)
        if operator[0] == "<":
            below = min(below, seconds)
        else:
            above = max(above, seconds)
    if above >= below:
        raise Invalid(f"nothing is {value} old")
    return Age(above, below, value)


def _waiver(table: Table, rules: set[str]) -> Waiver:
    identifier = _id(table)
    modules = table.strings("modules")
    if modules is None:
        table.wrong("modules", "it is missing: which modules it is for, such as example.org/team/*")
    table.globs("modules", modules or ())
    if any("," in each for each in modules or ()):
        table.wrong("modules", "a list of patterns is wanted, without commas within")
    versions = table.parsed("versions", _as_range)
    rule = table.text("rule")
    if rule and rule not in rules:
        table.wrong("rule", f"there is no rule {rule!r} here")
    expires = table.parsed("expires", moment)
    if "expires" not in table:
        table.wrong("expires", "it is missing: a waiver ends on a day, such as 2027-03-31")
    waiver = Waiver(
        id=identifier,
        pattern=",".join(modules or ()),
        owner=table.text("owner", required=True),
        reason=table.text("reason", required=True),
        expires=expires or 0.0,
        versions=versions.text if versions is not None else "",
        advisory=table.text("advisory"),
        rule=rule,
        consumers=table.strings("consumers") or (),
    )
    table.end()
    return waiver
