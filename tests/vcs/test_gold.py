"""Versions of real repositories have the sums that the public checksum database has for them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from modgate.gomod import module
from tests.vcs.gold import against_facts, read_facts

_CLONES = Path(os.environ.get("MODGATE_CLONES", Path(__file__).parents[3] / ".mirror"))
_H1 = re.compile(r"h1:[A-Za-z0-9+/]{43}=")


def test_the_table_of_public_sums_has_every_shape_of_module() -> None:
    facts = read_facts()
    assert len({(fact.path, fact.version) for fact in facts}) == len(facts) >= 40
    for fact in facts:
        module.check(fact.path, fact.version)
        assert _H1.fullmatch(fact.h1)
        assert _H1.fullmatch(fact.h1_mod)
        assert fact.path.startswith(fact.root)
    paths = {fact.path for fact in facts}
    assert any(fact.version.endswith("+incompatible") for fact in facts)
    assert any(path.startswith("gopkg.in/") for path in paths)
    assert any(re.search(r"/v[0-9]+$", path) for path in paths)
    assert any(fact.path != fact.root and not re.search(r"/v[0-9]+$", fact.path) for fact in facts)
    assert any(not path.startswith(("github.com/", "gopkg.in/")) for path in paths)


@pytest.mark.long
async def test_real_repositories_give_the_public_sums(tmp_path: Path) -> None:
    if not any(_CLONES.glob("*+*/repo")):
        pytest.skip("no clones of real repositories: MODGATE_CLONES names their folder")
    result = await against_facts(_CLONES, read_facts(), tmp_path)
    print(f"{result.versions} versions compared, {len(result.different)} differences")
    assert result.versions
    assert not result.different
