"""How advisories look: for people in 80 columns, for machines as JSON."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modgate.cli.speech import console
from modgate.gomod import pseudo
from modgate.model.advisory import Severity
from modgate.policy.gonames import GO_MODULES
from modgate.policy.osv import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.cli.advisories_ask import Opened, Wanted
    from modgate.messages import Catalogue
    from modgate.model.advisory import Advisory, Block, Hit
    from modgate.policy.advisories import AdvisoryIndex

__all__ = [
    "advisory_document",
    "affects_document",
    "counted",
    "show_advisory",
    "show_affects",
    "show_stats",
]

Answer = tuple[str, str, "tuple[Hit, ...]"]

_STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow"}


def affects_document(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """An object for each question, in their order."""
    return [
        {
            "module": path,
            "version": version,
            "advisories": [
                {
                    "id": hit.advisory.id,
                    "aliases": list(hit.advisory.aliases),
                    "severity": str(hit.advisory.severity),
                    "first_fixed": hit.fixed or None,
                }
                for hit in hits
            ],
        }
        for path, version, hits in answers
    ]


def show_affects(
    answers: Sequence[Answer], index: AdvisoryIndex, say: Catalogue, *, chosen: bool = False
) -> None:
    """Print them: what is not affected is a line, what is a line and a table. `chosen`: by severity."""
    out = console()
    nothing = say("advisories.affects.none_chosen" if chosen else "advisories.affects.none")
    for path, version, hits in answers:
        name = f"{path}@{version}"
        if not hits:
            out.print(Text(f"{name}: {nothing}"), soft_wrap=True)
            continue
        out.print(Text(f"{name}: {say('advisories.affects.some', count=len(hits))}", style="bold"))
        out.print(Padding(_table(hits, say), (0, 0, 0, 2)))
        for line in _advice(path, version, hits, index, say):
            out.print(Padding(Text(line), (0, 0, 0, 2)))


def _table(hits: Sequence[Hit], say: Catalogue) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for head in ("id", "severity", "fixed"):
        table.add_column(say(f"advisories.head.{head}"), no_wrap=True)
    table.add_column(say("advisories.head.summary"), min_width=10)
    for hit in hits:
        level = hit.advisory.severity
        table.add_row(
            hit.advisory.id,
            Text(say(f"advisories.level.{level}"), style=_STYLES.get(level, "")),
            hit.fixed or say("advisories.affects.open"),
            Text(hit.advisory.summary, no_wrap=True, overflow="ellipsis"),
        )
    return table


def _advice(
    path: str, version: str, hits: tuple[Hit, ...], index: AdvisoryIndex, say: Catalogue
) -> list[str]:
    lines: list[str] = []
    fix = index.closing_fix(path, version)
    if fix:
        key = "pseudo" if pseudo.is_pseudo_version(fix) else "fix"
        lines.append(say(f"advisories.affects.{key}", fix=f"{path}@{fix}"))
    elif path not in GO_MODULES:
        moves = index.majors(path, hits)
        if moves:
            other, first = moves[0]
            lines.append(say("advisories.affects.major", module=other, version=first))
        else:
            lines.append(say("advisories.affects.nothing"))
    doubtful = sum(hit.doubtful for hit in hits)
    if doubtful:
        lines.append(say("advisories.affects.doubtful", count=doubtful))
    return lines


def advisory_document(advisory: Advisory) -> dict[str, Any]:
    """An advisory for a machine; times in RFC 3339."""
    return {
        "id": advisory.id,
        "aliases": list(advisory.aliases),
        "summary": advisory.summary,
        "severity": str(advisory.severity),
        "severity_from": advisory.severity_from or None,
        "score": advisory.score or None,
        "published": _time(advisory.published) or None,
        "modified": _time(advisory.modified) or None,
        "withdrawn": _time(advisory.withdrawn) or None,
        "reviewed": advisory.reviewed,
        "url": advisory.url or None,
        "source": advisory.source,
        "modules": [
            {
                "module": block.path,
                "events": [{event.kind: event.version} for event in block.events],
                "versions": list(block.versions),
                "custom_ranges": block.custom,
            }
            for block in advisory.blocks
        ],
    }


def show_advisory(advisory: Advisory, say: Catalogue, *, first: bool) -> None:
    """Print it: a few facts, then its modules."""
    out = console()
    if not first:
        out.print()
    out.print(Text(f"{advisory.id}  {advisory.summary}", style="bold"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    rows = {
        "aliases": ", ".join(advisory.aliases),
        "level": _severity(advisory, say),
        "published": _time(advisory.published),
        "modified": _time(advisory.modified),
        "withdrawn": _time(advisory.withdrawn),
        "review": say(f"advisories.review.{'yes' if advisory.reviewed else 'no'}"),
        "url": advisory.url,
    }
    for key, value in rows.items():
        if value:
            facts.add_row(say(f"advisories.head.{key}"), Text(value))
    out.print(facts)
    out.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column(say("advisories.head.module"), overflow="fold")
    table.add_column(say("advisories.head.affected"), overflow="fold")
    for block in advisory.blocks:
        table.add_row(block.path, _ranges(block, say))
    out.print(table)


def _severity(advisory: Advisory, say: Catalogue) -> str:
    level = say(f"advisories.level.{advisory.severity}")
    if not advisory.severity_from:
        return level
    score = f" {advisory.score:.1f}" if advisory.score else ""
    return f"{level}{score} ({advisory.severity_from})"


_SIGNS = {"introduced": ">=", "fixed": "<", "last_affected": "<="}


def _ranges(block: Block, say: Catalogue) -> str:
    spans: list[list[str]] = []
    for event in block.events:
        if event.kind == "introduced" or not spans:
            spans.append([])
        if event != ALWAYS:
            spans[-1].append(f"{_SIGNS[event.kind]} v{event.version.removeprefix('v')}")
    said = [" ".join(span) or say("advisories.range.always") for span in spans]
    said += block.versions
    if block.custom:
        said.append(say("advisories.range.custom"))
    return ", ".join(said)


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


def counted(opened: Opened, wanted: Wanted) -> dict[str, Any]:
    """What a database holds, in numbers."""
    every = [each for each in opened.index.advisories if wanted(each.severity)]
    standing = [each for each in every if not each.withdrawn]
    levels = Counter(each.severity for each in standing)
    blocks = [block for each in standing for block in each.blocks]
    last = [block.events[-1] for block in blocks if block.events]
    return {
        "source": opened.name,
        "digest": opened.index.digest,
        "entries": opened.entries,
        "broken": opened.broken,
        "advisories": len(every),
        "withdrawn": len(every) - len(standing),
        "unreviewed": sum(not each.reviewed for each in standing),
        "go_itself": sum(any(block.path in GO_MODULES for block in each.blocks) for each in standing),
        "modules": len({block.path for block in blocks}),
        "ranges": len(blocks),
        "ranges_without_fix": sum(event.kind == "introduced" for event in last),
        "fixes_pseudo": sum(
            event.kind == "fixed" and pseudo.is_pseudo_version(f"v{event.version}") for event in last
        ),
        "severity": {str(level): levels[level] for level in reversed(Severity)},
        "modified": _time(max((each.modified for each in every), default=0.0)) or None,
    }


def show_stats(document: dict[str, Any], say: Catalogue) -> None:
    """Print them."""
    out = console()
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for key, value in document.items():
        if key == "severity":
            told = ", ".join(
                f"{say(f'advisories.level.{level}')} {count}" for level, count in value.items() if count
            )
            facts.add_row(say("advisories.head.level"), told)
        elif value not in (None, "") and not (key == "broken" and not value):
            facts.add_row(say(f"advisories.stats.{key}"), Text(f"{value:,}" if type(value) is int else value))
    out.print(facts)
