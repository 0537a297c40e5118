"""Numbers and changes of a measurement in words, the same in the terminal and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from modgate.client.mirrors.document import Document
    from modgate.messages import Catalogue

__all__ = ["change_text", "cleaned", "failed_share", "milliseconds", "rate", "rule_lines"]


_LIMIT = 120


def cleaned(text: str) -> str:
    """Words of a server as a person may be shown them: without secrets, printable, one line, at most 120."""
    line = " ".join("".join(char if char.isprintable() else " " for char in harmless(text)).split())
    return line if len(line) <= _LIMIT else f"{line[: _LIMIT - 1]}…"


def milliseconds(seconds: float | None) -> str:
    """`12.3`, `123`; a dash for what was not measured."""
    if seconds is None:
        return "–"
    value = seconds * 1000
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def rate(per_second: float | None) -> str:
    """Megabytes a second."""
    if not per_second:
        return "–"
    value = per_second / 1e6
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def failed_share(mirror: Document) -> str:
    """The share of requests that failed."""
    share = mirror["stability"]["share"]
    return "–" if share is None else f"{share * 100:.0f} %"


def rule_lines(found: Document, say: Catalogue) -> list[str]:
    """By what rule the mirrors are ranked, and what was done."""
    method = found["method"]
    counted = say(
        "mirrors.text.counted",
        rounds=method["rounds"],
        requests=sum(m["cost"]["requests"] for m in found["mirrors"]),
        mb=f"{sum(m['cost']['bytes'] for m in found['mirrors']) / 1e6:.1f}",
        module=f"{found['subject']['module']}@{found['subject']['version']}",
    )
    model = method["model"]
    return [say("mirrors.text.rule", warm=model["warm"], mib=model["bytes"] >> 20), counted]


def change_text(change: Document, say: Catalogue) -> str:
    """One change of a comparison."""
    what = change["what"]
    if what.startswith("check:"):
        said = say(f"mirrors.check.{what.removeprefix('check:')}")
    else:
        said = say(f"mirrors.what.{what}")
    return say(
        "mirrors.text.change",
        mirror=change["mirror"],
        what=said,
        before=_value(what, change["before"], say),
        after=_value(what, change["after"], say),
    )


def _value(what: str, value: Any, say: Catalogue) -> str:
    if isinstance(value, bool):
        return say("mirrors.word.yes" if value else "mirrors.word.no")
    if what == "throughput":
        return f"{rate(value)} MB/s"
    if what == "failures":
        return f"{value * 100:.0f} %"
    if isinstance(value, float | int):
        return f"{milliseconds(value)} ms"
    return say(f"mirrors.word.{value}")
