"""Pages, tags and static hosts as go 1.26.8 itself reads them.

`data/govcs.json` was written by `data/main.go.txt` with `data/export.go.txt` laid over cmd/go/internal/vcs
(`go build -overlay`): pages are given as base64, the answers are go's own.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from modgate.errors import Absent
from modgate.vcs.goimport import GoImport, match_go_import, parse_go_imports
from modgate.vcs.static_hosts import static_root

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "govcs.json").read_text("utf-8"))


def test_every_vector_is_there() -> None:
    assert (len(VECTORS["pages"]), len(VECTORS["paths"]), len(VECTORS["matches"])) == (404, 171, 15)


@pytest.mark.parametrize(("page", "tags", "failed"), VECTORS["pages"])
def test_a_page_is_read_as_go_reads_it(page: str, tags: list[list[str]], failed: bool) -> None:
    read = parse_go_imports(base64.b64decode(page))
    assert read.tags == tuple(GoImport(*tag) for tag in tags)
    assert (bool(read.broken) and not tags) is failed


@pytest.mark.parametrize(("path", "root", "vcs", "repo", "error"), VECTORS["paths"])
def test_a_static_host_is_known_as_go_knows_it(path: str, root: str, vcs: str, repo: str, error: str) -> None:
    if error == "invalid":
        with pytest.raises(Absent):
            static_root(path)
        return
    found = static_root(path)
    assert (found.root, found.vcs, found.url) == (root, vcs, repo) if found else error == "unknown"


@pytest.mark.parametrize(("tags", "path", "expected", "error"), VECTORS["matches"])
def test_the_tag_of_a_path_is_the_one_go_takes(
    tags: list[list[str]], path: str, expected: list[str], error: str
) -> None:
    found = match_go_import(tuple(GoImport(*tag) for tag in tags), path)
    assert {0: "none", 1: ""}.get(len(found), "many") == error
    if not error:
        assert found == [GoImport(*expected)]
