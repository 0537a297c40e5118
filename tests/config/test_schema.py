"""The JSON schema takes what the loader takes, and refuses what an editor should underline."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, BeforeValidator

from modgate.config import ConfigInvalid, all_keys, load
from modgate.config.model import Config
from modgate.config.schema import DIALECT, file_schema
from modgate.config.starter import starter

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = file_schema()
GOOD = [
    "",
    'upstream = "https://proxy.golang.org,direct"\nlisten = 3000\nstore = "memory:512MiB"',
    'private = "corp.example/*,other.example"',
    'private = ["corp.example/*", "other.example"]',
    '[cache]\nmutable_ttl = "1m30s"\nabsent_ttl = 20\nlimit = "1.5 GB"\nmemory = 0',
    "[fetch]\nconnect_timeout = 0.5\nretries = 0\nmax_object = 1048576",
    '[[routes]]\nmatch = "corp.example"\nsource = "direct"\nprivate = true',
    '[[credentials]]\nhost = "h.example"\ntoken_env = "T"',
    '[[upstreams]]\nurl = "https://p.example"\nconnect_timeout = "250ms"',
    '[vcs.repositories]\n"odd.example/lib" = "git@git.odd.example:lib.git"',
    'sumdb = "off"\n[log]\nlevel = "debug"',
]
BAD = [
    "upstraem = 'x'",
    "[fetch]\nretries = 11",
    "[fetch]\nretries = -1",
    "[fetch]\nconcurrency = 0",
    '[fetch]\nconnect_timeout = "soon"',
    "[fetch]\nconnect_timeout = 0",
    "[cache]\nmutable_ttl = -1",
    '[cache]\nlimit = "1 elephant"',
    '[log]\nlevel = "loud"',
    "[prefetch]\nenabled = 7",
    "private = 7",
    '[[routes]]\nmatch = "corp.example"',
    '[[routes]]\nmatch = "corp.example"\nsource = "direct"\nsecret = "x"',
    '[[credentials]]\nhost = "h.example"\nkind = "magic"',
]


def _accepts(text: str) -> bool:
    found: bool = jsonschema.Draft202012Validator(SCHEMA).is_valid(tomllib.loads(text))
    return found


def _loads(text: str, folder: Path) -> None:
    file = folder / "m.toml"
    file.write_text(text, encoding="utf-8")
    load(config_file=file, environ={"HOME": str(folder)}, ask_go=lambda environ: {})  # noqa: ARG005  as called


def test_it_is_a_schema_of_its_draft() -> None:
    assert SCHEMA["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", GOOD)
def test_what_the_loader_takes_it_takes(text: str, tmp_path: Path) -> None:
    _loads(text, tmp_path)
    assert _accepts(text)


@pytest.mark.parametrize("text", BAD)
def test_what_it_refuses_the_loader_refuses(text: str, tmp_path: Path) -> None:
    assert not _accepts(text)
    with pytest.raises(ConfigInvalid):
        _loads(text, tmp_path)


def test_every_key_is_in_it_with_its_sentence() -> None:
    for name, key in all_keys().items():
        section, _, leaf = name.rpartition(".")
        table: dict[str, Any] = SCHEMA
        if section:
            reference = SCHEMA["properties"][section]["$ref"]
            table = SCHEMA["$defs"][reference.rpartition("/")[2]]
        assert table["properties"][leaf]["description"] == key.description


def test_words_that_no_validator_knows_are_not_in_it() -> None:
    known = {"type", "description", "default", "anyOf", "minimum", "exclusiveMinimum", "maximum", "items"}
    known |= {"pattern", "examples", "enum", "format", "$ref", "additionalProperties", "minLength"}
    for table in (SCHEMA, *SCHEMA["$defs"].values()):
        for value in table["properties"].values():
            assert set(value) <= known, value


def test_each_form_that_a_value_is_read_from_is_known() -> None:
    """A new way of reading a value must be told to the schema, or it refuses what the loader takes."""
    texts = {"check_sumdb", "check_patterns", "check_hosts", "check_networks", "check_source", "check_url"}
    texts |= {"check_address", "check_proxy", "check_host_globs", "check_repositories", "check_endpoint"}
    texts |= {"check_database", "check_header"}
    read = {"parse_duration", "own_duration", "parse_size", "parse_list", "parse_tables", "parse_map"}
    read |= {"parse_listen", "parse_store", "parse_prefix", "check_upstream"}
    kinds = [Config, *(field.annotation for field in Config.model_fields.values())]
    found = {
        each.func.__name__.lstrip("_")
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for field in kind.model_fields.values()
        for each in field.metadata
        if isinstance(each, BeforeValidator)
    }
    assert found <= texts | read


def test_the_file_to_start_from_is_valid_by_it() -> None:
    assert _accepts(starter({}, file="config.toml"))
