"""One Mercurial server for the folder: its repositories are made once and never changed by a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.vcs.gocmd.world import hg, hg_commit, hg_serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO = {"go.mod": "module code.test/hello\n\ngo 1.20\n", "hello.go": "package hello\n", "LICENSE": "free\n"}


@pytest.fixture(scope="package")
def hg_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hello` with tags of two commits and a branch; a test adds its own beside it."""
    folder = tmp_path_factory.mktemp("hg")
    hello = folder / "hello"
    hg_commit(hello, HELLO, "v1.0.0", date="2020-01-01")
    hg_commit(hello, {"more.go": "package hello\n"}, "v1.1.0", "v1.2.0-rc.1", "no-version", date="2020-02-01")
    hg(hello, "branch", "-q", "feature")
    hg_commit(hello, {"feature.go": "package hello\n"}, date="2020-03-01")
    hg(hello, "update", "-q", "default")
    hg_commit(hello, {"tip.go": "package hello\n"}, date="2020-04-01")
    return folder


@pytest.fixture(scope="package")
def hg_port(hg_folder: Path) -> Iterator[int]:
    with hg_serve(hg_folder) as port:
        yield port
