"""The document of a measurement in a terminal of 80 columns: one row a mirror, and why it stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from modgate.client.mirrors.known import FIELDS, bogus_mirrors, data_date, known_mirrors
from modgate.client.mirrors.words import change_text, failed_share, milliseconds, rate, rule_lines

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.client.mirrors.document import Document
    from modgate.messages import Catalogue

__all__ = ["show", "show_changes", "show_details", "show_known", "show_known_details", "show_nobody"]

_RESULT = {"pass": ("✓", "green"), "fail": ("✗", "red"), "not-tested": ("·", "dim")}
_LISTED = ("sumdb", "toolchain", "logs")
_TIER = {"sound": "green", "reserved": "yellow", "no-database": "yellow"}


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)


def _bool(found: bool | None, say: Catalogue) -> Text:
    if found is None:
        return Text("–", "dim")
    return Text(say("mirrors.word.yes" if found else "mirrors.word.no"), "green" if found else "red")


def show(found: Document, say: Catalogue, console: Console) -> None:
    """The ranking, and below it the reasons and the rule."""
    table = _table()
    table.add_column("#", justify="right")
    table.add_column(say("mirrors.column.mirror"), overflow="fold", max_width=24)
    for name in ("cold", "warm", "warm95", "rate", "failed", "sumdb", "behind"):
        table.add_column(say(f"mirrors.column.{name}"), justify="right", no_wrap=True)
    for mirror in found["mirrors"]:
        table.add_row(
            str(mirror["place"]),
            Text(mirror["name"], _TIER.get(mirror["tier"], "red")),
            milliseconds(_at(mirror, "latency", "cold", "p50")),
            milliseconds(_at(mirror, "latency", "warm", "p50")),
            milliseconds(_at(mirror, "latency", "warm", "p95")),
            rate(mirror["throughput"]["bytes_per_second"]),
            _failed(mirror),
            _bool(_at(mirror, "sumdb", "works"), say),
            _behind(mirror),
        )
    console.print(table)
    if any(mirror["reasons"] for mirror in found["mirrors"]):
        console.print()
        _reasons(found, console)
    console.print()
    console.print(Text("\n".join(rule_lines(found, say)), "dim"))


def show_nobody(found: Document, say: Catalogue, console: Console) -> None:
    """No mirror answered: why, one line each."""
    console.print(Text(say("mirrors.text.nobody"), "bold"))
    _reasons(found, console)


def _reasons(found: Document, console: Console) -> None:
    for mirror in found["mirrors"]:
        for reason in mirror["reasons"]:
            console.print(Text.assemble((mirror["name"], "bold"), ": ", reason["text"]))


def _failed(mirror: Document) -> Text:
    share = mirror["stability"]["share"]
    if share is None:
        return Text("–", "dim")
    return Text(failed_share(mirror), "" if not share else "red" if share > 0.02 else "yellow")


def _behind(mirror: Document) -> Text:
    """Versions behind, over all busy modules."""
    behind = [fresh["behind"] for fresh in mirror["freshness"] if fresh["behind"] is not None]
    if not behind:
        return Text("–", "dim")
    return Text(str(sum(behind)), "yellow" if any(behind) else "green")


def show_details(found: Document, say: Catalogue, console: Console) -> None:
    """What `-v` adds: the whole distribution, the protocol, the conformance suite, compliance."""
    _distribution(found, say, console)
    _protocol(found, say, console)
    _suite(found, say, console)
    _freshness(found, say, console)
    for mirror in found["mirrors"]:
        _compliance(mirror, say, console)


def _headline(say: Catalogue, key: str, console: Console) -> None:
    console.print()
    console.print(Text(say(f"mirrors.head.{key}"), "bold"))


def _distribution(found: Document, say: Catalogue, console: Console) -> None:
    _headline(say, "latency", console)
    table = _table()
    table.add_column(say("mirrors.column.mirror"), overflow="fold", max_width=20)
    table.add_column("", no_wrap=True)
    for name in ("n", "p50", "p95", "p99", "max", "jitter", "tls"):
        table.add_column(say(f"mirrors.column.{name}"), justify="right", no_wrap=True)
    for mirror in found["mirrors"]:
        for kind in ("cold", "warm"):
            latency = mirror["latency"][kind]
            values = [latency[name] for name in ("p50", "p95", "p99", "high", "jitter")] if latency else []
            share = mirror["latency"]["tls_share"]
            table.add_row(
                mirror["name"] if kind == "cold" else "",
                say(f"mirrors.word.{kind}"),
                str(latency["n"]) if latency else "–",
                *([milliseconds(value) for value in values] or ["–"] * 5),
                f"{share * 100:.0f} %" if share is not None and kind == "cold" else "",
            )
    console.print(table)


def _protocol(found: Document, say: Catalogue, console: Console) -> None:
    _headline(say, "http", console)
    table = _table()
    table.add_column(say("mirrors.column.mirror"), overflow="fold", max_width=24)
    for name in ("http", "existing", "absent", "toolchain", "redirects", "failures"):
        table.add_column(say(f"mirrors.column.{name}"), overflow="fold")
    for mirror in found["mirrors"]:
        http = mirror["http"]
        failures = ", ".join(f"{word} ×{n}" for word, n in mirror["stability"]["failures"].items())
        table.add_row(
            mirror["name"],
            http["version"] or "–",
            str(http["status_existing"] or "–"),
            str(http["status_absent"] or "–"),
            _bool(mirror["toolchain"]["available"], say),
            ", ".join(item["host"] for item in mirror["redirects"]) or "–",
            failures or "–",
        )
    console.print(table)


def _suite(found: Document, say: Catalogue, console: Console) -> None:
    _headline(say, "conformance", console)
    mirrors = found["mirrors"]
    table = _table()
    table.add_column(say("mirrors.column.check"), overflow="fold")
    for mirror in mirrors:
        table.add_column(f"#{mirror['place']}", justify="center", no_wrap=True)
    names = list(dict.fromkeys(check["check"] for mirror in mirrors for check in mirror["conformance"]))
    for name in names:
        cells = []
        for mirror in mirrors:
            result = next((c["result"] for c in mirror["conformance"] if c["check"] == name), "not-tested")
            cells.append(Text(*_RESULT[result]))
        table.add_row(say(f"mirrors.check.{name}"), *cells)
    console.print(table)
    for mirror in mirrors:
        for check in mirror["conformance"]:
            if check["result"] == "fail":
                console.print(Text(f"#{mirror['place']} {check['check']}: {check['detail']}", "red"))


def _freshness(found: Document, say: Catalogue, console: Console) -> None:
    _headline(say, "freshness", console)
    table = _table()
    table.add_column("#", justify="right")
    for name in ("module", "newest", "behind", "days", "age"):
        table.add_column(say(f"mirrors.column.{name}"), overflow="fold")
    for mirror in found["mirrors"]:
        for fresh in mirror["freshness"]:
            ages = [str(fresh["age"])] if fresh["age"] is not None else []
            table.add_row(
                f"{mirror['place']}",
                fresh["module"],
                fresh["newest"] or "–",
                "–" if fresh["behind"] is None else str(fresh["behind"]),
                "–" if fresh["days_behind"] is None else f"{fresh['days_behind']:.1f}",
                ", ".join(ages + [fresh["mirror_age"]] * bool(fresh["mirror_age"])) or "–",
            )
    console.print(table)


def _compliance(mirror: Document, say: Catalogue, console: Console) -> None:
    console.print()
    console.print(Text(f"#{mirror['place']} {mirror['name']}  {mirror['url']}", "bold"))
    table = _table()
    for name in ("field", "value", "mark"):
        table.add_column(say(f"mirrors.column.{name}"), overflow="fold")
    for row in mirror["compliance"]:
        table.add_row(say(f"mirrors.field.{row['field']}"), row["text"], _mark(row, say))
    console.print(table)


def _mark(row: Document, say: Catalogue) -> str:
    return " ".join(part for part in (say(f"mirrors.mark.{row['mark']}"), row["date"], row["source"]) if part)


def show_changes(found: Document, say: Catalogue, console: Console) -> None:
    """The comparison with an earlier run."""
    comparison = found["comparison"]
    console.print()
    console.print(Text(say("mirrors.text.compared", taken=comparison["taken"]), "bold"))
    if not comparison["same_subject"]:
        console.print(say("mirrors.text.other-subject"))
    for change in comparison["changes"]:
        better = change["change"] == "better"
        line = change_text(change, say)
        console.print(Text(f"{'▲' if better else '▼'} {line}", "green" if better else "red"))
    for word in ("new", "gone"):
        if comparison[word]:
            console.print(say(f"mirrors.text.{word}", names=", ".join(comparison[word])))
    if not comparison["changes"]:
        console.print(say("mirrors.text.unchanged"))


def show_known(say: Catalogue, console: Console) -> None:
    """`mirrors ls`: what is stated, and the addresses that are no mirrors."""
    console.print(Text(say("mirrors.head.known", date=data_date()), "bold"))
    table = _table()
    table.add_column(say("mirrors.column.mirror"), no_wrap=True)
    table.add_column(say("mirrors.column.operator"), no_wrap=True)
    for field in _LISTED:
        table.add_column(say(f"mirrors.short.{field}"), overflow="fold")
    for mirror in known_mirrors():
        cells = [
            say(f"mirrors.value.{fact.value}") + ("" if fact.verified else " *")
            for fact in filter(None, map(mirror.stated, _LISTED))
        ]
        table.add_row(Text(mirror.name, "bold"), mirror.operator, *cells)
    console.print(table)
    console.print()
    width = max(len(mirror.name) for mirror in known_mirrors())
    for mirror in known_mirrors():
        console.print(f"{mirror.name:<{width}}  {mirror.url}")
    console.print()
    console.print(Text(say("mirrors.text.unverified"), "dim"))
    for mirror in known_mirrors():
        for note in mirror.notes:
            console.print(f"{mirror.name}: {say(f'mirrors.note.{note}')}")
    console.print()
    console.print(Text(say("mirrors.head.bogus"), "bold"))
    bogus = _table()
    bogus.add_column(say("mirrors.column.address"), overflow="fold", ratio=2)
    bogus.add_column(say("mirrors.column.why"), overflow="fold", ratio=3)
    for entry in bogus_mirrors():
        bogus.add_row(entry.url.removeprefix("https://").rstrip("/"), say.say(entry.reason))
    console.print(bogus)


def show_known_details(say: Catalogue, console: Console) -> None:
    """What `mirrors ls -v` adds: every statement with its day and source."""
    for mirror in known_mirrors():
        console.print()
        console.print(Text(f"{mirror.name}  {mirror.url}", "bold"))
        table = _table()
        for name in ("field", "value", "mark"):
            table.add_column(say(f"mirrors.column.{name}"), overflow="fold")
        for field in FIELDS:
            fact = mirror.stated(field)
            if fact is not None:
                row = {
                    "mark": "stated" if fact.verified else "unverified",
                    "date": fact.date,
                    "source": fact.source,
                }
                value = fact.value
                text = value if value.startswith("https://") else say(f"mirrors.value.{value}")
                table.add_row(say(f"mirrors.field.{field}"), text, _mark(row, say))
        console.print(table)


def _at(found: Document, *path: str) -> Any:
    value: Any = found
    for name in path:
        value = value[name] if value is not None else None
    return value
