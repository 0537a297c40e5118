"""`modgate warm` and `modgate refresh` as a person calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from modgate.cli.warm_files import host_platform, read_wish
from modgate.errors import Invalid
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modgate.cli.warm_files import Wish

GO_MOD = "module main.test/app\n\ngo 1.21.5\n\ntoolchain go1.26.8\n\nrequire ex.test/a v1.0.0\n"
H1 = "h1:" + "A" * 43 + "="


def wish(*words: object, every_line: bool = False, toolchains: str = "", platforms: str = "") -> Wish:
    names = [each for each in toolchains.split(",") if each]
    return read_wish(list(map(str, words)), every_line=every_line, toolchains=names, platforms=platforms)


def test_a_go_mod_is_read_with_its_go_sum_its_exclusions_and_its_folders(tmp_path: Path) -> None:
    text = (
        "exclude ex.test/x v1.0.0\n\nreplace ex.test/a => ./near\n\n"
        "replace ex.test/b v1.0.0 => ex.test/c v1.1.0\n\nreplace ex.test/d => ./missing\n"
    )
    (tmp_path / "go.mod").write_text(GO_MOD + text)
    (tmp_path / "go.sum").write_text(f"ex.test/c v1.1.0 {H1}\nex.test/e v1.0.0/go.mod {H1}\n")
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "go.mod").write_text("module near\n\ngo 1.16\n\nrequire ex.test/e v1.0.0\n")
    graph = wish(tmp_path).params()["graphs"][0]
    assert graph["mains"]["main.test/app"]["require"] == (("ex.test/a", "v1.0.0"),)
    assert graph["exclude"] == [("ex.test/x", "v1.0.0")]
    near, missing = str(tmp_path / "near"), str(tmp_path / "missing")
    assert set(graph["replace"]) == {
        ("ex.test/a", "", near, ""),
        ("ex.test/b", "v1.0.0", "ex.test/c", "v1.1.0"),
        ("ex.test/d", "", missing, ""),
    }
    assert set(graph["folders"]) == {near}
    assert graph["known"] == ["ex.test/c@v1.1.0"]
    assert graph["known_mods"] == ["ex.test/e@v1.0.0"]


def test_a_go_sum_means_each_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "go.sum").write_text(
        f"ex.test/c v1.1.0 {H1}\nex.test/c v1.1.0/go.mod {H1}\nex.test/e v1.0.0/go.mod {H1}\n"
    )
    params = wish(tmp_path / "go.sum").params()
    assert params["zips"] == ["ex.test/c@v1.1.0"]
    assert params["mods"] == ["ex.test/e@v1.0.0"]
    assert params["graphs"] == []


def test_what_a_go_work_replaces_counts_before_its_modules(tmp_path: Path) -> None:
    (tmp_path / "go.work").write_text(
        "go 1.21\n\nuse (\n\t./one\n\t./two\n)\n\nreplace ex.test/a => ex.test/fork v1.0.0\n"
    )
    (tmp_path / "go.work.sum").write_text(f"ex.test/w v1.0.0 {H1}\n")
    for name, more in (("one", "replace ex.test/a v1.0.0 => ../x\n"), ("two", "replace ex.test/b => ../y\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(f"module main.test/{name}\n\ngo 1.21\n\n{more}")
        (tmp_path / name / "go.sum").write_text(f"ex.test/{name} v1.0.0 {H1}\n")
    (graph,) = wish(tmp_path).params()["graphs"]
    assert graph["workspace"]
    assert set(graph["mains"]) == {"main.test/one", "main.test/two"}
    assert graph["replace"] == [
        ("ex.test/a", "", "ex.test/fork", "v1.0.0"),
        ("ex.test/b", "", str(tmp_path / "two" / ".." / "y"), ""),
    ]
    assert sorted(graph["known"]) == ["ex.test/one@v1.0.0", "ex.test/two@v1.0.0", "ex.test/w@v1.0.0"]


def test_toolchains_are_versions_for_each_platform(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text(GO_MOD)
    named = wish(tmp_path, toolchains="named,1.25.3", platforms="linux/amd64,darwin/arm64").params()["zips"]
    assert named == [
        f"golang.org/toolchain@v0.0.1-{name}.{where}"
        for name in ("go1.26.8", "go1.25.3")
        for where in ("linux-amd64", "darwin-arm64")
    ]
    (own,) = wish(toolchains="go1.26.8").params()["zips"]
    assert own.endswith(host_platform().replace("/", "-"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("go.mod", "nonsense here\n"),
        ("go.sum", "a b\n"),
        ("go.work", "require x\n"),
        ("main.go", "package x\n"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Invalid) as caught:
        wish(tmp_path / name)
    assert name in caught.value.where


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[FaultUpstream]:
    world = World(tmp_path / "made")
    world.add("ex.test/a")
    world.add("ex.test/b", "v1.0.0")
    world.finish()
    with FaultUpstream(world.root) as served:
        yield served


def call(
    folder: Path, upstream: FaultUpstream, *args: str, lang: str = "en"
) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "80", "LANG": "C.UTF-8"}
    settings = [f"store={folder / 'store'}", f"upstream={upstream.url}", "sumdb=off"]
    options = [word for setting in settings for word in ("--set", setting)]
    return subprocess.run(
        [sys.executable, "-m", "modgate", "--lang", lang, *args, *options],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_was_done_and_what_failed_is_told_in_80_columns(
    tmp_path: Path, upstream: FaultUpstream, lang: str
) -> None:
    (tmp_path / "go.mod").write_text(GO_MOD + "require ex.test/gone v1.0.0\n")
    done = call(tmp_path, upstream, "warm", "go.mod", "ex.test/b@latest", lang=lang)
    assert done.returncode == 1, done
    assert "ex.test/gone@v1.0.0" in done.stdout
    assert "ex.test/b@latest" in done.stdout
    assert "6" in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    fresh = call(tmp_path, upstream, "refresh", "ex.test/*", lang=lang)
    assert fresh.returncode == 0, fresh
    assert "ex.test/b" in fresh.stdout
    assert max(map(cell_len, fresh.stdout.splitlines())) <= 80


def test_one_json_document_says_it_all(tmp_path: Path, upstream: FaultUpstream) -> None:
    (tmp_path / "go.mod").write_text(GO_MOD)
    done = call(tmp_path, upstream, "warm", "--json", "ex.test/b@latest", "go.mod")
    document = json.loads(done.stdout)
    assert (done.returncode, document["fetched"], document["failures"]) == (0, 6, [])
    assert document["resolved"] == {"ex.test/b@latest": "v1.0.0"}
    # Without a word it is the go.mod of this folder.
    again = json.loads(call(tmp_path, upstream, "warm", "--json").stdout)
    assert (again["fetched"], again["there"]) == (0, 3)
    fresh = json.loads(call(tmp_path, upstream, "refresh", "--json", "--all").stdout)
    assert [result["module"] for result in fresh["results"]] == ["ex.test/b"]


@pytest.mark.parametrize(
    "args",
    [
        ("warm", "nothing.mod"),
        ("warm", "--toolchains", "go1.21"),
        ("warm", "--toolchains", "go1.26.8", "--platforms", "linux/x86"),
        ("warm", "ex.test/a@v1.0.0", "--jbos", "3"),
        ("warm",),
        ("refresh",),
        ("refresh", "--all", "ex.test/a"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    tmp_path: Path, upstream: FaultUpstream, args: tuple[str, ...]
) -> None:
    done = call(tmp_path, upstream, *args)
    assert done.returncode == 2, done
    assert done.stderr
    assert not done.stdout
    assert upstream.total() == 0


def test_the_server_that_holds_the_store_does_it(tmp_path: Path, upstream: FaultUpstream) -> None:
    (tmp_path / "go.mod").write_text(GO_MOD)
    with Gate(tmp_path / "gate", upstream=upstream.url, store=tmp_path / "store") as gate:
        done = call(tmp_path, upstream, "warm", "--json", "go.mod")
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["fetched"] == 3
        upstream.kill()
        assert gate.ask("/ex.test/a/@v/v1.0.0.zip").status == 200
