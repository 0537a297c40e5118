"""The report: self-contained, escaped, complete in both languages; and the document it is made from."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest

from modgate.client.mirrors.compare import compare
from modgate.client.mirrors.page import page
from modgate.messages import Catalogue, Language
from tests.client.mirrors.documents import made

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
VOID = {"meta", "br", "img", "input", "link", "hr"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def _evil() -> dict[str, Any]:
    """A document in which every text of strangers tries to break out."""
    found = made("goproxy.cn", "elsewhere.example")
    for mirror in found["mirrors"]:
        mirror["name"] = mirror["url"] = mirror["operator"] = EVIL
        mirror["reasons"] = [{"id": "x", "text": EVIL}]
        mirror["http"]["server"] = EVIL
        mirror["conformance"][0] |= {"result": "fail", "detail": EVIL}
        mirror["samples"][0]["failure"] = EVIL
        mirror["freshness"][0] |= {"module": EVIL, "newest": EVIL, "mirror_age": EVIL}
        mirror["compliance"][0] |= {"text": EVIL, "date": EVIL, "source": EVIL}
    found["subject"]["module"] = found["taken"] = EVIL
    found["comparison"] = {
        "taken": EVIL,
        "same_subject": False,
        "changes": [{"mirror": EVIL, "what": "cold", "before": 1.0, "after": 2.0, "change": "worse"}],
        "new": [EVIL],
        "gone": [],
    }
    return found


@pytest.mark.parametrize("language", list(Language))
def test_nothing_is_loaded_from_anywhere_and_nothing_runs(language: Language) -> None:
    reader = _read(page(made("goproxy.cn", "goproxy.io", language=language), Catalogue(language)))
    assert not set(reader.tags) & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    names = {name for name, _ in reader.attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "action", "style"}
    assert not any(name.startswith("on") for name in names)
    style = (resources.files("modgate.client.mirrors") / "page.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_what_strangers_say_stays_text() -> None:
    html = page(_evil(), Catalogue(Language.ENGLISH))
    reader = _read(html)
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    assert EVIL in reader.text


@pytest.mark.parametrize("language", list(Language))
def test_every_mirror_and_every_chart_is_there(language: Language) -> None:
    names = ("goproxy.cn", "goproxy.io", "elsewhere.example")
    reader = _read(page(made(*names, language=language), Catalogue(language)))
    charts = [value for name, value in reader.attributes if name == "aria-label"]
    say = Catalogue(language)
    assert charts == [say(f"mirrors.head.{key}") for key in ("latency", "steps", "throughput", "rounds")]
    assert set(names) <= set(reader.text)
    assert dict(reader.attributes)["lang"] == ("zh-CN" if language is Language.CHINESE else "en")


def test_a_page_of_nobody_measured_is_a_page() -> None:
    found = made()
    found["mirrors"] = []
    assert "svg" not in _read(page(found, Catalogue(Language.ENGLISH))).tags


def test_the_comparison_is_on_the_page() -> None:
    found = made(latency=0.3)
    found["comparison"] = compare(made(latency=0.05), found)
    text = " ".join(_read(page(found, Catalogue(Language.ENGLISH))).text)
    assert "▼ goproxy.cn: cold latency" in text


@pytest.mark.parametrize("language", list(Language))
def test_the_document_has_the_published_shape(language: Language) -> None:
    schema = json.loads((resources.files("modgate.client.mirrors") / "schema.json").read_text())
    found = made("goproxy.cn", "elsewhere.example", language=language, fail_every=3)
    found["comparison"] = compare(made(), found)
    problems = list(_misfits(json.loads(json.dumps(found)), schema, schema, "$"))
    assert problems == []
    assert list(_misfits({**found, "more": 1}, schema, schema, "$")) == ["$: more"]
    assert list(_misfits({**found, "taken": None}, schema, schema, "$")) == ["$.taken: NoneType"]


TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _misfits(value: Any, rule: dict[str, Any], root: dict[str, Any], where: str) -> list[str]:
    """Where a value breaks the schema: the few keywords that it uses."""
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rpartition("/")[2]]
    if "const" in rule and value != rule["const"]:
        return [f"{where}: {value!r}"]
    if "enum" in rule and value not in rule["enum"]:
        return [f"{where}: {value!r}"]
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fits = any(
        isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds
    )
    if kinds and not fits:
        return [f"{where}: {type(value).__name__}"]
    found: list[str] = []
    if isinstance(value, dict):
        known = rule.get("properties", {})
        found += [f"{where}: lacks {name}" for name in rule.get("required", []) if name not in value]
        for name, item in value.items():
            more = rule.get("additionalProperties", True)
            if name in known:
                found += _misfits(item, known[name], root, f"{where}.{name}")
            elif more is False:
                found.append(f"{where}: {name}")
            elif isinstance(more, dict):
                found += _misfits(item, more, root, f"{where}.{name}")
    if isinstance(value, list) and "items" in rule:
        for at, item in enumerate(value):
            found += _misfits(item, rule["items"], root, f"{where}[{at}]")
    return found
