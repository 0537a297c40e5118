"""The published form of a policy: a JSON schema (draft 2020-12), for editors and for other programs.

It describes the documents that `policy.document` reads, as far as a schema can: what refers to something else
in the document (a waiver's rule, two equal ids), what must be read (a range, a date that does not exist), and
what depends on a rule's effect is found by `modgate policy check`. In TOML a date is a value of its own; in
JSON, and so here, it is a text.
"""

from __future__ import annotations

from typing import Any

from modgate.model.advisory import Severity
from modgate.model.decision import Effect, Mode

__all__ = ["policy_schema"]

_EFFECTS = [each.value for each in Effect]
_SEVERITIES = [each.value for each in Severity]
_LINE = {"type": "string", "pattern": r"\S", "maxLength": 1000}
_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}
_FLAG = {"type": "boolean"}
_DURATION = {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?[smhdwy])+\s*$"}
_WORDS = {"oneOf": [_LINE, {"type": "array", "items": _LINE, "minItems": 1, "maxItems": 10000}]}
_LIST_OR_NONE = {"oneOf": [_LINE, {"type": "array", "items": _LINE, "maxItems": 10000}]}
_DATE = {"type": "string", "pattern": r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"}
_ON_ERROR = {"enum": ["allow", "deny"], "default": "allow"}
_MODE = {"enum": [each.value for each in Mode], "default": "enforce"}


def _table(properties: dict[str, Any], *, required: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    table: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return table | ({"required": list(required)} if required else {}) | more


def _told(form: dict[str, Any], description: str) -> dict[str, Any]:
    return form | {"description": description}


_CHOICE = {
    "oneOf": [
        *_WORDS["oneOf"],
        _table({"any": _WORDS, "except": _WORDS}, minProperties=1),
    ]
}
_CANARY = _table(
    {"percent": {"type": "number", "minimum": 0, "maximum": 100}, "groups": _WORDS}, minProperties=1
)
_CANARY_WHERE_TOLD: dict[str, Any] = {
    "if": {"properties": {"mode": {"const": "canary"}}, "required": ["mode"]},
    "then": {"required": ["canary"]},
    "else": {"not": {"required": ["canary"]}},
}
_AGE = r"(<|<=|>|>=)\s*([0-9]+(\.[0-9]+)?[smhdwy])+"


def _when() -> dict[str, Any]:
    severity = {
        "oneOf": [
            {"enum": [each.value for each in Severity if each.rank > 0]},
            {"type": "array", "items": {"enum": _SEVERITIES}, "minItems": 1},
        ]
    }
    return _table(
        {
            "modules": _told(_CHOICE, "Module patterns as in GOPRIVATE."),
            "versions": _told(_LINE, "A range, such as >=1.2.0 <1.4.0 || v2.0.1 || v3."),
            "severity": _told(severity, "At least this one; or one of a list, `unknown` among them."),
            "advisories": _told(_WORDS, "Ids or aliases (GO-…, CVE-…, GHSA-…)."),
            "reviewed": _told(_FLAG, "Whether a person reviewed the advisory."),
            "doubtful": _told(_FLAG, "Whether entries not reviewed and without an end count fully, or not."),
            "fixed": _told(_FLAG, "Whether the advisory names a fix."),
            "age": _told({"type": "string", "pattern": rf"^\s*{_AGE}(\s*{_AGE})*\s*$"}, "Such as < 7d."),
            "licences": _told(_CHOICE, "SPDX ids or globs; `none` where none was found."),
            "source": _told(_CHOICE, "Where the routes say it comes from, such as public or direct."),
            "private": _told(_FLAG, "Whether the routes call the module private."),
            "deprecated": _told(_FLAG, "Whether its authors call the module deprecated."),
            "retracted": _told(_FLAG, "Whether its authors retracted the version."),
            "consumers": _told(_CHOICE, "Names, globs or networks of who asks."),
            "groups": _told(_CHOICE, "Groups of [groups], or teams of the consumers' file."),
            "scan": _told(_FLAG, "Whether a scanner released it (true) or refused it (false)."),
            "security_fix": _told(_FLAG, "Whether it ends an advisory that affects a version in use."),
        }
    )


def policy_schema() -> dict[str, Any]:
    """The schema, as a document."""
    rule = _table(
        {
            "id": _ID,
            "effect": {"enum": _EFFECTS},
            "mode": _MODE,
            "canary": _CANARY,
            "on_error": _told(_ON_ERROR, "What counts where a fact that the rule needs cannot be had."),
            "reason": _told({"type": "string", "maxLength": 1000}, "One line that clients are shown."),
            "when": _when(),
        },
        required=("id", "effect"),
        **_CANARY_WHERE_TOLD,
    )
    waiver = _table(
        {
            "id": _ID,
            "modules": _WORDS,
            "versions": _LINE,
            "advisory": {"type": "string", "maxLength": 1000},
            "rule": {"type": "string", "maxLength": 1000},
            "consumers": _WORDS,
            "owner": _LINE,
            "reason": _LINE,
            "expires": _told(_DATE, "A day (its end, in UTC) or a time."),
        },
        required=("id", "modules", "owner", "reason", "expires"),
    )
    cooldown = _table(
        {
            "age": _DURATION,
            "exempt": _WORDS,
            "effect": {"enum": ["warn", "hide", "quarantine", "deny"], "default": "hide"},
            "mode": _MODE,
            "canary": _CANARY,
            "on_error": _ON_ERROR,
            "security_fixes": _FLAG,
        },
        required=("age",),
        **_CANARY_WHERE_TOLD,
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of modgate",
        **_table(
            {
                "version": {"const": 1},
                "select": {"enum": ["first", "most-severe"], "default": "first"},
                "default": {"enum": ["allow", "warn", "deny"], "default": "allow"},
                "contact": _told({"type": "string", "maxLength": 1000}, "Where to ask for a waiver."),
                "groups": {"type": "object", "additionalProperties": _WORDS},
                "rules": {"type": "array", "items": rule, "maxItems": 1000},
                "cooldown": cooldown,
                "waivers": {"type": "array", "items": waiver, "maxItems": 10000},
                "tests": {"type": "array", "items": _case(), "maxItems": 10000},
            },
            required=("version",),
        ),
    }


def _case() -> dict[str, Any]:
    text = {"type": "string", "maxLength": 1000}
    note = {"oneOf": [text, _FLAG]}
    advisory = _table(
        {
            "id": _LINE,
            "aliases": _WORDS,
            "severity": {"enum": _SEVERITIES},
            "reviewed": _FLAG,
            "fixed": text,
        },
        required=("id",),
    )
    return _table(
        {
            "name": text,
            "expect": {"enum": _EFFECTS},
            "would": {"enum": _EFFECTS},
            "rule": text,
            "waiver": text,
            "at": _DATE,
            "module": _LINE,
            "version": text,
            "consumer": text,
            "groups": _WORDS,
            "source": text,
            "private": _FLAG,
            "advisories": {"type": "array", "items": advisory},
            "fixed": text,
            "age": _DURATION,
            "licences": _LIST_OR_NONE,
            "retracted": note,
            "deprecated": note,
            "scan": _FLAG,
            "fixes": _LIST_OR_NONE,
            "unknown": _WORDS,
        },
        required=("module", "expect"),
    )
