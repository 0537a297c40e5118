"""What a person reads: a line for each check as it ends, then the verdict as a colleague would say it.

Everything fits 80 columns (rich counts East Asian characters as two), says nothing by colour alone, and
falls back to ASCII marks where the terminal cannot show others. Text that came from outside is cleaned of
control characters before it is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.text import Text

from modgate.client.doctor.check import Outcome
from modgate.client.doctor.drawing import drawings
from modgate.client.doctor.places import value_of
from modgate.client.doctor.verdict import SURE
from modgate.client.findings import Impact, Severity
from modgate.gomod.harmless import harmless
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from modgate.client.doctor.run import Done
    from modgate.client.doctor.verdict import Verdict
    from modgate.client.findings import Evidence, Finding, Say

__all__ = ["Marks", "check_lines", "clean", "verdict_lines"]

_LONGEST = 300
_MOST_ABOUT = 44
_TWO_STOPS = re.compile(r"\.(?=[.。](?:\s|\Z))|\.(?=。)")
_STYLE = {"good": "green", "error": "red", "warning": "yellow", "note": "cyan", "unknown": "magenta"}
_UNICODE = {"good": "✓", "error": "✗", "warning": "!", "note": "•", "unknown": "?", "skipped": "-"}
_ASCII = {"good": "ok", "error": "XX", "warning": "!!", "note": "..", "unknown": "??", "skipped": "--"}


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks in front of lines: symbols, or ASCII where `unicode` is false."""

    unicode: bool = True

    def mark(self, kind: str) -> Text:
        """The mark of an outcome or a severity."""
        return Text((_UNICODE if self.unicode else _ASCII)[kind], style=_STYLE.get(kind, "dim"))

    @property
    def bullet(self) -> str:
        """In front of items of a list."""
        return "·" if self.unicode else "-"


def clean(text: str) -> str:
    """Text from outside as it may be shown: one line, no control characters, bounded, no credentials."""
    line = "".join(char if char.isprintable() else " " for char in harmless(redacted(text)))
    line = _TWO_STOPS.sub("", line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def check_lines(
    done: Done, verdict: Verdict, marks: Marks, say: Say, *, verbose: bool
) -> Iterator[RenderableType]:
    """The line of one check, what it found below it, and with `verbose` everything that it saw."""
    findings = [verdict.as_judged(finding) for finding in done.result.findings]
    line = Text()
    line.append_text(marks.mark(_kind(done, findings)))
    line.append(f" {say(Message(f'check.{done.check.name}.title'))}")
    if done.seconds >= 1 or verbose:
        line.append(f"  {done.seconds:.1f} s", style="dim")
    if done.outcome is Outcome.SKIPPED:
        line.append(f"  {say(Message('doctor.line.skipped'))}", style="dim")
    yield line
    if done.result.unknown is not None and (verbose or done.outcome is Outcome.UNKNOWN):
        why = Message("doctor.line.unknown", {"why": clean(say(done.result.unknown))})
        yield _indented(Text(say(why), style="dim"), 4)
    for finding in findings:
        yield _finding_line(finding, marks, say)
        if verbose:
            yield from _proofs(finding, marks, say, 8)
    if verbose:
        for fact in done.result.facts:
            yield _hanging(Text(marks.bullet, style="dim"), Text(clean(say(fact)), style="dim"), 4)
        for drawing in drawings(done.result.data, unicode=marks.unicode):
            yield _indented(drawing, 4)


def verdict_lines(verdict: Verdict, marks: Marks, say: Say, *, verbose: bool) -> Iterator[RenderableType]:
    """The verdict on a machine that is not healthy, and the notes on any."""
    if verdict.root is not None:
        yield from _root(verdict.root, marks, say)
        yield from _others(verdict, marks, say)
    if verdict.notes:
        yield Text()
        yield Text(say(Message("doctor.verdict.notes")), style="bold")
        for note in verdict.notes:
            yield _finding_line(note, marks, say, indent=2)
            if verbose:
                yield from _proofs(note, marks, say, 6)


def _root(root: Finding, marks: Marks, say: Say) -> Iterator[RenderableType]:
    if root.impact < Impact.DEGRADES:
        heading = "doctor.verdict.risk"
    else:
        heading = "doctor.verdict.sure" if root.confidence >= SURE else "doctor.verdict.probable"
    yield Text()
    about = _about(root)
    said = say(Message(heading))
    blank = "" if said.endswith("：") else " "
    title = f"{said}{blank}{clean(say(root.message('title')))}" + (f" ({about})" if about else "")
    yield _hanging(marks.mark(root.shown_severity.value), Text(title, style="bold"), 0)
    yield _indented(Text(clean(say(root.message("text")))), 2)
    if root.evidence:
        yield Text()
        yield _indented(Text(say(Message("doctor.verdict.proof")), style="bold"), 2)
        yield from _proofs(root, marks, say, 4)
    yield Text()
    yield _indented(Text(say(Message("doctor.verdict.todo")), style="bold"), 2)
    for line in say(root.message("fix")).splitlines():
        yield _indented(Text(line), 4)
    yield from _repair(root, say)
    yield Text()
    yield _indented(Text(_identity(root, say), style="dim"), 2)


def _repair(root: Finding, say: Say) -> Iterator[RenderableType]:
    if root.repair is None:
        return
    for command in root.repair.commands:
        yield _indented(Text(f"$ {clean(command)}", style="bold"), 4)
    if _is_offered(root):
        yield _indented(Text(say(Message("doctor.verdict.fix_offered")), style="green"), 4)


def _is_offered(finding: Finding) -> bool:
    return finding.repair is not None and bool(finding.repair.edits) and finding.repair.safe


def _others(verdict: Verdict, marks: Marks, say: Say) -> Iterator[RenderableType]:
    if len(verdict.causes) > 1:
        yield Text()
        yield Text(say(Message("doctor.verdict.others")), style="bold")
        for cause in verdict.causes[1:]:
            yield _finding_line(cause, marks, say, indent=2)
            for line in say(cause.message("fix")).splitlines():
                yield _indented(Text(line, style="dim"), 6)
        if any(_is_offered(cause) for cause in verdict.causes[1:]) and not _is_offered(verdict.causes[0]):
            yield _indented(Text(say(Message("doctor.verdict.fix_offered")), style="green"), 6)
    if verdict.consequences:
        alone = all(item.of == verdict.root for item in verdict.consequences)
        key = "consequences" if alone else "consequences_other"
        yield Text()
        yield Text(say(Message(f"doctor.verdict.{key}")), style="bold")
        for item in verdict.consequences:
            yield _finding_line(item.finding, marks, say, indent=2, style="dim")


def _identity(finding: Finding, say: Say) -> str:
    values: dict[str, str | int | float | Message] = {
        "id": finding.cause.id,
        "phase": Message(f"doctor.phase.{finding.cause.phase.value}"),
        "confidence": round(finding.confidence * 100),
    }
    if finding.cause.row is None:
        return say(Message("doctor.verdict.identity", values))
    return say(Message("doctor.verdict.identity_row", {**values, "row": finding.cause.row}))


def _finding_line(
    finding: Finding, marks: Marks, say: Say, *, indent: int = 4, style: str = ""
) -> RenderableType:
    line = Text(clean(say(finding.message("title"))), style=style)
    about = _about(finding)
    if about:
        line.append(f": {about}")
    line.append(f"  {finding.cause.id}", style="dim")
    return _hanging(marks.mark(finding.shown_severity.value), line, indent)


def _about(finding: Finding) -> str:
    """What it is about, in a word: the host, the module, the variable, else the subject."""
    for name in ("module", "variable", "host", "proxy", "path", "program"):
        text = clean(value_of(finding, name))
        if text and len(text) <= _MOST_ABOUT:
            return text
    text = clean(finding.subject)
    return text if len(text) <= _MOST_ABOUT else ""


def _proofs(finding: Finding, marks: Marks, say: Say, indent: int) -> Iterator[RenderableType]:
    for proof in finding.evidence:
        yield _hanging(Text(marks.bullet), Text(_proof(proof, say)), indent)


def _proof(proof: Evidence, say: Say) -> str:
    pieces = []
    if proof.what is not None:
        pieces.append(clean(say(proof.what)))
    if proof.raw:
        pieces.append(clean(proof.raw))
    said = ": ".join(pieces)
    return f"{said} ({clean(proof.source)})" if proof.source else said


def _kind(done: Done, findings: list[Finding]) -> str:
    for severity in (Severity.ERROR, Severity.WARNING):
        if any(finding.shown_severity is severity for finding in findings):
            return severity.value
    return "good" if done.outcome is Outcome.FOUND else done.outcome.value


@dataclass(frozen=True, slots=True)
class _Indented:
    """Something moved to the right, behind a mark where there is one; no line ends in blanks."""

    what: RenderableType
    columns: int
    mark: Text | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = self.columns + (self.mark.cell_len + 1 if self.mark is not None else 0)
        narrower = options.update(width=max(20, options.max_width - inner), height=None)
        for number, line in enumerate(console.render_lines(self.what, narrower, pad=False)):
            if number == 0 and self.mark is not None:
                yield Segment(" " * self.columns)
                yield from console.render(Text(f"{self.mark.plain} ", style=self.mark.style, end=""))
            else:
                yield Segment(" " * inner)
            yield from _without_end(line)
            yield Segment.line()


def _indented(what: RenderableType, columns: int) -> RenderableType:
    return _Indented(what, columns)


def _hanging(mark: Text, what: RenderableType, columns: int) -> RenderableType:
    """A point of a list: what does not fit in its first line goes on below its text, not below its mark."""
    return _Indented(what, columns, mark)


def _without_end(line: list[Segment]) -> list[Segment]:
    """The line without the blank at which it was broken."""
    kept = list(line)
    while kept and not kept[-1].text.strip(" "):
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(" "), kept[-1].style, kept[-1].control)
    return kept
