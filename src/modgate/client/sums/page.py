"""The audit as one HTML file: no script, nothing loaded from anywhere, light and dark, all text escaped."""

from __future__ import annotations

from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.messages import Catalogue

__all__ = ["page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_CLASS = {"verified": "good", "mismatch": "bad", "unknown": "mid", "unverifiable": "mid"}
_FIGURES = ("verified", "mismatch", "unknown", "unverifiable", "private")
_COLUMNS = (
    *("status", "module", "version", "relation", "owners"),
    *("first_seen", "published", "verified_at", "newest", "line"),
)


def page(found: Mapping[str, Any], say: Catalogue) -> str:
    """The whole page."""
    title = say("sums.head.page")
    attention = [row for row in found["rows"] if row["attention"]]
    rest = [row for row in found["rows"] if not row["attention"]]
    about = " · ".join([", ".join(found["files"]), found["taken"], _database(found, say)])
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(about)}</p>',
        _figures(found["summary"], say),
        *(f"<pre>{escape(alarm)}</pre>" for alarm in found["alarms"]),
        *(f'<p class="soft">{escape(note)}</p>' for note in found["notes"]),
    ]
    if found["faults"]:
        parts += [f"<h2>{escape(say('sums.head.faults'))}</h2>", _faults(found["faults"], say)]
    if attention:
        parts += [f"<h2>{escape(say('sums.head.attention'))}</h2>", _table(attention, say)]
    if rest:
        heading = escape(say("sums.head.rest", count=len(rest)))
        parts.append(f"<details open><summary><b>{heading}</b></summary>{_table(rest, say)}</details>")
    style = (resources.files(__package__ or "") / "page.css").read_text(encoding="utf-8")
    language = "zh-CN" if say.language.value == "zh" else "en"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _database(found: Mapping[str, Any], say: Catalogue) -> str:
    if found["database"] is None:
        return say("sums.cause.off")
    return say("sums.text.tree", database=found["database"], size=found["tree_size"] or 0)


def _figures(summary: Mapping[str, Any], say: Catalogue) -> str:
    items = [(name, summary[name]) for name in _FIGURES]
    items.append(("malformed", summary["malformed"] + summary["conflicting"]))
    colours = {**_CLASS, "malformed": "bad"}
    shown = "".join(
        f'<li><b class="{colours.get(name, "soft") if count else "soft"}">{count}</b>'
        f"{escape(say(f'sums.status.{name}'))}</li>"
        for name, count in items
    )
    return f'<ul class="figures">{shown}</ul>'


def _faults(faults: Sequence[Mapping[str, Any]], say: Catalogue) -> str:
    rows = "".join(
        f'<tr><td class="tight">{escape(fault["file"])}:{fault["line"]}</td>'
        f"<td>{escape(fault['text'])}</td></tr>"
        for fault in faults
    )
    heads = "".join(f"<th>{escape(say(f'sums.column.{name}'))}</th>" for name in ("line", "fault"))
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _table(rows: Sequence[Mapping[str, Any]], say: Catalogue) -> str:
    heads = "".join(f"<th>{escape(say(f'sums.column.{name}'))}</th>" for name in _COLUMNS)
    body = "".join(_row(row, say) for row in rows)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Mapping[str, Any], say: Catalogue) -> str:
    told = [text for text in (row["text"], *row["remarks"]) if text]
    below = "".join(f'<div class="soft">{escape(text)}</div>' for text in told)
    hashes = "".join(
        f'<div class="hash"><code>{escape(value)}</code>{escape(mark)}</div>'
        for value, mark in ((row["h1"], ""), (row["h1_go_mod"], " go.mod"))
        if value
    )
    relation = say(f"sums.relation.{row['relation']}") if row["relation"] else ""
    newest = row["newest"] if row["newer"] else ""
    lines = ",".join(map(str, row["lines"]))
    cells = [
        (f'<span class="{_CLASS[row["status"]]}">{escape(row["word"])}</span>', "tight"),
        (f"<b>{escape(row['module'])}</b>{below}{hashes}", "name"),
        (escape(row["version"]), ""),
        (escape(relation), "tight"),
        (escape(" ".join(row["owners"])), ""),
        *((escape((row[name] or "")[:10]), "tight") for name in ("first_seen", "published")),
        (escape(row["verified_at"] or ""), "tight"),
        (escape(newest or ""), ""),
        (f"{escape(row['file'])}:{lines}", "tight"),
    ]
    return "<tr>" + "".join(f'<td class="{name}">{words}</td>' for words, name in cells) + "</tr>"
