"""A command pays for the imports of its own way: asking a server is quick, and nothing here is a server."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
