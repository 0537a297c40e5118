"""A file to start from: every key with what it is for and its default, commented out.

What is commented out is what would hold anyway, so that the file changes nothing until a line is chosen. What
most people set stands on top. Keys without a default show an example.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from pydantic import BaseModel

from modgate.config.model import Config
from modgate.config.values import Listen, StoreSpec, write_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

__all__ = ["starter"]

_WIDTH = 78
_FIRST = ("upstream", "private", "listen", "store")
_EXAMPLES = {
    "upstream": '"https://proxy.golang.org"',
    "store": '"~/.cache/modgate/store"',
    "sumdb": '["sum.golang.org"]',
    "private": '["git.corp.example.com/*"]',
    "tls.cert": '"server.pem"',
    "tls.key": '"server.key"',
    "tls.client_ca": '"clients.pem"',
    "vcs.cache": '"vcs"',
    "publish.token_file": '"publish-tokens"',
    "checksum_log.key_file": '"log.key"',
    "admin.token_file": '"admin-tokens"',
}
_TABLES = {
    "routes": ('match = "git.corp.example.com/*"', 'source = "direct"'),
    "credentials": ('host = "git.corp.example.com"', 'kind = "token"', 'token_env = "CORP_TOKEN"'),
    "upstreams": ('url = "https://proxy.corp.example.com"', 'ca = "corp-ca.pem"', "concurrency = 32"),
}
_HEAD = """\
# Configuration of modgate. A line that begins with # is not in force: what it shows is
# the default, or an example where there is none. Remove the # to set a key.
#
# Check it:          modgate config check {file}
# What is in force:  modgate config show
# Durations are 30, "30s" or "1m30s"; sizes 1048576, "512MiB" or "2GiB". A relative path
# is meant from this file's folder. Passwords and tokens do not belong here: name a file
# or a variable that holds them.
#
# An editor that knows TOML completes the keys once it has their schema:
#   modgate config schema > modgate.schema.json
# and, as the first line of this file, #:schema ./modgate.schema.json
"""


def starter(chosen: Mapping[str, str], *, file: str) -> str:
    """The text of the file.

    Args:
        chosen: Values by dotted key that are in force in it, as TOML.
        file: How the file is called in the advice on top.
    """
    lines = [_HEAD.format(file=file)]
    fields = Config.model_fields
    simple = [name for name in fields if not _section(fields[name]) and name not in _TABLES]
    for name in (*_FIRST, *(each for each in simple if each not in _FIRST)):
        lines += _key(name, name, fields[name], chosen)
    for name, field in fields.items():
        if (section := _section(field)) is None:
            continue
        lines += [*_comment(field.description or ""), f"[{name}]"]
        for leaf, inner in section.model_fields.items():
            lines += _key(f"{name}.{leaf}", leaf, inner, chosen)
    for name in _TABLES:
        lines += _list_of_tables(name, fields[name], chosen)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _key(name: str, leaf: str, field: FieldInfo, chosen: Mapping[str, str]) -> Iterator[str]:
    yield from _comment(field.description or "")
    if name in chosen:
        yield f"{leaf} = {chosen[name]}"
    else:
        value = _EXAMPLES.get(name) or _written(field.default, leaf)
        yield f"#{leaf} = {value}"
    yield ""


def _list_of_tables(name: str, field: FieldInfo, chosen: Mapping[str, str]) -> Iterator[str]:
    yield from _comment(field.description or "")
    if name in chosen:
        tables = json.loads(chosen[name])
        for table in tables:
            yield f"[[{name}]]"
            yield from (f"{key} = {_toml(value)}" for key, value in table.items())
    else:
        yield f"#[[{name}]]"
        yield from (f"#{line}" for line in _TABLES[name])
    yield ""


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False)]


def _written(default: object, leaf: str) -> str:
    """A default as TOML; an example of a file where there is none."""
    if isinstance(default, Listen | StoreSpec):
        return _toml(str(default))
    if isinstance(default, float):
        return _toml(write_duration(default))
    if isinstance(default, int) and not isinstance(default, bool) and default and default % (1 << 20) == 0:
        whole = default >> 20
        return _toml(f"{whole >> 10}GiB" if whole % 1024 == 0 else f"{whole}MiB")
    if default is None or type(default).__name__ == "PydanticUndefinedType":
        return _toml(leaf)
    return _toml(default)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
