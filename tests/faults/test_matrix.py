"""Every upstream fault × every kind of request × cold and warm, then healed.

The figures it prints: cells passed, wrong bytes, poison, broken as absent, the slowest error.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.faults.bench import Row, run_row
from tests.faults.cells import FAULTS, KINDS, TEMPERATURES, Cell, Fault, judge
from tests.support.client import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE = 4
Rows = dict[str, "Future[Row]"]


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """The rows of all selected faults, some at a time: most of a row is waiting for a time-out."""
    wanted = {
        str(getattr(item.callspec.params["fault"], "name", ""))
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "fault" in item.callspec.params
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            fault.name: pool.submit(run_row, fault, tmp_path_factory.mktemp(fault.name))
            for fault in FAULTS
            if fault.name in wanted
        }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_upstream_is_neither_believed_nor_taken_for_absence(fault: Fault, rows: Rows) -> None:
    row = rows[fault.name].result()
    wrong = {f"{kind}, {temperature}": what for (kind, temperature), what in row.cells.items() if what}
    assert not wrong
    assert not row.poison
    assert row.cells.keys() == {(kind, temperature) for kind in KINDS for temperature in TEMPERATURES}


@pytest.mark.timeout(300)
def test_no_cell_of_the_matrix_is_missing(rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    done = [future.result() for future in rows.values()]
    cells = [(row.fault, *key, what) for row in done for key, what in row.cells.items()]
    texts = [what for *_, what in cells]
    expected = len(rows) * len(KINDS) * len(TEMPERATURES)
    with capsys.disabled():
        sys.stdout.write(
            f"\nfault matrix: {sum(not what for what in texts)} of {expected} cells passed, "
            f"wrong bytes {sum(what.startswith('WRONG BYTES') for what in texts)}, "
            f"poison {sum(len(row.poison) for row in done)}, "
            f"broken as absent {sum(what.startswith('BROKEN AS ABSENT') for what in texts)}, "
            f"slowest error {max((row.slowest for row in done), default=0.0):.1f} s\n"
        )
    assert len(cells) == expected


def _cell(kind: str, temperature: str = "cold") -> Cell:
    return Cell(kind, temperature, "/x", "/x", b"right")


def test_the_judge_sees_wrong_bytes_absence_and_silence() -> None:
    fault, cell = FAULTS[0], _cell("mod")
    plain = {"content-type": "text/plain; charset=utf-8"}
    assert "WRONG" in judge(fault, cell, Reply(200, {}, b"wrong", whole=True, seconds=0))
    assert "ABSENT" in judge(fault, cell, Reply(404, plain, b"gone\n", whole=True, seconds=0))
    assert "show" in judge(fault, cell, Reply(502, {}, b"down\n", whole=True, seconds=0))
    assert "show" in judge(fault, cell, Reply(502, plain, b"\x1b[1m\n", whole=True, seconds=0))
    assert "broken" in judge(fault, cell, Reply(0, {}, b"", whole=False, seconds=0))
    assert "although" in judge(fault, cell, Reply(200, {}, b"right", whole=True, seconds=0))
    assert "stored" in judge(fault, _cell("mod", "warm"), Reply(502, plain, b"down\n", whole=True, seconds=0))
    assert not judge(fault, cell, Reply(502, plain, b"down\n", whole=True, seconds=0))
