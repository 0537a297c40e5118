"""A command pays for the imports of its own way: asking a server is quick, and nothing here is a server."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from modgate.wiring.quick import importing

_SHOWN = "import sys, modgate.wiring.{}\nprint(*sys.modules)"


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("operations", ("modgate.storage", "modgate.ledger", "modgate.source", "modgate.vcs", "sqlalchemy")),
        ("works", ("modgate.server", "modgate.client", "modgate.vcs", "uvicorn", "starlette")),
    ],
    ids=["asking", "operating-here"],
)
def test_operations_import_only_what_their_way_needs(module: str, without: tuple[str, ...]) -> None:
    code = _SHOWN.format(module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert f"modgate.wiring.{module}" in names
    assert [name for name in names if name.split(".")[0] in without or name.startswith(without)] == []


def test_imports_are_not_interrupted_by_the_garbage_collector_which_goes_on_afterwards() -> None:
    with importing():
        inside = gc.isenabled()
        with importing():
            pass
        nested = gc.isenabled()
    assert (inside, nested, gc.isenabled()) == (False, False, True)


def test_the_garbage_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_command_leaves_without_visiting_what_it_holds() -> None:
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count()))\n"
        "from modgate.cli import main\n"
        "main(['warm', '--help'])\nmain(['warm', '--help'])\n"
        "atexit.register(lambda: print(gc.get_freeze_count()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split()[-2:])
    assert before == 0
    assert after > 10_000
