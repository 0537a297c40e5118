"""The stages: for each of the 25 failures what is bent, what is asked, and what doctor has to say first.

A row may have several stages: one failure has several shapes. Stages of health must give no root cause and
nothing worse than a note.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.internet import Internet

__all__ = ["STAGES", "Stage"]

Bend = Callable[[Internet], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """One staged situation.

    Attributes:
        name: A few words with hyphens.
        bend: What is made of a healthy laboratory.
        row: The row of docs/failures.md, None for health and what has no row.
        ids: Root causes that are right; none for health.
        phase: The phase of the root cause, empty where the ids say enough.
        modules: Arguments of doctor.
        limit: Seconds that doctor should need; told, not judged, because other work slows a machine down.
    """

    name: str
    bend: Bend
    row: int | None = None
    ids: frozenset[str] = frozenset()
    phase: str = ""
    modules: tuple[str, ...] = ()
    limit: float = 15.0

    @property
    def healthy(self) -> bool:
        """Nothing may be found."""
        return not self.ids

    @property
    def long(self) -> bool:
        """One shape more of what other stages show: played with `--long`."""
        return self.bend.__module__.rpartition(".")[2] in {
            "faults_combined",
            "faults_more",
            "health_combined",
            "health_unusual",
            "island",
        }


STAGES: dict[str, Stage] = {}


def stage(
    row: int | None,
    *ids: str,
    phase: str = "",
    modules: tuple[str, ...] = (),
    limit: float = 15.0,
) -> Callable[[Bend], Bend]:
    """Register a function that bends the laboratory; its name names the stage."""

    def register(bend: Bend) -> Bend:
        name = bend.__name__.replace("_", "-")
        STAGES[name] = Stage(name, bend, row, frozenset(ids), phase, modules, limit)
        return bend

    return register
