"""Every service gets its own form, and no text from outside becomes markup, a mention or a link in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from modgate.messages import Catalogue, Language
from modgate.model.outbox import Message
from modgate.notify.story import tell
from modgate.notify.templates import refusal, render

if TYPE_CHECKING:
    from modgate.notify.target import Format

AT = 1_800_000_000.25
EVIL = (
    "<!channel> <@U1> <https://evil.example|click> [x](https://evil.example) *b* `c` @all "
    '<at user_id="all"></at>\n\x1b[31m\u202e'
)
FORMS: tuple[Format, ...] = ("slack", "feishu", "dingtalk", "teams")


def advisory(
    versions: int = 1, summary: str = "HTTP/2 CONTINUATION flood", consumer: str = "team-a"
) -> Message:
    body = {
        "advisory": {
            "id": "GO-2024-2687",
            "aliases": ["CVE-2023-45288"],
            "severity": "high",
            "summary": summary,
            "url": "https://pkg.go.dev/vuln/GO-2024-2687",
        },
        "versions": [
            {"module": "golang.org/x/net", "version": f"v0.{n}.0", "fixed": "v0.23.0"}
            for n in range(versions)
        ],
        "contact": "#team-a",
        "ask": "security@example.com",
    }
    return Message("ops", "k", "advisory", 1_790_000_000.0, consumer, body)


def rendered(form: Format, message: Message, secret: bytes | None = None, lang: str = "en") -> dict[str, Any]:
    found = render(
        form, message, Catalogue(Language(lang)), identifier="msg_x", source="modgate", at=AT, secret=secret
    )
    document: dict[str, Any] = json.loads(found.body)
    return document


def texts(value: object) -> list[str]:
    """All strings of a document."""
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for child in children for text in texts(child)]


def test_the_generic_form_is_a_cloud_event_with_the_command_beside_each_version() -> None:
    found = render(
        "json", advisory(), Catalogue(Language.ENGLISH), identifier="msg_x", source="http://gate:3000", at=AT
    )
    assert found.content_type.startswith("application/cloudevents+json")
    event = json.loads(found.body)
    assert {key: event[key] for key in ("specversion", "id", "source", "type", "time")} == {
        "specversion": "1.0",
        "id": "msg_x",
        "source": "http://gate:3000",
        "type": "modgate.advisory",
        "time": "2026-09-21T14:13:20Z",
    }
    assert event["data"]["consumer"] == "team-a"
    assert event["data"]["versions"] == [
        {
            "module": "golang.org/x/net",
            "version": "v0.0.0",
            "fixed": "v0.23.0",
            "command": "go get golang.org/x/net@v0.23.0",
        }
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_form_says_what_why_whom_the_fix_and_where_to_ask(form: Format, lang: str) -> None:
    said = "\n".join(texts(rendered(form, advisory(), lang=lang)))
    for wanted in (
        "golang.org/x/net@v0.0.0",
        "GO-2024-2687",
        "HTTP/2 CONTINUATION flood",
        "team-a",
        "#team-a",
        "go get golang.org/x/net@v0.23.0",
        "security@example.com",
        "https://pkg.go.dev/vuln/GO-2024-2687",
        "高危" if lang == "zh" else "high",
    ):
        assert wanted in said


def test_the_shape_for_slack() -> None:
    document = rendered("slack", advisory())
    assert [block["type"] for block in document["blocks"]] == ["header", "section", "section", "section"]
    assert document["blocks"][0]["text"]["type"] == "plain_text"
    assert all(block["text"]["verbatim"] for block in document["blocks"][1:])
    assert document["text"].startswith("GO-2024-2687 (high) affects")


def test_the_shape_for_feishu_and_its_signature() -> None:
    document = rendered("feishu", advisory(), b"bot secret")
    assert document["msg_type"] == "post"
    lines = document["content"]["post"]["zh_cn"]["content"]
    assert {element["tag"] for line in lines for element in line} == {"text", "a"}
    assert document["timestamp"] == "1800000000"
    mac = hmac.new(b"1800000000\nbot secret", b"", hashlib.sha256)
    assert document["sign"] == base64.b64encode(mac.digest()).decode()
    assert "sign" not in rendered("feishu", advisory())


def test_the_shape_for_dingtalk_and_its_signature() -> None:
    found = render(
        "dingtalk",
        advisory(),
        Catalogue(Language.CHINESE),
        identifier="x",
        source="x",
        at=AT,
        secret=b"SEC0123",
    )
    document = json.loads(found.body)
    assert (document["msgtype"], document["at"]) == ("text", {"isAtAll": False})
    query = {name: value for name, [value] in parse_qs(found.query, strict_parsing=True).items()}
    assert query["timestamp"] == "1800000000250"
    mac = hmac.new(b"SEC0123", b"1800000000250\nSEC0123", hashlib.sha256)
    assert base64.b64decode(query["sign"]) == mac.digest()


def test_the_shape_for_teams() -> None:
    document = rendered("teams", advisory())
    [attachment] = document["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"]


@pytest.mark.parametrize("form", FORMS)
def test_no_text_from_outside_acts(form: Format) -> None:
    message = advisory(summary=EVIL, consumer=EVIL)
    message.body["versions"].append({"module": EVIL, "version": EVIL, "fixed": EVIL})
    message.body["advisory"]["id"] = EVIL
    message.body["advisory"]["url"] = "javascript:alert(1)"
    document = rendered(form, message)
    said = texts(document)
    assert not any(re.search(r"[\x00-\x09\x0b-\x1f\u202e]", text) for text in said)
    assert not any("javascript:" in text for text in said)
    match form:
        case "slack":
            assert not any("<" in text for text in said)
            for block in document["blocks"][1:]:
                # Outside of code spans nothing stands but our own labels.
                outside = re.sub(r"`[^`]*`", "", block["text"]["text"].replace("```", "`"))
                assert "evil" not in outside
        case "feishu" | "dingtalk":
            assert not any("<" in text or "@all" in text for text in said if form == "dingtalk")
            assert not any("<" in text for text in said)
        case _:
            assert "actions" not in document["attachments"][0]["content"]


@pytest.mark.parametrize(
    ("module", "fixed"),
    [
        ("a.b/c; rm -rf /", "v1.0.0"),
        ("a.b/c", "v1.0.0 && x"),
        ("-x", "v1.0.0"),
        ("a.b/c", "$(x)"),
        ("a.b/c", ""),
    ],
)
def test_a_command_is_made_of_nothing_but_names(module: str, fixed: str) -> None:
    message = Message("ops", "k", "advisory", 0.0, "", {"versions": [{"module": module, "fixed": fixed}]})
    assert tell(message, Catalogue(Language.ENGLISH)).commands == ()


@pytest.mark.parametrize(
    ("form", "limit"), [("slack", 30_000), ("feishu", 20_000), ("dingtalk", 20_000), ("teams", 28_000)]
)
def test_a_message_stays_within_what_its_service_takes(form: Format, limit: int) -> None:
    message = advisory(versions=300, summary="漏洞" * 5000)
    message.body["versions"][:] = [
        {"module": "example.com/" + "very-" * 40, "version": f"v1.0.{n}", "fixed": "v2.0.0"}
        for n in range(300)
    ]
    found = render(form, message, Catalogue(Language.CHINESE), identifier="x", source="x", at=AT)
    assert len(found.body) <= limit
    if form == "slack":
        for block in json.loads(found.body)["blocks"]:
            assert len(block["text"]["text"]) <= (150 if block["type"] == "header" else 3000)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("event", "body"),
    [
        (
            "denied",
            {"effect": "deny", "versions": [{"module": "a.b/c", "version": "v1.0.0", "fixed": "v1.1.0"}]},
        ),
        ("denied", {"effect": "warn", "versions": [{"module": "a.b/c", "version": "v1.0.0"}]}),
        ("denied", {"effect": "quarantine", "versions": [{"module": "a.b/c", "version": "v1.0.0"}]}),
        (
            "denied",
            {"effect": "allow", "would": "deny", "versions": [{"module": "a.b/c", "version": "v1.0.0"}]},
        ),
        ("tampered", {"alert": {"kind": "tampered", "subject": "a.b/c", "text": "it differs"}}),
        (
            "waiver-expiring",
            {"waiver": {"id": "w-1", "covers": "a.b/*", "owner": "Ada", "expires": 1800000000}},
        ),
        (
            "waiver-expired",
            {"waiver": {"id": "w-1", "covers": "a.b/*", "owner": "Ada", "expires": 1800000000}},
        ),
        ("policy-broken", {"reason": "line 3", "where": "/etc/policy.toml"}),
        ("scan", {"versions": [{"module": "a.b/c", "version": "v1.0.0"}], "reason": "a secret"}),
        ("test", {}),
        ("unheard-of", {"versions": "nonsense", "advisory": 7, "alert": None}),
    ],
)
def test_every_event_has_its_words_in_both_languages(lang: str, event: str, body: dict[str, Any]) -> None:
    message = Message("ops", "k", event, 0.0, "team-a", body)
    story = tell(message, Catalogue(Language(lang)))
    assert story.title
    for form in FORMS:
        assert story.title in "\n".join(texts(rendered(form, message, lang=lang)))


def test_secrets_are_taken_out_of_what_is_sent() -> None:
    message = advisory(summary="fetch https://user:hunter2@example.com/ failed")
    for form in ("json", *FORMS):
        found = render(form, message, Catalogue(Language.ENGLISH), identifier="x", source="x", at=AT)
        assert b"hunter2" not in found.body


@pytest.mark.parametrize(
    ("form", "body", "refused"),
    [
        ("feishu", b'{"code":0,"msg":"success"}', False),
        ("feishu", b'{"StatusCode":0,"StatusMessage":"success"}', False),
        ("feishu", b'{"code":19024,"msg":"Key Words Not Found"}', True),
        ("dingtalk", b'{"errcode":0,"errmsg":"ok"}', False),
        ("dingtalk", b'{"errcode":310000,"errmsg":"sign not match"}', True),
        ("dingtalk", b"<html>", True),
        ("slack", b"ok", False),
        ("json", b"", False),
    ],
)
def test_what_a_bot_says_within_a_200_counts(form: Format, body: bytes, refused: bool) -> None:
    assert bool(refusal(form, body)) is refused
