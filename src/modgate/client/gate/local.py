"""Judging on this machine: by a policy's file, or by severity alone, and by advisories.

Only what stands in files is known here: how old a version is, its licence, what a scanner said and where it
comes
from only a gate knows. What a rule does without them is its own setting (`on_error`), and the reason is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.model.check import Judged, judged
from modgate.policy.decision import decide
from modgate.policy.document import parse_policy
from modgate.policy.facts import Facts, Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.policy.advisories import AdvisoryIndex
    from modgate.policy.rules import Policy

__all__ = ["LocalJudge", "by_severity"]

_GATE_ONLY = Unknown("only a gate knows")
_LEVELS = ("any", "low", "medium", "high", "critical")
_EVERY = '["unknown", "none", "low", "medium", "high", "critical"]'


class LocalJudge:
    """Judges by files.

    Args:
        policy: The rules.
        about: The index of what concerns modules.
        name: What it goes by, for people.
        consumer: For whom.
        now: Unix seconds.
    """

    def __init__(
        self,
        policy: Policy,
        about: Callable[[Sequence[str]], Awaitable[AdvisoryIndex]] | None,
        *,
        name: str,
        consumer: str,
        now: float,
    ) -> None:
        self._policy = policy
        self._about = about
        self._consumer = consumer
        self._now = now
        self.name = name

    async def judge(self, versions: Sequence[tuple[str, str]]) -> tuple[str, list[Judged]]:
        """The policy's revision, and what applies to each version."""
        index = None
        if self._about is not None:
            index = await self._about(sorted({path for path, _ in versions}))
        return self._policy.revision, [self._one(path, version, index) for path, version in versions]

    def _one(self, path: str, version: str, index: AdvisoryIndex | None) -> Judged:
        try:
            checked = module.check(path, version)
        except Invalid as error:
            return Judged(module=path, version=version, effect="unknown", reason=error.what)
        facts = Facts(
            checked.path,
            checked.version,
            consumer=self._consumer,
            hits=Unknown("no advisories were read") if index is None else index.hits(path, version),
            fixed="" if index is None else index.closing_fix(path, version),
            age=_GATE_ONLY,
            licences=_GATE_ONLY,
            retracted=_GATE_ONLY,
            deprecated=_GATE_ONLY,
            scan=_GATE_ONLY,
        )
        return judged(decide(self._policy, facts, now=self._now))


def by_severity(level: str) -> Policy:
    """The policy of those who have none: advisories of this severity and above refuse, others warn.

    Raises Invalid for a word that is no severity.
    """
    if level not in _LEVELS:
        raise Invalid(f"{level[:40]!r} is no severity", next_step=f"Known: {', '.join(_LEVELS)}.")
    text = f"""
version = 1

[[rules]]
id = "severity"
effect = "deny"
[rules.when]
severity = {_EVERY if level == "any" else f'"{level}"'}

[[rules]]
id = "advisories"
effect = "warn"
[rules.when]
severity = {_EVERY}
"""
    return parse_policy(text, form="toml")
