"""What a client is told when a version is refused: why, the command that helps, whom to ask, the decision.

The go command shows at most 8 lines and 648 bytes of an answer, up to the first blank line, and nothing at
all of one that holds a control character (cmd/go/internal/web, api.go). A command that was cut would be a
wrong one, so it is shown whole and other words make room. Modules stand as they do in go.mod, capitals and
all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.model.decision import Effect

if TYPE_CHECKING:
    from modgate.model.decision import Decision

__all__ = ["MAX_BYTES", "denial_lines"]

MAX_BYTES = 640
"""Of all lines together, their ends included."""

_CONTACT = 160
_SHORTEST = 60
_WORDS = {Effect.BAN: "is banned", Effect.QUARANTINE: "is held back until it was scanned"}

_RUNNING = "the scan is running"


def denial_lines(decision: Decision, *, instead: str = "") -> tuple[str, ...]:
    """Four lines for a decision that refuses; `instead` is a `module@version` of another major version that
    is not affected, where there is no fix of this one.
    """
    contact = _plain(decision.contact)
    whom = f"Ask for a waiver: {contact}" if contact else "Whoever runs this proxy can grant a waiver."
    last = f"Decision: {decision.id}"
    spared = MAX_BYTES - _size(last)
    helps = _cut(_helps(decision, _plain(instead)), spared - 2 * _SHORTEST)
    spared -= _size(helps)
    whom = _cut(whom, min(_CONTACT, spared - _SHORTEST))
    first = _cut(_why(decision), spared - _size(whom) - 1)
    return first, helps, whom, last


def _why(decision: Decision) -> str:
    said = _plain(decision.reason)
    named = ", ".join(each for each in map(_plain, decision.advisories) if each not in said)
    subject = decision.path if decision.effect is Effect.BAN else f"{decision.path}@{decision.version}"
    words = _WORDS.get(decision.effect, "is denied")
    if decision.effect is Effect.QUARANTINE and _RUNNING in decision.unknown:
        words = "is quarantined, scan running"
    told = f"{_plain(subject)} {words}: {said}"
    return f"{told} ({named})" if named else told


def _helps(decision: Decision, instead: str) -> str:
    path = _plain(decision.path)
    if decision.effect is Effect.BAN:
        return "No version of it may be used: choose another module."
    if decision.effect is Effect.QUARANTINE:
        return "Try again in a few minutes, or use a version that was scanned before."
    if decision.fixed:
        return f"go get {path}@{_plain(decision.fixed)}"
    if decision.advisories and instead:
        return f"go get {instead} has a fix, under another import path; this one has none."
    if decision.advisories:
        return f"No fix is known. Leave it out, or: go mod edit -replace {path}=FORK@VERSION"
    return f"go list -m -versions {path} shows what may be used."


def _plain(text: str) -> str:
    """In one line, without what a terminal would obey."""
    shown = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())


def _cut(text: str, size: int) -> str:
    """At most so many bytes, at the end of a character."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= size:
        return raw.decode()
    return raw[: max(size - 3, 0)].decode("utf-8", "ignore") + "…"


def _size(line: str) -> int:
    return len(line.encode("utf-8", "replace")) + 1
