"""One value of a settings file changed, and every byte outside of the change left as it was.

People keep comments, blank lines and an order of their own in settings.json, and VS Code watches the file:
so a change is an insertion or a replacement in the text, never a new text. The new member stands after the
last one, on a line of its own where the others do, and after a comment that belongs to the last one.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from modgate.client.machine.jsonc import parse
from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.machine.jsonc import Document, Json, Node

__all__ = ["remove_value", "set_value"]

_SAME_LINE = re.compile(r"(?:[ \t]|/\*[^\r\n]*?\*/)*(?://[^\r\n]*)?(?=[\r\n])")
_MARGIN = re.compile(r"[ \t]*\Z")
_USUAL = "    "


def set_value(source: bytes, path: Sequence[str], value: Json) -> bytes:
    """The file with this value under these keys, one after the other; missing objects are made.

    Raises Invalid where the file cannot be read, where the path is empty, or where something on the way is
    there and no object.
    """
    document = parse(source)
    if not path:
        raise Invalid("a change needs a key")
    node, depth = document.root, 0
    while (
        node is not None
        and depth < len(path)
        and isinstance(node.value, dict)
        and path[depth] in node.members
    ):
        node, depth = node.members[path[depth]], depth + 1
    if node is None:
        return _into_nothing(document, path, value)
    if depth == len(path):
        return _spliced(document, node.start, node.end, _written(document, node, value))
    if not isinstance(node.value, dict):
        if node.value is None and depth:
            wrapped = _wrapped(path[depth:], value)
            return _spliced(document, node.start, node.end, _written(document, node, wrapped))
        named = ".".join(path[:depth]) or "the whole"
        raise Invalid(f"{named} is no object", where=f"line {document.line(node)}")
    return _inserted(document, node, path[depth], _wrapped(path[depth + 1 :], value))


def remove_value(source: bytes, path: Sequence[str]) -> bytes:
    """The file without this member; the same bytes where it has none. Comments stay. Raises Invalid as
    `set_value` does.
    """
    document = parse(source)
    parent, node = document.find(path[:-1]), document.find(path)
    if not path or parent is None or node is None:
        return source
    text, start, end = document.text, node.key_start, node.end
    siblings = parent.items
    last = siblings[-1] is node
    if not last or parent.trailing:
        end = _comma_after(text, end)
    line_start = start - len(_margin(text, start))
    rest = re.compile(r"[ \t]*(\r\n|\r|\n)").match(text, end)
    alone = line_start == 0 or text[line_start - 1] in "\r\n"
    changed = text[:line_start] + text[rest.end() :] if rest and alone else text[:start] + text[end:]
    if last and not parent.trailing and len(siblings) > 1:
        before = siblings[-2].end
        comma = _comma_after(text, before) - 1
        changed = changed[:comma] + changed[comma + 1 :]
    result = changed.encode()
    # A duplicate that was hidden comes to light: it is taken out as well.
    return remove_value(result, path) if parse(result).find(path) is not None else result


def _comma_after(text: str, position: int) -> int:
    """One past the comma that follows, past space and comments."""
    trivia = re.compile(r"(?:[\s\ufeff]|//[^\r\n]*|/\*.*?\*/)*,", re.DOTALL).match(text, position)
    return trivia.end() if trivia else position


def _spliced(document: Document, start: int, end: int, new: str) -> bytes:
    return (document.text[:start] + new + document.text[end:]).encode()


def _wrapped(keys: Sequence[str], value: Json) -> Json:
    for key in reversed(keys):
        value = {key: value}
    return value


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _margin(text: str, position: int) -> str:
    """The blanks that stand directly before a position."""
    match = _MARGIN.search(text, 0, position)
    return match.group() if match else ""


def _own_line(text: str, position: int) -> bool:
    """Whether only blanks stand before a position in its line."""
    start = position - len(_margin(text, position))
    return start == 0 or text[start - 1] in "\r\n\ufeff"


def _step(document: Document) -> str:
    """How far this file indents."""
    root = document.root
    for node in root.members.values() if root else ():
        if _own_line(document.text, node.key_start):
            return _margin(document.text, node.key_start) or _USUAL
    return _USUAL


def _dumped(document: Document, value: Json, margin: str) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=_step(document))
    return text.replace("\n", _line_end(document.text) + margin)


def _written(document: Document, node: Node, value: Json) -> str:
    own = _own_line(document.text, node.key_start)
    return _dumped(document, value, _margin(document.text, node.key_start) if own else "")


def _member(document: Document, key: str, value: Json, margin: str) -> str:
    return f"{json.dumps(key, ensure_ascii=False)}: {_dumped(document, value, margin)}"


def _inserted(document: Document, node: Node, key: str, value: Json) -> bytes:
    text, end = document.text, _line_end(document.text)
    if not node.members:
        return _into_empty(document, node, key, value)
    last = node.items[-1]
    comma, after = ("", ",") if node.trailing else (",", "")
    if not _own_line(text, last.key_start):
        new = f"{comma} {json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}{after}"
        return _spliced(document, node.last_end, node.last_end, new)
    margin = _margin(text, last.key_start)
    same_line = _SAME_LINE.match(text, node.last_end)
    place = same_line.end() if same_line else node.last_end
    new = f"{end}{margin}{_member(document, key, value, margin)}{after}"
    if not same_line:
        new = comma + new
        return _spliced(document, place, place, new)
    return (text[: node.last_end] + comma + text[node.last_end : place] + new + text[place:]).encode()


def _into_empty(document: Document, node: Node, key: str, value: Json) -> bytes:
    text, end = document.text, _line_end(document.text)
    brace = node.end - 1
    base = _margin(text, node.key_start) if _own_line(text, node.key_start) else ""
    margin = base + _step(document)
    if _own_line(text, brace) and brace - len(_margin(text, brace)) > node.start:
        start = brace - len(_margin(text, brace))
        return _spliced(document, start, start, f"{margin}{_member(document, key, value, margin)}{end}")
    return _spliced(
        document, brace, brace, f"{end}{margin}{_member(document, key, value, margin)}{end}{base}"
    )


def _into_nothing(document: Document, path: Sequence[str], value: Json) -> bytes:
    text, end = document.text, _line_end(document.text)
    gap = "" if not text.strip("\ufeff") or text.endswith(("\n", "\r")) else end
    return f"{text}{gap}{_dumped(document, _wrapped(path, value), '')}{end}".encode()
