"""The JSON schema (draft 2020-12) of the TOML file, for editors and for checks in CI.

It is derived from the models, so a key exists in it the moment it exists. What the loader takes in several
forms (`30`, `"30s"`; a list, a text with commas) is a choice of those forms. It says what a value looks like,
not what the values mean together: `modgate config check` says that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from modgate.config.model import Config
from modgate.config.values import Listen, StoreSpec

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import (
        BeforeValidatorFunctionSchema,
        WithDefaultSchema,
    )

__all__ = ["DIALECT", "file_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_UNIT = r"(?:ns|us|µs|ms|s|m|h|d)"
_DURATION = {
    "type": "string",
    "pattern": rf"^\s*(?:\d+(?:\.\d+)?|(?:\d+(?:\.\d+)?{_UNIT})+)\s*$",
    "examples": ["30s", "1m30s", "250ms"],
}
_SIZE = {
    "type": "string",
    "pattern": r"^\s*\d+(?:\.\d+)?\s*(?:[bB]|[kKmMgGtT](?:[iI]?[bB])?)?\s*$",
    "examples": ["512MiB", "2GiB", "10GB"],
}
_COMMAS = {"type": "string", "description": "The same as one text, with commas between."}
_JSON = {"type": "string", "description": "The same as JSON text."}
_ALSO: dict[str, JsonSchemaValue] = {
    "parse_duration": _DURATION,
    "own_duration": _DURATION,
    "parse_size": _SIZE,
    "parse_list": _COMMAS,
    "parse_tables": _JSON,
    "parse_map": _JSON,
}
"""By what reads a value: the form that is taken besides the type itself."""
_INSTEAD: dict[str, JsonSchemaValue] = {
    "parse_listen": {"type": ["string", "integer"], "examples": ["127.0.0.1:3000", ":3000", "unix:/path"]},
    "parse_store": {"type": "string", "minLength": 1, "examples": ["/var/lib/modgate", "memory:512MiB"]},
    "parse_prefix": {"type": "string", "examples": ["/go"]},
    "check_upstream": {"type": "string", "minLength": 1, "examples": ["https://goproxy.cn,direct"]},
}
"""The same for those whose type is not what is written."""


_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


class _Forms(GenerateJsonSchema):
    """Pydantic's own generator, which knows the forms of our values."""

    schema_dialect = DIALECT

    def function_before_schema(self, schema: BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A value that is read from several forms."""
        reads = getattr(schema["function"]["function"], "__name__", "").lstrip("_")
        if reads in _INSTEAD:
            return dict(_INSTEAD[reads])
        inner = self.generate_inner(schema["schema"])
        if reads not in _ALSO:
            return inner
        return {"anyOf": [*inner.get("anyOf", [inner]), dict(_ALSO[reads])]}

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """A default as it would be written; none for a table, whose keys have their own."""
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or isinstance(default, BaseModel):
            return inner
        written = str(default) if isinstance(default, Listen | StoreSpec) else self.encode_default(default)
        return {**inner, "default": written}

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        """TOML has no null: a key that is not set is not written."""
        return self.generate_inner(schema["schema"])


def file_schema() -> dict[str, Any]:
    """The schema of the whole file; nothing is required, because every key has a default."""
    schema = Config.model_json_schema(schema_generator=_Forms)
    schema.pop("required", None)
    head = {
        "$schema": DIALECT,
        "title": "modgate configuration",
        "description": "The file that `modgate serve` reads.",
    }
    found: dict[str, Any] = head | {name: value for name, value in schema.items() if name not in head}
    _plain(found)
    return found


def _plain(node: Any) -> None:
    """Pydantic's words for bounds become JSON schema's, which count for numbers and leave texts alone; titles
    that only repeat the key's name are noise in an editor's help.
    """
    if isinstance(node, dict):
        for ours, theirs in _BOUNDS.items():
            if isinstance(node.get(ours), int | float):
                node[theirs] = node.pop(ours)
        for name, child in node.items():
            if name == "properties" and isinstance(child, dict):
                for each in child.values():
                    each.pop("title", None)
            _plain(child)
    elif isinstance(node, list):
        for child in node:
            _plain(child)
