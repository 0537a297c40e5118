"""Play stages side by side, each in a namespace of its own, and compare what doctor said with what is true.

`python -m tests.lab.judging [STAGE…]` prints a line for each stage and the figure: `N of 25, false alarms M`.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modgate.client.doctor.document import schema
from tests.client.doctor.json_schema import problems
from tests.lab import (
    faults_answers,
    faults_combined,
    faults_more,
    faults_network,
    health,
    health_combined,
    health_unusual,
    island,
)
from tests.lab.stages import STAGES, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ROWS", "Judged", "figure", "judge", "play_all", "summary", "with_go"]

assert all((faults_answers, faults_combined, faults_more, faults_network))
assert all((health, health_combined, health_unusual, island))
ROWS = frozenset(range(1, 26))
REPOSITORY = Path(__file__).parents[2]
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one stage. `wrong` is empty where doctor said the right thing; `seconds` judge nothing."""

    stage: Stage
    wrong: str
    seconds: float
    root: str
    others: tuple[str, ...]


def play_all(names: Iterable[str] = ()) -> list[Judged]:
    """The stages of these names (all of them by default), a few at once, in their own order."""
    chosen = [STAGES[name] for name in names] or list(STAGES.values())
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(_play, chosen))


def _play(stage: Stage) -> Judged:
    done = subprocess.run(
        ["unshare", "-rnm", sys.executable, "-m", "tests.lab.run", stage.name],
        cwd=REPOSITORY,
        env=with_go(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if not lines:
        return Judged(stage, f"the stage did not stand: {done.stderr[-800:]}", 0.0, "", ())
    result = json.loads(lines[-1])
    judged = judge(stage, result)
    return judged if judged.wrong else replace(judged, wrong=_unlike_its_schema(result["stdout"]))


def with_go() -> dict[str, str]:
    """The environment, with the go of this Python's own folder behind those of PATH."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{Path(sys.executable).parent}"}


def judge(stage: Stage, result: dict[str, Any]) -> Judged:
    """Compare what doctor printed with what the stage is."""
    try:
        report = json.loads(result["stdout"])
    except ValueError:
        said = (result["stderr"] or result["stdout"])[-800:]
        return Judged(stage, f"no document: {said}", result["seconds"], "", ())
    root = report["root_cause"]
    loud = tuple(
        finding["id"]
        for check in report["checks"]
        for finding in check.get("findings", ())
        if finding.get("severity") != "note"
    )
    wrong = _wrong(stage, root, loud, result)
    return Judged(stage, wrong, result["seconds"], root["id"] if root else "", loud)


def _unlike_its_schema(document: str) -> str:
    rules = schema()
    found = problems(json.loads(document), rules, rules)
    return f"not as its schema says: {found[0]}" if found else ""


def _wrong(stage: Stage, root: dict[str, Any] | None, loud: tuple[str, ...], result: dict[str, Any]) -> str:
    if result["status"] is None:
        return f"not ended after {result['seconds']} s"
    if stage.healthy:
        if root is not None or loud:
            return f"a false alarm: {root['id'] if root else ''} {', '.join(loud)}"
        return "" if result["status"] == 0 else f"exit status {result['status']}"
    if root is None:
        return f"nothing found; loud: {', '.join(loud)}"
    if root["id"] not in stage.ids:
        return f"{root['id']} instead of {' or '.join(sorted(stage.ids))}: {root['text']}"
    if stage.phase and root["phase"] != stage.phase:
        return f"phase {root['phase']} instead of {stage.phase}"
    return "" if result["status"] == 1 else f"exit status {result['status']}"


def figure(judged: Iterable[Judged]) -> tuple[int, int]:
    """How many of the 25 rows are right in every stage of theirs, and how many stages of health are not."""
    played = list(judged)
    shown = {item.stage.row for item in played if item.stage.row and not item.stage.healthy}
    failed = {item.stage.row for item in played if item.wrong and not item.stage.healthy}
    return len((shown - failed) & ROWS), sum(bool(item.wrong) for item in played if item.stage.healthy)


def summary(judged: Iterable[Judged]) -> str:
    """The figure, and how long doctor took on a healthy machine and where nothing answers."""
    played = list(judged)
    right, alarms = figure(played)
    times = [
        f"{item.stage.name} {item.seconds:.1f} s"
        for item in played
        if item.stage.name in {"healthy", "nothing-answers-at-all"}
    ]
    return "; ".join([f"{right} of {len(ROWS)}, false alarms {alarms}", *times])


def main() -> None:
    judged = play_all(sys.argv[1:])
    for item in judged:
        verdict = "WRONG" if item.wrong else "slow " if item.seconds > item.stage.limit else "ok   "
        row = str(item.stage.row or "-")
        print(f"{verdict} {row:>3} {item.stage.name:36} {item.seconds:5.1f} s  {item.root:12} {item.wrong}")
    print(summary(judged))


if __name__ == "__main__":
    main()
