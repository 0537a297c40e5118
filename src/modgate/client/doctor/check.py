"""A check: one question, asked on its own, answered with findings and facts.

Checks do not know each other. What several need (go's settings, a probe's answer) is in the scene, read once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from modgate.client.machine.host import System

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Finding
    from modgate.messages import Message

__all__ = ["Check", "Outcome", "Result"]

EVERYWHERE = frozenset(System)


class Outcome(StrEnum):
    """What came of a check. `unknown`: it could not be found out, which is neither good nor bad."""

    GOOD = "good"
    FOUND = "found"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """What a check returns.

    Attributes:
        findings: None found is a good result.
        facts: What was seen, for `-v` and as the proof of health; said one line each.
        unknown: Why it could not be found out, None where it could.
        data: For `--json`: plain values (waterfalls, answers of resolvers).
    """

    findings: tuple[Finding, ...] = ()
    facts: tuple[Message, ...] = ()
    unknown: Message | None = None
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A check and what it needs.

    Attributes:
        name: Stable, lower case with hyphens: `dns`, `vscode-settings`; `--only` takes it.
        run: The question. It may raise nothing but a ModgateError, which becomes `unknown`.
        network: False where it works with `--offline`.
        systems: Where it makes sense; elsewhere it does not run and is not shown.
        groups: The groups of causes it can find, `("DNS", "NET")`: what `--list-checks` shows.

    Its texts are `check.<name>.title` and `check.<name>.what`.
    """

    name: str
    run: Callable[[Scene], Awaitable[Result]]
    network: bool
    groups: tuple[str, ...]
    systems: frozenset[System] = EVERYWHERE
