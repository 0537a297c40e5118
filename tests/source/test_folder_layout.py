"""Where modules lie in a folder that a person named, and what is said of the wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid
from modgate.source.folder_layout import Layout, find_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The `cache` folder of a GOMODCACHE."""
    folder = tmp_path / "mod" / "cache"
    for path in ("github.com/acme/a", "github.com/acme/b"):
        versions = folder / "download" / path / "@v"
        versions.mkdir(parents=True)
        (versions / "v1.0.0.mod").write_text(f"module {path}\n")
    return folder


@pytest.mark.parametrize("named", ["..", ".", "download"])
def test_a_module_cache_is_found_from_its_top_its_cache_and_its_download(cache: Path, named: str) -> None:
    place = find_place((cache / named).resolve(), "auto")
    assert (place.root, place.layout) == (cache / "download", Layout.MODCACHE)


@pytest.mark.parametrize("named", ["github.com", "github.com/acme"])
def test_a_part_of_a_folder_of_modules_leads_to_the_whole(cache: Path, named: str) -> None:
    with pytest.raises(Invalid, match="part of a folder") as caught:
        find_place(cache / "download" / named, "auto")
    assert caught.value.next_step == f"Name {cache / 'download'}."


def test_a_folder_above_the_modules_leads_to_them(cache: Path) -> None:
    above = cache.parent.parent
    with pytest.raises(Invalid, match="deeper") as caught:
        find_place(above, "auto")
    assert caught.value.next_step == f"Name {cache / 'download'}."


def test_one_odd_name_does_not_hide_the_modules_beside_it(cache: Path) -> None:
    plain = cache.parent / "proxy"
    (cache / "download").rename(plain)
    (plain / "attic" / "@v").mkdir(parents=True)
    assert find_place(plain, "auto").layout is Layout.GOPROXY


def test_the_source_of_a_module_is_no_folder_of_modules(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.com/m\n")
    with pytest.raises(Invalid, match="no Go modules are recognised"):
        find_place(tmp_path, "auto")
