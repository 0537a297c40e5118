"""The part of JSON Schema that schema.json uses, checked as its specification says."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "$") -> list[str]:
    """Where the value breaks the schema; empty where it does not. Raises KeyError for an unknown keyword."""
    found: list[str] = []
    for keyword, rule in schema.items():
        found += _KEYWORDS[keyword](value, rule, schema, root, where)
    return found


def _ref(value: Any, rule: str, _schema: Any, root: dict[str, Any], where: str) -> list[str]:
    return problems(value, root["$defs"][rule.rpartition("/")[2]], root, where)


def _type(value: Any, rule: Any, _schema: Any, _root: Any, where: str) -> list[str]:
    names = [rule] if isinstance(rule, str) else rule
    for name in names:
        if isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool)):
            return []
    return [f"{where}: {value!r} is no {rule}"]


def _properties(value: Any, rule: Any, _schema: Any, root: dict[str, Any], where: str) -> list[str]:
    if not isinstance(value, dict):
        return []
    return [
        problem
        for name in rule
        if name in value
        for problem in problems(value[name], rule[name], root, f"{where}.{name}")
    ]


def _required(value: Any, rule: Any, _schema: Any, _root: Any, where: str) -> list[str]:
    return [f"{where}: {name} is missing" for name in rule if isinstance(value, dict) and name not in value]


def _additional(value: Any, _rule: Any, schema: Any, _root: Any, where: str) -> list[str]:
    known = schema.get("properties", {})
    return (
        [f"{where}: {name} is not in the schema" for name in value if name not in known]
        if isinstance(value, dict)
        else []
    )


def _items(value: Any, rule: Any, _schema: Any, root: dict[str, Any], where: str) -> list[str]:
    items = enumerate(value) if isinstance(value, list) else []
    return [problem for index, item in items for problem in problems(item, rule, root, f"{where}[{index}]")]


def _any_of(value: Any, rule: Any, _schema: Any, root: dict[str, Any], where: str) -> list[str]:
    tried = [problems(value, option, root, where) for option in rule]
    return [] if any(not problem for problem in tried) else tried[-1]


def _is(holds: bool, where: str, rule: Any) -> list[str]:
    return [] if holds else [f"{where}: not {rule!r}"]


_KEYWORDS: dict[str, Any] = {
    "$ref": _ref,
    "type": _type,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "anyOf": _any_of,
    "const": lambda value, rule, _schema, _root, where: _is(value == rule, where, rule),
    "enum": lambda value, rule, _schema, _root, where: _is(value in rule, where, rule),
    "minimum": lambda value, rule, _schema, _root, where: _is(value >= rule, where, rule),
    "maximum": lambda value, rule, _schema, _root, where: _is(value <= rule, where, rule),
    "pattern": lambda value, rule, _schema, _root, where: _is(
        isinstance(value, str) and re.search(rule, value) is not None, where, rule
    ),
    **dict.fromkeys(("$schema", "$id", "title", "description", "$defs"), lambda *_: []),
}
