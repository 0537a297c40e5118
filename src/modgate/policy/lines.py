"""A document's values, with the line that each key stands on; TOML and YAML, neither of them trusted.

TOML's own reader gives no places, so they are looked for in the text once more: a key that is not found again
costs its line number and nothing else. In YAML the places come with the nodes; aliases are refused, because a
few lines of them can stand for gigabytes, and so is depth that no policy needs.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Literal

from modgate.policy.problems import PolicyInvalid, Problem

__all__ = ["MAX_SIZE", "Form", "read_document"]

Form = Literal["toml", "yaml"]

MAX_SIZE = 1 << 20
"""Characters of a document."""

_MAX_DEPTH = 20
_MAX_NODES = 200_000
_KEY = r"(?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNED = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*")
_AT = re.compile(r" \(at line (\d+), column \d+\)$")


def read_document(text: str, *, form: Form, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The document, and the line of each key by its name (`rules[1].when`). Raises PolicyInvalid."""
    if len(text) > MAX_SIZE:
        raise PolicyInvalid(name, (Problem("", f"it is longer than {MAX_SIZE >> 20} MiB"),))
    return _yaml(text, name) if form == "yaml" else _toml(text, name)


def _toml(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        match = _AT.search(what)
        line = int(match[1]) if match else 0
        raise PolicyInvalid(name, (Problem("", f"no TOML: {_AT.sub('', what)}", line),)) from None
    except ValueError as error:
        raise PolicyInvalid(name, (Problem("", f"no TOML: {error}"),)) from None
    return tables, _toml_lines(text)


def _toml_lines(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = inside = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = "" if inside in line else inside
            continue
        rest = line
        if depth <= 0:
            depth = 0
            if match := _HEADER.match(line):
                table = _placed(match[2], counts, opens=match[1] == "[[")
                lines.setdefault(table, number)
                continue
            if match := _ASSIGNED.match(line):
                key = _placed(match[1], {}, opens=False)
                lines.setdefault(f"{table}.{key}" if table else key, number)
                rest = line[match.end() :]
        inside = next((fence for fence in ('"""', "'''") if rest.count(fence) % 2), "")
        bare = _QUOTED.sub("", rest)
        depth += bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
    return lines


def _placed(written: str, counts: dict[str, int], *, opens: bool) -> str:
    """The name of a table, the items of lists by number: `[rules.when]` after two `[[rules]]` is
    `rules[2].when`.
    """
    parts = [part.strip("\"'") for part in re.findall(_KEY, written)]
    name = ""
    for index, part in enumerate(parts):
        name = f"{name}.{part}" if name else part
        if opens and index == len(parts) - 1:
            counts[name] = counts.get(name, 0) + 1
        if counts.get(name):
            name = f"{name}[{counts[name]}]"
    return name


def _yaml(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    import yaml  # noqa: PLC0415  only for those who write YAML

    lines: dict[str, int] = {}
    try:
        _refuse_bombs(yaml.parse(text, Loader=yaml.SafeLoader), name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _node_lines(node, "", lines, name)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = Problem(
            "", f"no YAML: {error.problem or 'it cannot be read'}", mark.line + 1 if mark else 0
        )
        raise PolicyInvalid(name, (problem,)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise PolicyInvalid(name, (Problem("", f"no YAML: {first}"),)) from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise PolicyInvalid(name, (Problem("", "a policy is a table of keys", 1),))
    return document, lines


def _refuse_bombs(events: Any, name: str) -> None:
    depth = 0
    for nodes, event in enumerate(events):
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        line = event.start_mark.line + 1
        if kind == "AliasEvent":
            raise PolicyInvalid(name, (Problem("", "aliases (*name) are not understood here", line),))
        if depth > _MAX_DEPTH:
            raise PolicyInvalid(name, (Problem("", "it is nested too deeply", line),))
        if nodes > _MAX_NODES:
            raise PolicyInvalid(name, (Problem("", "it has too many values", line),))


def _node_lines(node: Any, path: str, lines: dict[str, int], name: str) -> None:
    match node.value if node is not None else None:
        case [(_, _), *_] as pairs:
            seen: set[str] = set()
            for key, value in pairs:
                where = f"{path}.{key.value}" if path else str(key.value)
                line = key.start_mark.line + 1
                if str(key.value) in seen:
                    raise PolicyInvalid(name, (Problem(where, "it stands here twice", line),))
                seen.add(str(key.value))
                lines.setdefault(where, line)
                _node_lines(value, where, lines, name)
        case [*items]:
            for number, item in enumerate(items, start=1):
                lines.setdefault(f"{path}[{number}]", item.start_mark.line + 1)
                _node_lines(item, f"{path}[{number}]", lines, name)
