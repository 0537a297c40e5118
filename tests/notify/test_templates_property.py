"""Whatever a message holds, each form of it is whole, short enough, and nothing in it acts."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.messages import Catalogue, Language
from modgate.model.outbox import Message
from modgate.notify.templates import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.notify.target import Format

EVIL = [
    "<!channel>",
    "<!here|x>",
    "<@U0123>",
    "<#C0123>",
    "<https://evil.example|click>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "javascript:alert(1)",
    "@all",
    "@ALL",
    "@所有人",
    '<at user_id="all">所有人</at>',
    "<at>Ada</at>",
    "@13800000000",
    "```",
    "`",
    "*b*",
    "_i_",
    "~s~",
    "\n# h\n> q",
    "&lt;!channel&gt;",
    "&",
    "\\",
    '"',
    "\x00",
    "\x1b[31m",
    "\u202e",
    "\u200b",
    "\u2066",
    "\U000e0041",
    "\ud83d",
    "𠮷",
    "漏洞影响" * 100,
    "x" * 5000,
    "&" * 400,
    "$(id)",
    "; rm -rf /",
]
TEXT = st.builds("{}{}{}".format, st.sampled_from(EVIL), st.text(max_size=9), st.sampled_from(EVIL))
VERSION = st.fixed_dictionaries(
    {"module": TEXT, "version": TEXT}, optional={"fixed": TEXT, "withheld": TEXT, "last": st.integers()}
)
EVENTS = [
    "advisory",
    "denied",
    "tampered",
    "waiver-expiring",
    "waiver-expired",
    "policy-broken",
    "scan",
    "test",
]
BODY = st.fixed_dictionaries(
    {},
    optional={
        "advisory": st.fixed_dictionaries(
            {},
            optional={
                "id": TEXT,
                "summary": TEXT,
                "aliases": st.lists(TEXT, max_size=7),
                "severity": st.one_of(TEXT, st.sampled_from(["critical", "low", "unknown"])),
                "url": st.one_of(TEXT, TEXT.map(lambda text: f"https://pkg.go.dev/{text}")),
            },
        ),
        "versions": st.one_of(
            TEXT, st.builds(list.__mul__, st.lists(VERSION, max_size=2), st.sampled_from([1, 40]))
        ),
        "reason": TEXT,
        "rule": TEXT,
        "decision": TEXT,
        "effect": st.one_of(TEXT, st.sampled_from(["warn", "deny", "quarantine", "allow"])),
        "contact": TEXT,
        "ask": TEXT,
        "where": TEXT,
        "severity": TEXT,
        "alert": st.fixed_dictionaries({"kind": TEXT, "subject": TEXT, "text": TEXT}),
        "waiver": st.fixed_dictionaries(
            {"id": TEXT, "covers": TEXT, "owner": TEXT, "reason": TEXT, "expires": st.integers() | TEXT}
        ),
    },
)
MESSAGES = st.builds(
    Message,
    target=st.just("ops"),
    key=st.just("k"),
    event=st.one_of(st.sampled_from(EVENTS), TEXT),
    at=st.just(1_800_000_000.0),
    consumer=TEXT,
    body=BODY,
)
# What the services say that they take, in bytes of the body; Slack's counts characters of its parts.
MOST = {"json": 256 << 10, "slack": 40_000, "feishu": 20 << 10, "dingtalk": 20_000, "teams": 28 << 10}
LINK = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~%+/?=&#:@-]*)?")
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def document(form: Format, message: Message, lang: str = "zh") -> dict[str, Any]:
    """A form, once it is seen to be short enough and to hold nothing that cannot be seen."""
    found = render(form, message, Catalogue(Language(lang)), identifier="msg_x", source="gate", at=1.8e9)
    decoded: dict[str, Any] = json.loads(found.body.decode("utf-8"))
    assert len(found.body) <= MOST[form]
    for text in strings(decoded):
        assert not {unicodedata.category(each) for each in text if each not in "\n\t"} & UNSEEN
    return decoded


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


@given(message=MESSAGES)
def test_the_generic_form_has_the_values_as_values(message: Message) -> None:
    decoded = document("json", message)
    for name, value in message.body.items():
        assert type(decoded["data"][name]) is type(value)


@given(message=MESSAGES)
def test_in_slack_everything_from_outside_is_escaped_and_within_code(message: Message) -> None:
    decoded = document("slack", message, "en")
    assert set(decoded) == {
        "text",
        "blocks",
        "mrkdwn",
        "parse",
        "link_names",
        "unfurl_links",
        "unfurl_media",
    }
    header, *sections = decoded["blocks"]
    assert header["text"]["type"] == "plain_text"
    assert len(header["text"]["text"]) <= 150
    for text in (decoded["text"], header["text"]["text"]):
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text)
    for section in sections:
        text = section["text"]["text"]
        assert section["text"]["verbatim"] is True
        assert 0 < len(text) <= 3000
        if link := re.fullmatch(r"<([^|<>]+)\|Read the advisory>", text):
            assert LINK.fullmatch(html.unescape(link[1]))
            continue
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text)
        if text.startswith("```"):
            assert text.endswith("```")
            assert "`" not in text[3:-3]
            continue
        for line in text.split("\n"):
            assert line == "…" or re.fullmatch(r"\*[A-Za-z ]+:\* `[^`]+`", line), line


@given(message=MESSAGES)
def test_in_feishu_there_are_plain_texts_and_one_link_of_ours(message: Message) -> None:
    decoded = document("feishu", message)
    assert decoded["msg_type"] == "post"
    [post] = decoded["content"]["post"].values()
    elements = [element for line in post["content"] for element in line]
    for element in elements:
        if element["tag"] == "a":
            assert element["text"] == "查看安全公告"
            assert LINK.fullmatch(element["href"])
        else:
            assert set(element) == {"tag", "text"}
            assert element["tag"] == "text"
    assert sum(element["tag"] == "a" for element in elements) <= 1
    assert not [text for text in strings(decoded) if re.search("[<>]", text)]


@given(message=MESSAGES)
def test_in_dingtalk_there_is_plain_text_that_calls_nobody(message: Message) -> None:
    decoded = document("dingtalk", message)
    assert set(decoded) == {"msgtype", "text", "at"}
    assert (decoded["msgtype"], decoded["at"]) == ("text", {"isAtAll": False})
    assert not re.search("[<>]|@(all(?![A-Za-z0-9])|所有人)", decoded["text"]["content"], re.IGNORECASE)


@given(message=MESSAGES)
def test_in_teams_there_are_text_runs_and_one_button_of_ours(message: Message) -> None:
    decoded = document("teams", message)
    [attachment] = decoded["attachments"]
    card = attachment["content"]
    assert set(card) <= {"$schema", "type", "version", "msteams", "body", "actions"}
    assert card["msteams"] == {"width": "Full"}
    for block in card["body"]:
        assert set(block) == {"type", "inlines"}
        assert block["type"] == "RichTextBlock"
        for run in block["inlines"]:
            assert run["type"] == "TextRun"
            assert set(run) <= {"type", "text", "weight", "size", "color", "fontType"}
    for action in card.get("actions", []):
        assert set(action) == {"type", "title", "url"}
        assert LINK.fullmatch(action["url"])


@pytest.mark.parametrize("form", MOST)
@given(count=st.integers(0, 3000), letter=st.sampled_from(["漏", "𠮷", "é", "a"]))
def test_a_long_text_is_cut_between_characters_and_says_so(form: Format, count: int, letter: str) -> None:
    message = Message("ops", "k", "policy-broken", 1.8e9, "", {"reason": letter * count})
    found = "\n".join(strings(document(form, message)))
    [run] = re.findall(f"{letter}{letter}+…?", found) or [""]
    shown = run.rstrip("…")
    assert set(shown) <= {letter}
    if count > 1:
        assert run.endswith("…") is (len(shown) < count)


@pytest.mark.parametrize("form", MOST)
@pytest.mark.parametrize("filler", ["𠮷", "&", '"', "漏"])
def test_the_longest_message_fits(form: Format, filler: str) -> None:
    text = filler * 5000
    version = {"module": text, "version": text, "fixed": text}
    body = {
        "advisory": {"id": text, "summary": text, "aliases": [text] * 9, "severity": "high"},
        "versions": [version] * 30,
        "alert": {"kind": text, "subject": text, "text": text},
        "waiver": {"id": text, "covers": text, "owner": text, "reason": text, "expires": 1},
        **dict.fromkeys(("contact", "reason", "rule", "decision", "where", "ask"), text),
    }
    one = body | {"versions": [version]}
    for event, held in (
        (event, held) for event in ("advisory", "denied", "tampered") for held in (body, one)
    ):
        decoded = document(form, Message("ops", "k", event, 1.8e9, text, held))
        if form == "slack":
            header, *sections = decoded["blocks"]
            assert len(header["text"]["text"]) <= 150
            assert all(len(section["text"]["text"]) <= 3000 for section in sections)
