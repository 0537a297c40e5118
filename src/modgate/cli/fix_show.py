"""What a fix came to, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modgate.client.fix.fixing import Left, Outcome
    from modgate.messages import Catalogue

__all__ = ["show"]

_NAMED = 4


def show(
    outcome: Outcome,
    changes: Sequence[str],
    say: Catalogue,
    out: Console,
    *,
    source: str,
    written: bool,
    dry_run: bool,
    vendored: bool,
) -> None:
    """Print moves, what is left, the diff, and how it ended."""

    def tell(line: str) -> None:
        out.print(line, markup=False, highlight=False, soft_wrap=True)

    for move in outcome.moves:
        tell(f"{move.path}  {move.before} -> {move.after or say('fix.text.gone')}")
        tell(f"    {say('fix.text.mends', advisories=_ids(move.advisories, say))}")
    for left in outcome.left:
        for line in _left(left, say):
            tell(line)
    if changes:
        tell("")
        sums = 0
        in_sums = False
        for line in changes:
            in_sums = line.endswith("go.sum") if line.startswith(("--- ", "+++ ")) else in_sums
            sums += in_sums and line[:1] in {"+", "-"} and not line.startswith(("--- ", "+++ "))
            if not in_sums:
                out.print(line, style=_style(line), markup=False, highlight=False, soft_wrap=True)
        if sums:
            tell(say("fix.text.sums", count=sums))
    if outcome.moves or outcome.left:
        tell("")
    step, words = outcome.failed
    if step:
        tell(say(f"fix.text.failed_{step}"))
        for line in words.splitlines():
            tell(f"    {line}")
    values = {"checked": outcome.checked, "moved": len(outcome.moves), "left": len(outcome.left)}
    tell(say("fix.text.sum", **values, source=source))
    if outcome.aside:
        tell(say("fix.text.aside", count=outcome.aside))
    if written and vendored:
        tell(say("fix.text.vendored"))
    if changes and not written:
        tell(say("fix.text.dry_run") if dry_run else say("fix.text.unwritten"))


def _left(left: Left, say: Catalogue) -> list[str]:
    lines = [
        f"{left.path}  {left.version}  {say('fix.text.stays')}",
        f"    {_ids(left.advisories, say)}",
        f"    {say(f'fix.why.{left.why}', words=left.words.splitlines()[0] if left.words else '')}",
    ]
    if left.why == "refused":
        lines += [f"      {line}" for line in left.words.splitlines()]
    return lines


def _ids(advisories: Sequence[str], say: Catalogue) -> str:
    named = ", ".join(advisories[:_NAMED])
    more = len(advisories) - _NAMED
    return named if more <= 0 else say("fix.text.more", named=named, count=more)


def _style(line: str) -> str:
    if line.startswith(("---", "+++", "@@")):
        return "bold"
    return {"+": "green", "-": "red"}.get(line[:1], "")
