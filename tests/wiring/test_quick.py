"""What a process begins with is not walked through again and again."""

from __future__ import annotations

import gc
import weakref

from modgate.wiring.quick import importing, stay


class Ring:
    """Refers to itself, so only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


def test_garbage_of_before_is_gone_and_what_lives_is_not_looked_at_again() -> None:
    garbage, living = weakref.ref(Ring()), Ring()
    try:
        stay()
        assert garbage() is None
        frozen = gc.get_freeze_count()
        assert frozen > 10_000
        assert all(each is not living for each in gc.get_objects())
        later = weakref.ref(Ring())
        gc.collect()
        assert later() is None  # what comes afterwards is collected as ever
    finally:
        gc.unfreeze()


def test_imports_leave_the_collector_as_it_was() -> None:
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()
