"""The body of a message in the form of each service: a message in, bytes out.

No form lets a text from outside act. Where a service has elements that take plain text and nothing else,
those are used (Teams: TextRun; Feishu: `post` with `text` elements; DingTalk: `text`). Slack's text is
escaped and stands within code spans. So `<!channel>`, `@all`, links and markup of any kind arrive as the
characters that they are.

Each form stays within its service's limit: versions are left out, from the end, until it does, and then texts
become shorter. No character is cut.

Sources: CloudEvents 1.0.2, JSON format (generic); Slack, "Formatting text for app surfaces" and "Block Kit";
Feishu, "Custom bot usage guide"; DingTalk, "Custom robot security settings"; Adaptive Cards 1.4 and
"Create Incoming Webhooks with Workflows" (Teams).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from modgate.gomod.harmless import harmless
from modgate.notify.story import go_get, seen, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.messages import Catalogue
    from modgate.model.outbox import Message
    from modgate.notify.story import Story
    from modgate.notify.target import Format

__all__ = ["Rendered", "refusal", "render"]

_MOST = 20
_LIMITS = {"json": 256 << 10, "slack": 30_000, "feishu": 20_000, "dingtalk": 18_000, "teams": 26_000}
_LONGEST, _SHORTEST = 300, 40
_JSON_TEXT = 4096
_SLACK_SECTION, _SLACK_HEADER = 2900, 150
_ALL = re.compile(r"@(?=all(?![A-Za-z0-9])|所有人)", re.IGNORECASE)
_COLOURS = {"critical": "Attention", "high": "Attention", "medium": "Warning"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body with its type, and what is added to the address (DingTalk's signature), with its `&` or `?`
    left out.
    """

    body: bytes
    content_type: str = "application/json; charset=utf-8"
    query: str = ""


def render(
    form: Format,
    message: Message,
    say: Catalogue,
    *,
    identifier: str,
    source: str,
    at: float,
    secret: bytes | None = None,
) -> Rendered:
    """The body of an attempt at `at` (Unix seconds).

    `identifier` is the message's id, `source` names the gate, `secret` the key of a bot that asks for a
    signature of its own kind (Feishu, DingTalk).
    """
    if form == "json":
        return _event(message, identifier, source)
    most, longest = _MOST, _LONGEST
    while True:
        document = _document(form, tell(message, say, most=most, longest=longest), at, secret)
        body = msgspec.json.encode(document)
        if len(body) <= _LIMITS[form] or longest <= _SHORTEST:
            break
        most, longest = most // 2, longest if most else longest // 2
    query = _dingtalk_signature(secret, at) if form == "dingtalk" and secret is not None else ""
    return Rendered(body, query=query)


def refusal(form: Format, body: bytes) -> str:
    """Why a bot refused a message that it answered with 200; empty where it took it.

    Feishu and DingTalk say what is wrong within the answer's body: `code` and `errcode` other than 0.
    """
    names = {"feishu": ("code", "msg"), "dingtalk": ("errcode", "errmsg")}.get(form)
    if names is None:
        return ""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "the answer is not the service's"
    if not isinstance(said, dict):
        return "the answer is not the service's"
    code = said.get(names[0], said.get("StatusCode"))
    return "" if code == 0 else f"{names[0]} {code}: {said.get(names[1], '')}"


def _event(message: Message, identifier: str, source: str) -> Rendered:
    """A CloudEvent in structured JSON. Its data are values, which nobody needs to parse out of sentences."""
    longest = _JSON_TEXT
    while True:
        body = msgspec.json.encode(_cloud_event(message, identifier, source, longest))
        if len(body) <= _LIMITS["json"] or longest <= _SHORTEST:
            return Rendered(body, "application/cloudevents+json; charset=utf-8")
        longest //= 4


def _cloud_event(message: Message, identifier: str, source: str, longest: int) -> dict[str, Any]:
    versions = message.body.get("versions")
    data: dict[str, Any] = {"event": message.event, "consumer": message.consumer, **message.body}
    if isinstance(versions, list | tuple):
        data["versions"] = [
            {**each, "command": go_get(each)} if isinstance(each, dict) else each for each in versions
        ]
    return {
        "specversion": "1.0",
        "id": identifier,
        "source": source,
        "type": f"modgate.{seen(message.event)}",
        "time": datetime.fromtimestamp(message.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": _plain_values(data, longest),
    }


def _document(form: Format, story: Story, at: float, secret: bytes | None) -> dict[str, Any]:
    match form:
        case "slack":
            return _slack(story)
        case "feishu":
            return _feishu(story, at, secret)
        case "dingtalk":
            return _dingtalk(story)
        case _:
            return _teams(story)


def _slack(story: Story) -> dict[str, Any]:
    """Blocks, and a text for notifications. Escaped: `&`, `<`, `>`; code spans keep the rest from acting."""
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _slack_header(story.title), "emoji": False},
        }
    ]
    if facts := "\n".join(f"*{label}:* `{_slack_code(value)}`" for label, value in story.facts):
        blocks.append({"type": "section", "text": _slack_text(_clipped(facts))})
    if story.commands:
        commands = "\n".join(map(_slack_code, story.commands))
        blocks.append({"type": "section", "text": _slack_text(f"```{_clipped(commands)}```")})
    if story.link:
        link = f"<{_slack_escaped(story.link)}|{_slack_escaped(story.link_text)}>"
        blocks.append({"type": "section", "text": _slack_text(link)})
    return {
        "text": _slack_escaped(story.title),
        "blocks": blocks,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _slack_text(text: str) -> dict[str, Any]:
    # verbatim: names, channels and addresses that nobody marked stay what they are.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_header(title: str) -> str:
    """Escaped, and whole characters as far as a header goes."""
    escaped = _slack_escaped(title)
    while len(escaped) > _SLACK_HEADER:
        title = f"{title.removesuffix('…')[:-1]}…"
        escaped = _slack_escaped(title)
    return escaped


def _slack_code(text: str) -> str:
    return _slack_escaped(text.replace("`", "'"))


def _clipped(text: str) -> str:
    """Whole lines that fit into a section."""
    lines, size = [], 0
    for line in text.split("\n"):
        size += len(line) + 1
        if size > _SLACK_SECTION:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join(lines)


def _feishu(story: Story, at: float, secret: bytes | None) -> dict[str, Any]:
    """A rich text of plain elements; signed by `timestamp` and `sign` where the bot has a secret."""
    lines: list[list[dict[str, str]]] = [
        [{"tag": "text", "text": _no_tags(f"{label}: {value}")}] for label, value in story.facts
    ]
    lines += [[{"tag": "text", "text": _no_tags(command)}] for command in story.commands]
    if story.link:
        lines.append([{"tag": "a", "text": story.link_text, "href": story.link}])
    post = {"zh_cn": {"title": _no_tags(story.title), "content": lines}}
    document: dict[str, Any] = {"msg_type": "post", "content": {"post": post}}
    if secret is not None:
        # The string that others would sign is the key here, and nothing is signed with it.
        key = b"%d\n%s" % (int(at), secret)
        sign = base64.b64encode(hmac.digest(key, b"", "sha256")).decode("ascii")
        document = {"timestamp": str(int(at)), "sign": sign, **document}
    return document


def _no_tags(text: str) -> str:
    # `<at user_id="all">` calls everybody wherever a text is read for tags.
    return text.replace("<", "＜").replace(">", "＞")


def _dingtalk(story: Story) -> dict[str, Any]:
    """Plain text: this robot's Markdown knows no escapes that it keeps to."""
    lines = [story.title, *(f"{label}: {value}" for label, value in story.facts), *story.commands]
    if story.link:
        lines.append(story.link)
    content = _ALL.sub("＠", _no_tags("\n".join(lines)))
    return {"msgtype": "text", "text": {"content": content}, "at": {"isAtAll": False}}


def _dingtalk_signature(secret: bytes, at: float) -> str:
    """The parameters that a robot with "additional signature" wants; its time is in milliseconds."""
    moment = int(at * 1000)
    sign = hmac.new(secret, b"%d\n%s" % (moment, secret), hashlib.sha256).digest()
    return urlencode({"timestamp": moment, "sign": base64.b64encode(sign).decode("ascii")})


def _teams(story: Story) -> dict[str, Any]:
    """An adaptive card of TextRuns, the one element in which Markdown is not read."""
    colour = _COLOURS.get(story.severity, "Default")
    body = [_runs({"text": story.title, "weight": "Bolder", "size": "Medium", "color": colour})]
    body += [
        _runs({"text": f"{label}: ", "weight": "Bolder"}, {"text": value}) for label, value in story.facts
    ]
    body += [_runs({"text": command, "fontType": "Monospace"}) for command in story.commands]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if story.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": story.link_text, "url": story.link}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _runs(*runs: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", **run} for run in runs]}


def _plain_values(value: object, longest: int) -> object:
    if isinstance(value, str):
        text = seen(harmless(value[: longest + 256]), keep="\n\t")
        return text if len(text) <= longest else f"{text[: longest - 1]}…"
    if isinstance(value, dict):
        return {seen(str(key)): _plain_values(each, longest) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_values(each, longest) for each in value]
    return value
