"""Each set quality of each of five mirrors is measured within 10 %: the long form, with timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench.mirrors import EXPECTED, measure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.long
async def test_every_quality_is_measured_within_a_tenth(tmp_path: Path) -> None:
    order, figures = await measure(30, tmp_path)
    for figure in figures:
        values = f"set {figure.set:12.4f} measured {figure.measured:12.4f} {figure.error:6.1%}"
        print(f"{figure.mirror:12} {figure.what:16} {values}")
    assert order == EXPECTED
    assert [figure for figure in figures if not figure.good] == []
