"""Carrying out a plan although others change the same files: what was refused is planned anew.

An edit is computed from one content of its file and refused for another. A person's wish names variables, not
contents, so the answer to a refusal is to read again, a bounded number of times. What a process that was
killed left half made is put back before anything is planned: else the half that is there would be taken for
what the person had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.repair.apply import apply, recover
from modgate.client.repair.files import content_of, target_of
from modgate.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.client.configure.planning import Plan
    from modgate.client.repair.journal import ChangeId, Journal

__all__ = ["carry_out", "settle"]

_TRIES = 40
_PAUSE = 0.05


def settle(journal: Journal, *, sleep: Callable[[float], None]) -> bool:
    """Put back what was left half made; whether there was anything. Raises ModgateError."""
    for left in reversed(range(_TRIES)):
        if all(change.state != "intended" for change in journal.changes()):
            return False
        try:
            return bool(recover(journal))
        except Unavailable as error:
            # Not killed, but at work at this moment.
            if not left or error.where != str(journal.folder):
                raise
        sleep(_PAUSE)
    raise AssertionError


def carry_out(
    first: Plan, again: Callable[[], Plan], reason: str, journal: Journal, *, sleep: Callable[[float], None]
) -> tuple[ChangeId | None, Plan]:
    """Make the change; the id that `undo` takes (None where nothing had to change) and the plan as made.

    Raises Invalid and Unavailable as `apply` does, the last refusal where it never came through.
    """
    plan = first
    for left in reversed(range(_TRIES)):
        if settle(journal, sleep=sleep):
            plan = again()
        if not plan.edits and not plan.memory:
            return None, plan
        try:
            return apply((*plan.edits, *plan.memory), reason, journal), plan
        except Invalid:
            if not left or not _changed_since(plan):
                raise
        except Unavailable as error:
            # At the state folder itself it is the lock of another modgate; anything else stays so.
            if not left or error.where != str(journal.folder):
                raise
        sleep(_PAUSE)
        plan = again()
    raise AssertionError


def _changed_since(plan: Plan) -> bool:
    return any(content_of(target_of(edit.path)) != edit.before for edit in (*plan.edits, *plan.memory))
