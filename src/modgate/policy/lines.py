"""A document's values, with the line that each key stands on; TOML and YAML, neither of them trusted.

TOML's own reader gives no places, so they are looked for in the text once more: a key that is not found again
costs its line number and nothing else. In YAML the places come with the nodes; aliases are refused, because a
few lines of them can stand for gigabytes, and so is depth that no policy needs.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Literal

from modgate.policy.bounds import MAX_DEPTH, MAX_WORD, TOO_DEEP, TOO_LONG, check_numbers, check_toml
from modgate.policy.problems import PolicyInvalid, Problem

__all__ = ["MAX_SIZE", "Form", "read_document"]

Form = Literal["toml", "yaml"]

MAX_SIZE = 1 << 20
"""Characters of a document."""

_MAX_NODES = 200_000
_MAX_NAMES = 8 << 20
_KEY = r"(?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNED = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
# What is left open goes to the end of the line, or each mark on it would be tried as a beginning.
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*+(?:\"|\\?$)|'[^']*+(?:'|$)|#.*")
_AT = re.compile(r" \(at line (\d+), column \d+\)$")


def read_document(text: str, *, form: Form, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The document, and the line of each key by its name (`rules[1].when`). Raises PolicyInvalid."""
    if len(text) > MAX_SIZE:
        raise PolicyInvalid(name, (Problem("", f"it is longer than {MAX_SIZE >> 20} MiB"),))
    document, lines = _yaml(text, name) if form == "yaml" else _toml(text, name)
    if (problem := check_numbers(document)) is not None:
        raise PolicyInvalid(name, (problem,))
    return document, lines


class _Lines(dict[str, int]):
    """The line of each key by its name; names beyond some megabytes are not kept."""

    def __init__(self) -> None:
        super().__init__()
        self._left = _MAX_NAMES

    def note(self, name: str, line: int) -> None:
        """The first line counts."""
        if name not in self and self._left > 0:
            self._left -= len(name)
            self[name] = line


def _toml(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    if (problem := check_toml(text)) is not None:
        raise PolicyInvalid(name, (problem,))
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
    lines = _Lines()
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
                lines.note(table, number)
                continue
            if match := _ASSIGNED.match(line):
                key = _placed(match[1], {}, opens=False)
                lines.note(f"{table}.{key}" if table else key, number)
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

    lines = _Lines()
    # libyaml's reader where it is there: Python's own takes a minute for what this one takes a second for.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_bombs(yaml.parse(text, Loader=loader), name)
        node = yaml.compose(text, Loader=loader)
        _node_lines(node, "", lines, name)
        document = yaml.load(text, Loader=loader)  # noqa: S506  both are safe ones
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
        if depth > MAX_DEPTH:
            raise PolicyInvalid(name, (Problem("", TOO_DEEP, line),))
        if kind == "ScalarEvent" and len(event.value) > MAX_WORD:
            raise PolicyInvalid(name, (Problem("", TOO_LONG, line),))
        if nodes > _MAX_NODES:
            raise PolicyInvalid(name, (Problem("", "it has too many values", line),))


def _node_lines(node: Any, path: str, lines: _Lines, name: str) -> None:
    match node.value if node is not None else None:
        case [(_, _), *_] as pairs:
            seen: set[str] = set()
            for key, value in pairs:
                where = f"{path}.{key.value}" if path else str(key.value)
                line = key.start_mark.line + 1
                if str(key.value) in seen:
                    raise PolicyInvalid(name, (Problem(where, "it stands here twice", line),))
                seen.add(str(key.value))
                lines.note(where, line)
                _node_lines(value, where, lines, name)
        case [*items]:
            for number, item in enumerate(items, start=1):
                lines.note(f"{path}[{number}]", item.start_mark.line + 1)
                _node_lines(item, f"{path}[{number}]", lines, name)
