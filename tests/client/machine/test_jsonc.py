"""JSON with comments: read as json-five reads it, edited without touching anything else."""

from __future__ import annotations

import json
import math
from typing import Any

import json5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.machine.jsonc import Flaw, Json, Malformed, parse
from modgate.client.machine.jsonc_edit import remove_value, set_value
from modgate.errors import Invalid

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUES: st.SearchStrategy[Json] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_TEXT, _VALUES, max_size=5)
_TRIVIA = ("", "", " ", "\n", "\r\n", "\t", '// a "note", {\n', "/* b, ] */", " // c\r\n", "/**/ ")


@st.composite
def _settings(draw: st.DrawFn, values: st.SearchStrategy[Any] = _VALUES) -> str:
    """A text of a value with comments, blank lines, commas at the end, escapes."""

    def gap() -> str:
        return draw(st.sampled_from(_TRIVIA))

    def flag() -> bool:
        return draw(st.sampled_from((True, False)))

    def written(value: Json) -> str:
        if isinstance(value, dict):
            parts = [
                f"{gap()}{_quoted(key)}{gap()}:{gap()}{written(item)}{gap()}" for key, item in value.items()
            ]
        elif isinstance(value, list):
            parts = [f"{gap()}{written(item)}{gap()}" for item in value]
        else:
            return _quoted(value) if isinstance(value, str) else json.dumps(value)
        body = ",".join(parts)
        if parts and flag():
            body += ","
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        return f"{opening}{body}{gap()}{closing}"

    def _quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=flag())

    return gap() + written(draw(values)) + gap()


@given(_settings())
def test_what_is_read_is_what_json_five_reads(text: str) -> None:
    assert parse(text.encode()).value == _joined(json5.loads(text))


def _joined(value: Json) -> Json:
    """json-five leaves the halves of an escaped surrogate pair apart."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    if isinstance(value, list):
        return [_joined(item) for item in value]
    if isinstance(value, dict):
        return {str(_joined(key)): _joined(item) for key, item in value.items()}
    return value


@given(_settings(_OBJECTS), _TEXT, _VALUES)
def test_a_set_value_is_there_and_nothing_else_changed(text: str, key: str, value: Json) -> None:
    source = text.encode()
    before = parse(source)
    after_bytes = set_value(source, [key], value)
    after = parse(after_bytes)
    assert isinstance(before.value, dict)
    assert after.value == {**before.value, key: value}
    node = before.find([key])
    if node is not None:
        changed = after_bytes.decode()
        assert changed.startswith(text[: node.start])
        assert changed.endswith(text[node.end :])
    else:
        assert _is_subsequence(text, after_bytes.decode())


@given(_settings(_OBJECTS), st.data())
def test_a_removed_value_takes_nothing_with_it(text: str, data: st.DataObject) -> None:
    source = text.encode()
    before = parse(source).value
    assert isinstance(before, dict)
    key = data.draw(st.sampled_from(sorted(before)) if before else st.just("none"))
    after = remove_value(source, [key])
    assert parse(after).value == {name: value for name, value in before.items() if name != key}
    assert _is_subsequence(after.decode(), text)


@given(_settings(_OBJECTS), _TEXT, _SCALARS)
def test_setting_twice_is_setting_once(text: str, key: str, value: Json) -> None:
    once = set_value(text.encode(), ["go.toolsEnvVars", key], value) if _fits(text) else text.encode()
    assert not _fits(text) or set_value(once, ["go.toolsEnvVars", key], value) == once


def _fits(text: str) -> bool:
    value = parse(text.encode()).value
    return isinstance(value, dict) and isinstance(value.get("go.toolsEnvVars", {}), dict)


def _is_subsequence(small: str, large: str) -> bool:
    rest = iter(large)
    return all(char in rest for char in small)


SETTINGS = b"""\xef\xbb\xbf{\r
  // the company's proxy\r
  "http.proxy": "http://proxy.example.test:8080", // ask IT\r
  "go.toolsEnvVars": {\r
    "GOPROXY": "https://one.example.test,direct",\r
    "GOFLAGS": "-mod=mod", /* keep */\r
  },\r
}\r
"""


def test_each_key_knows_its_line() -> None:
    document = parse(SETTINGS)
    found = {
        path: document.line(node)
        for path in (("http.proxy",), ("go.toolsEnvVars",), ("go.toolsEnvVars", "GOFLAGS"))
        if (node := document.find(path))
    }
    assert found == {("http.proxy",): 3, ("go.toolsEnvVars",): 4, ("go.toolsEnvVars", "GOFLAGS"): 6}


def test_one_value_changes_and_the_mark_comments_and_line_ends_stay() -> None:
    changed = set_value(SETTINGS, ["go.toolsEnvVars", "GOPROXY"], "https://two.example.test")
    assert changed == SETTINGS.replace(b"https://one.example.test,direct", b"https://two.example.test")


def test_a_new_key_stands_after_the_comment_of_the_last_one() -> None:
    changed = set_value(b'{\n  "a": 1 // one\n}\n', ["b"], True)
    assert changed == b'{\n  "a": 1, // one\n  "b": true\n}\n'


def test_missing_objects_are_made_in_the_style_of_the_file() -> None:
    changed = set_value(b'{\r\n\t"a": 1\r\n}', ["go.toolsEnvVars", "GOPROXY"], "off")
    assert changed == b'{\r\n\t"a": 1,\r\n\t"go.toolsEnvVars": {\r\n\t\t"GOPROXY": "off"\r\n\t}\r\n}'


def test_a_line_goes_with_its_value() -> None:
    assert remove_value(SETTINGS, ["go.toolsEnvVars", "GOPROXY"]) == SETTINGS.replace(
        b'    "GOPROXY": "https://one.example.test,direct",\r\n', b""
    )


def test_an_empty_file_is_an_empty_object() -> None:
    assert parse(b"").value == parse(b"// nothing yet\n").value == {}
    assert parse(set_value(b"// nothing yet", ["a", "b"], 1)).value == {"a": {"b": 1}}
    assert parse(set_value(b"\xef\xbb\xbf", ["a"], 1)).value == {"a": 1}


def test_of_duplicate_keys_the_last_wins_and_is_the_one_that_changes() -> None:
    source = b'{"b": 0, "a": 1, "a": 2}'
    assert parse(source).value == {"b": 0, "a": 2}
    assert set_value(source, ["a"], 3) == b'{"b": 0, "a": 1, "a": 3}'
    assert parse(remove_value(source, ["a"])).value == {"b": 0}


def test_half_a_surrogate_pair_is_what_a_program_would_get() -> None:
    assert parse(rb'["\ud83d\ude00", "x\ud800y"]').value == ["\U0001f600", "x\ufffdy"]


def test_numbers_without_end_are_infinite() -> None:
    assert parse(b"[1e400, " + b"9" * 5000 + b"]").value == [math.inf, math.inf]


@pytest.mark.parametrize(
    ("source", "line", "flaw"),
    [
        (b'{\n  "a": 1\n  "b": 2\n}', 3, Flaw.COMMA),
        (b'{\n  "a" 1\n}', 2, Flaw.COLON),
        (b'{\n  "a": 1,\n', 3, Flaw.END),
        (b'{\n\n  "a": "x\n}', 3, Flaw.STRING),
        (b"{} {}", 1, Flaw.AFTER),
        (b"{\n'a': 1}", 2, Flaw.CHARACTER),
        (b"/* x", 1, Flaw.COMMENT),
        (b"[1,,2]", 1, Flaw.VALUE),
        (b"{1: 2}", 1, Flaw.KEY),
        (b"[01]", 1, Flaw.CHARACTER),
        (b'{\n"a": "\xff"}', 2, Flaw.ENCODING),
        (b"[" * 5000, 1, Flaw.DEPTH),
    ],
)
def test_a_broken_file_says_where_and_why(source: bytes, line: int, flaw: Flaw) -> None:
    with pytest.raises(Malformed) as caught:
        parse(source)
    assert (caught.value.line, caught.value.flaw) == (line, flaw)


def test_what_is_no_object_is_not_replaced() -> None:
    with pytest.raises(Invalid, match="no object"):
        set_value(b'{"go.toolsEnvVars": "x"}', ["go.toolsEnvVars", "GOPROXY"], "off")
