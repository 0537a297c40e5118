"""Which checks run: all that make sense on this system, or those that a person names.

A name is a check's (`dns`), a group's (`DNS`), or the id of a cause (`MG-DNS-003`), which stands for every
check that can find it.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Invalid
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.client.doctor.check import Check
    from modgate.client.doctor.registry import Listed
    from modgate.client.machine.host import System

__all__ = ["choose"]

_Known = TypeVar("_Known", bound="Check | Listed")


def choose(
    checks: Sequence[_Known], system: System, *, only: Iterable[str] = (), skip: Iterable[str] = ()
) -> tuple[_Known, ...]:
    """The checks to run, in their own order. `only` and `skip` hold names, also joined by commas.

    Raises Invalid for a name that is none, with the nearest one.
    """
    wanted = _named(checks, only)
    unwanted = _named(checks, skip)
    return tuple(
        check
        for check in checks
        if system in check.systems and (wanted is None or check in wanted) and check not in (unwanted or ())
    )


def _named(checks: Sequence[_Known], words: Iterable[str]) -> list[_Known] | None:
    names = [name for word in words for name in word.replace(" ", "").split(",") if name]
    if not names:
        return None
    found: list[_Known] = []
    for name in names:
        group = name.upper().removeprefix("MG-").partition("-")[0]
        matching = [check for check in checks if check.name == name.lower() or group in check.groups]
        if not matching:
            raise _unknown(checks, name)
        found += matching
    return found


def _unknown(checks: Sequence[_Known], name: str) -> Invalid:
    names = [check.name for check in checks]
    near = get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else "modgate doctor --list-checks shows them"
    return Invalid(f"no check is called {shown(name)}", next_step=hint)
