"""What is wrong with a policy, all of it at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass

from modgate.errors import Invalid

__all__ = ["PolicyInvalid", "Problem"]

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault.

    Attributes:
        key: Such as `rules[2].when.severity`, counted from 1; empty for the document as a whole.
        what: What is wrong, and what to write in its place.
        line: From 1; 0 where it is not known.
    """

    key: str
    what: str
    line: int = 0


class PolicyInvalid(Invalid):
    """A policy that cannot be used. `problems` are its faults in the order of the file, never empty."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        self.name = name
        self.problems = problems
        first = problems[0]
        super().__init__(
            f"{first.key}: {first.what}" if first.key else first.what,
            where=f"{name}:{first.line}" if first.line else name,
        )

    def lines(self) -> list[str]:
        """Each fault with its place: `policy.toml:12: rules[2].effect: …`."""
        told = [self._line(each) for each in self.problems[:_SHOWN]]
        more = len(self.problems) - _SHOWN
        return [*told, f"{self.name}: and {more} more problems"] if more > 0 else told

    def _line(self, problem: Problem) -> str:
        place = f"{self.name}:{problem.line}" if problem.line else self.name
        return f"{place}: {problem.key}: {problem.what}" if problem.key else f"{place}: {problem.what}"
