"""What `modgate sumdb verify` does: settle key and sample, audit, remember the head, show."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.checksumdb.audit import audit
from modgate.cli.speech import console, print_json
from modgate.client.machine.goenv import read_go_settings
from modgate.errors import Invalid, Tampered, Unavailable
from modgate.sumdb.spec import parse_gosumdb
from modgate.wiring.client import local_host
from modgate.wiring.sumdb import SeenHeads, log_reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modgate.checksumdb.audit import Report
    from modgate.messages import Catalogue

__all__ = ["Wish", "verify_log"]

_WHOLE = 100_000
"""Up to so many records a log is read whole."""
_SAMPLE = 5_000
_WIDTH = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command."""

    target: str
    key: str | None
    start: Path | None
    sample: int | None
    everything: bool
    timeout: float


def verify_log(wish: Wish, say: Catalogue, *, as_json: bool) -> bool:
    """Audit and show; True where nothing is wrong. Raises ModgateError."""
    report = asyncio.run(_audit(wish))
    if as_json:
        print_json(_document(report))
    else:
        _show(report, say)
    return report.found == 0


async def _audit(wish: Wish) -> Report:
    spec = parse_gosumdb(wish.key or (await read_go_settings(local_host()))["GOSUMDB"] or "sum.golang.org")
    if spec is None:
        raise Invalid("GOSUMDB is off, so no key is known", next_step="Give the log's key: --key.")
    seen = SeenHeads()
    previous = seen.read(spec.name) if wish.start is None else _note(wish.start)
    reader = log_reader(spec.name, wish.target, seconds=wish.timeout)
    try:
        report = await audit(
            spec.verifier_key, reader, previous=previous, choose=lambda count: _chosen(count, wish)
        )
    except Tampered as error:
        if previous:
            kept = wish.start or seen.file(spec.name)
            error.next_step = f"{error.next_step} The head seen before is in {kept}.".strip()
        raise
    finally:
        await reader.close()
    # What was begun from a file of the person's own must not make us forget a larger head.
    if wish.start is None or _is_newer(report, seen.read(spec.name)):
        seen.write(spec.name, report.head.message)
    return report


def _note(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}", where=str(file)) from error


def _is_newer(report: Report, kept: bytes) -> bool:
    return not kept or int(kept.split(b"\n")[1]) <= report.head.tree.n


def _chosen(count: int, wish: Wish) -> Sequence[int]:
    """The tiles of records to read: all of a small log, else some, spread at random."""
    if wish.everything or (wish.sample is None and count * _WIDTH <= _WHOLE):
        return range(count)
    some = -(-(_SAMPLE if wish.sample is None else wish.sample) // _WIDTH)
    return sorted(random.SystemRandom().sample(range(count), min(some, count)))


def _document(report: Report) -> dict[str, object]:
    return {
        "schema": 1,
        "ok": report.found == 0,
        "name": report.name,
        "size": report.head.tree.n,
        "root": report.head.tree.hash.hex(),
        "previous": report.previous,
        "checked": report.checked,
        "whole": report.whole,
        "compared": report.compared,
        "found": report.found,
        "findings": [
            {"kind": each.kind, "record": each.number, "text": each.text} for each in report.findings
        ],
    }


def _show(report: Report, say: Catalogue) -> None:
    out = console()
    out.print(say("sumlog.text.head", name=report.name, size=report.head.tree.n), soft_wrap=True)
    previous = "sumlog.text.consistent" if report.previous else "sumlog.text.first"
    out.print(say(previous, size=report.previous), soft_wrap=True)
    checked = "sumlog.text.whole" if report.whole else "sumlog.text.sample"
    out.print(say(checked, count=report.checked, size=report.head.tree.n), soft_wrap=True)
    if report.compared < report.checked:
        out.print(say("sumlog.text.compared", count=report.compared), soft_wrap=True)
    for each in report.findings:
        line = say(f"sumlog.finding.{each.kind}", number=each.number, text=each.text.strip())
        out.print(line, soft_wrap=True)
    if report.found > len(report.findings):
        out.print(say("sumlog.text.more", count=report.found - len(report.findings)), soft_wrap=True)
