"""The report as one HTML file: no script, nothing loaded from anywhere, light and dark.

A report is mailed around and opened years later, so it holds everything it needs; and names, URLs and words
of servers are strangers' text, so everything that is put into the page is escaped.
"""

from __future__ import annotations

from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from modgate.client.mirrors.charts import (
    STEPS,
    latency_chart,
    legend,
    rate_chart,
    rounds_chart,
    steps_chart,
)
from modgate.client.mirrors.words import change_text, failed_share, milliseconds, rate, rule_lines
from modgate.client.whole import write_whole
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from modgate.client.mirrors.document import Document
    from modgate.messages import Catalogue

__all__ = ["page", "write_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TIER = {"sound": "good", "reserved": "mid", "no-database": "mid"}
_RESULT = {"pass": ("✓", "good"), "fail": ("✗", "bad"), "not-tested": ("·", "soft")}


def write_page(found: Document, say: Catalogue, file: Path) -> None:
    """Write the report. Raises Unavailable."""
    try:
        write_whole(file, page(found, say))
    except OSError as error:
        raise Unavailable(f"the report cannot be written: {error.strerror}", where=str(file)) from error


def page(found: Document, say: Catalogue) -> str:
    """The whole page."""
    mirrors = found["mirrors"]
    measured = [m for m in mirrors if m["latency"]["cold"]]
    title = say("mirrors.head.report")
    subject = f"{found['subject']['module']}@{found['subject']['version']}"
    taken = say("mirrors.text.taken", taken=found["taken"], module=subject, rounds=found["method"]["rounds"])
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(taken)}</p>',
        ""
        if found["complete"]
        else f'<p class="bad">{escape(say("mirrors.text.partial", rounds=found["method"]["rounds"]))}</p>',
        _section(say("mirrors.head.ranking"), _ranking(mirrors, say), *_rule(found, say)),
    ]
    if found["comparison"] is not None:
        parts.append(_changes(found["comparison"], say))
    if measured:
        parts += _charts(measured, found["method"]["rounds"], say)
    parts += [
        _section(say("mirrors.head.conformance"), _suite(mirrors, say)),
        _section(say("mirrors.head.freshness"), _freshness(mirrors, say)),
        _section(say("mirrors.head.compliance"), *(_compliance(mirror, say) for mirror in mirrors)),
    ]
    style = (resources.files(__package__ or "") / "page.css").read_text(encoding="utf-8")
    language = "zh-CN" if say.language.value == "zh" else "en"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _charts(measured: Sequence[Document], rounds: int, say: Catalogue) -> list[str]:
    kinds = [("cold", say("mirrors.word.cold")), ("warm", say("mirrors.word.warm"))]
    used = {step for m in measured for step, value in m["latency"]["steps"].items() if value}
    steps = [(name, say(f"mirrors.step.{step}")) for step, name in STEPS.items() if step in used]
    ranges = f'<p class="soft">{escape(say("mirrors.text.ranges"))}</p>'
    dots = f'<p class="soft">{escape(say("mirrors.text.dots"))}</p>'
    return [
        _section(say("mirrors.head.latency"), legend(kinds), latency_chart(measured, say), ranges),
        _section(say("mirrors.head.steps"), legend(steps), steps_chart(measured, say)),
        _section(say("mirrors.head.throughput"), rate_chart(measured, say)),
        _section(say("mirrors.head.rounds"), legend(kinds), rounds_chart(measured, rounds, say), dots),
    ]


def _section(title: str, *content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(content)}</section>"


def _table(heads: Iterable[tuple[str, str]], rows: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Heads and cells are (HTML, class)."""
    return _framed(heads, [_row(row) for row in rows])


def _framed(heads: Iterable[tuple[str, str]], rows: Iterable[str]) -> str:
    head = "".join(f"<th{_class(name)}>{words}</th>" for words, name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(cells: Iterable[tuple[str, str]], name: str = "") -> str:
    return (
        f"<tr{_class(name)}>" + "".join(f"<td{_class(kind)}>{words}</td>" for words, kind in cells) + "</tr>"
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _head(say: Catalogue, *names: str) -> list[tuple[str, str]]:
    numbers = {"cold", "warm", "p95", "p99", "rate", "failed", "behind", "tlsshare", "typical", "days"}
    return [(escape(say(f"mirrors.column.{name}")), "n" if name in numbers else "") for name in names]


def _ranking(mirrors: Sequence[Document], say: Catalogue) -> str:
    names = ("mirror", "tier", "cold", "warm", "p95", "p99", "tlsshare", "rate", "failed", "sumdb", "typical")
    rows = []
    for mirror in mirrors:
        rows.append(_row(_ranking_row(mirror, say), "open" if mirror["reasons"] else ""))
        if mirror["reasons"]:
            told = "".join(f"<div>{escape(reason['text'])}</div>" for reason in mirror["reasons"])
            rows.append(f'<tr><td></td><td colspan="{len(names)}" class="reasons">{told}</td></tr>')
    return _framed([("#", "n"), *_head(say, *names)], rows)


def _ranking_row(mirror: Document, say: Catalogue) -> list[tuple[str, str]]:
    latency = mirror["latency"]
    warm, share = latency["warm"] or {}, latency["tls_share"]
    tier = mirror["tier"]
    typical = mirror["typical_seconds"]
    return [
        (str(mirror["place"]), "n"),
        (f"<b>{escape(mirror['name'])}</b>", ""),
        (f'<span class="tag {_TIER.get(tier, "bad")}">{escape(say(f"mirrors.tier.{tier}"))}</span>', ""),
        (milliseconds((latency["cold"] or {}).get("p50")), "n"),
        *((milliseconds(warm.get(name)), "n") for name in ("p50", "p95", "p99")),
        ("–" if share is None else f"{share * 100:.0f} %", "n"),
        (rate(mirror["throughput"]["bytes_per_second"]), "n"),
        (failed_share(mirror), "n"),
        (_yes_no((mirror["sumdb"] or {}).get("works"), say), ""),
        ("–" if typical is None else f"{typical:.1f} {escape(say('mirrors.word.seconds'))}", "n"),
    ]


def _yes_no(found: bool | None, say: Catalogue) -> str:
    if found is None:
        return "–"
    word, name = ("yes", "good") if found else ("no", "bad")
    return f'<span class="{name}">{escape(say(f"mirrors.word.{word}"))}</span>'


def _rule(found: Document, say: Catalogue) -> list[str]:
    return [f'<p class="soft">{escape(line)}</p>' for line in rule_lines(found, say)]


def _changes(comparison: Document, say: Catalogue) -> str:
    lines = [escape(say("mirrors.text.compared", taken=comparison["taken"]))]
    if not comparison["same_subject"]:
        lines.append(escape(say("mirrors.text.other-subject")))
    for change in comparison["changes"]:
        better = change["change"] == "better"
        name, mark = ("good", "▲") if better else ("bad", "▼")
        lines.append(f'<span class="{name}">{mark} {escape(change_text(change, say))}</span>')
    if not comparison["changes"]:
        lines.append(escape(say("mirrors.text.unchanged")))
    return _section(say("mirrors.head.changes"), "".join(f"<p>{line}</p>" for line in lines))


def _suite(mirrors: Sequence[Document], say: Catalogue) -> str:
    names = dict.fromkeys(check["check"] for mirror in mirrors for check in mirror["conformance"])
    if not names:
        return f'<p class="soft">{escape(say("mirrors.text.nothing"))}</p>'
    heads = [
        (escape(say("mirrors.column.check")), ""),
        *(
            (
                f'<span title="{escape(m["name"], quote=True)}">{m["place"]} {escape(m["name"][:18])}</span>',
                "c",
            )
            for m in mirrors
        ),
    ]
    return _table(
        heads,
        [
            [(escape(say(f"mirrors.check.{name}")), ""), *(_cell(m, name, say) for m in mirrors)]
            for name in names
        ],
    )


def _cell(mirror: Document, name: str, say: Catalogue) -> tuple[str, str]:
    none: dict[str, Any] = {"result": "not-tested", "detail": ""}
    check = next((c for c in mirror["conformance"] if c["check"] == name), none)
    mark, colour = _RESULT[check["result"]]
    tip = f"{say('mirrors.word.' + check['result'])} {check['detail']}".strip()
    detail = f'<div class="reasons">{escape(check["detail"])}</div>' if check["result"] == "fail" else ""
    return f'<span class="{colour}" title="{escape(tip, quote=True)}">{mark}</span>{detail}', "c"


def _freshness(mirrors: Sequence[Document], say: Catalogue) -> str:
    rows = []
    for mirror in mirrors:
        for fresh in mirror["freshness"]:
            behind, days = fresh["behind"], fresh["days_behind"]
            ages = [str(fresh["age"])] if fresh["age"] is not None else []
            ages += [fresh["mirror_age"]] if fresh["mirror_age"] else []
            rows.append(
                [
                    (escape(mirror["name"]), ""),
                    (escape(fresh["module"]), "wide"),
                    (escape(fresh["newest"] or "–"), ""),
                    ("–" if behind is None else str(behind), "n"),
                    ("–" if days is None else f"{days:.1f}", "n"),
                    (escape(", ".join(ages) or "–"), ""),
                ]
            )
    return _table(_head(say, "mirror", "module", "newest", "behind", "days", "age"), rows)


def _compliance(mirror: Document, say: Catalogue) -> str:
    title = f'<p><b>{escape(mirror["name"])}</b> <span class="soft">{escape(mirror["url"])}</span></p>'
    rows = [
        [
            (escape(say(f"mirrors.field.{row['field']}")), ""),
            (escape(row["text"]), "wide"),
            (escape(f"{say('mirrors.mark.' + row['mark'])} {row['date']}"), ""),
            (escape(row["source"]), "wide soft"),
        ]
        for row in mirror["compliance"]
    ]
    return title + _table(
        [*_head(say, "field", "value", "mark"), (escape(say("mirrors.column.source")), "")], rows
    )
