"""`modgate vcs` as a person calls it: offline, over repositories on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from modgate.gomod.modzip import check_zip
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from tests.support.git_repos import GitRepo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MODULE = "example.com/team/lib"


def _environ(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "COLUMNS": "80",
        "LANG": "C.UTF-8",
        "GOPROXY": "off",
        **(more or {}),
    }


def _run(
    folder: Path, *args: str, lang: str = "en", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    (folder / "home").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "modgate", "--lang", lang, "vcs", *args],
        env=_environ(folder, environ),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    made = GitRepo(tmp_path_factory.mktemp("repo") / "lib.git")
    made.commit(
        {"go.mod": f"module {MODULE}\n", "LICENSE": "free\n", "a.go": "package lib\n"}, tags=["v1.0.0"]
    )
    made.commit({"sub/go.mod": f"module {MODULE}/sub\n", "sub/b.go": "package sub\n"}, tags=["sub/v0.1.0"])
    made.commit({"go.mod": f"module {MODULE}/v2\n"}, tags=["v2.0.0"])
    made.save()
    return made


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        (f"{MODULE}@v1.0.0", "v1.0.0"),
        (f"{MODULE}@latest", "v1.0.0"),
        (f"{MODULE}@v1", "v1.0.0"),
        (f"{MODULE}/sub@v0.1.0", "v0.1.0"),
        (f"{MODULE}/v2@v2.0.0", "v2.0.0"),
        (f"{MODULE}/v2@main", "v2.0.0"),
    ],
)
def test_the_document_has_exactly_four_facts(
    tmp_path: Path, repository: GitRepo, wanted: str, version: str
) -> None:
    target = tmp_path / "it.zip"
    done = _run(tmp_path, "get", wanted, "--repo", repository.url, "--json", "--out", str(target))
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert list(told) == ["info", "h1", "h1_mod", "size"]
    assert told["info"]["Version"] == version
    assert told["info"]["Origin"]["VCS"] == "git"
    assert told["size"] == target.stat().st_size
    with target.open("rb") as file:
        module = ModuleVersion(ModulePath(wanted.partition("@")[0]), Version(version))
        assert check_zip(module, file).h1 == told["h1"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o600 == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name != "home"] == ["it.zip"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_people_read_it_in_eighty_columns(tmp_path: Path, repository: GitRepo, lang: str) -> None:
    done = _run(tmp_path, "get", f"{MODULE}/sub@v0.1.0", "--repo", repository.url, lang=lang)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    assert "v0.1.0" in done.stdout
    for command in (["--help"], ["get", "--help"], ["list", "--help"]):
        helped = _run(tmp_path, *command, lang=lang)
        assert helped.returncode == 0
        assert max(map(cell_len, helped.stdout.splitlines())) <= 80


def test_the_versions_are_listed_one_a_line(tmp_path: Path, repository: GitRepo) -> None:
    assert _run(tmp_path, "list", MODULE, "--repo", repository.url).stdout == "v1.0.0\n"
    assert json.loads(_run(tmp_path, "list", f"{MODULE}/sub", "--repo", repository.url, "--json").stdout) == [
        "v0.1.0"
    ]


def test_the_mirror_stays_in_the_cache_folder_of_the_user(tmp_path: Path, repository: GitRepo) -> None:
    cache = tmp_path / "cache"
    done = _run(tmp_path, "list", MODULE, "--repo", repository.url, environ={"XDG_CACHE_HOME": str(cache)})
    assert done.returncode == 0
    assert (cache / "modgate" / "vcs").is_dir()


def test_the_root_can_be_named_where_it_cannot_be_told(tmp_path: Path) -> None:
    made = GitRepo(tmp_path / "odd.git")
    made.commit({"deep/go.mod": "module example.org/a/deep\n"}, tags=["deep/v1.0.0"])
    made.commit({"deep/go.mod": None, "README": "moved away\n"})
    made.save()
    for options in ([], ["--root", "example.org/a"]):
        done = _run(tmp_path, "list", "example.org/a/deep", "--repo", made.url, *options)
        assert done.stdout == "v1.0.0\n", done.stderr
    done = _run(tmp_path, "list", "example.org/a/deep", "--repo", made.url, "--root", "example.org/a/deep")
    assert (done.returncode, done.stdout) == (0, "")  # a module from before modules, without tags
    done = _run(tmp_path, "list", "example.org/a/deep", "--repo", made.url, "--root", "example.com")
    assert done.returncode == 1
    assert "mismatched repo" in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["get", MODULE], 2, "MODULE@VERSION"),
        (["get", f"{MODULE}@"], 2, "MODULE@VERSION"),
        (["get", f"{MODULE}@upgrade"], 2, "not a version"),
        (["get", "Example.com@v1.0.0"], 2, "malformed module path"),
        (["get", f"{MODULE}@v1.0.0/../x"], 2, "invalid"),
        (["get", f"{MODULE}@v1.0.0", "--repo", "no/such/folder"], 2, "neither an address nor a folder"),
        (["get", f"{MODULE}@v1.0.0", "--root", "example.com"], 2, "--repo"),
        (["get", f"{MODULE}@v1.0.0", "--out", "REPO"], 2, "the file exists"),
        (["get", f"{MODULE}@v1.0.0", "--out", "no/such/folder/x.zip"], 2, "no such folder"),
        (["get", f"{MODULE}@v9.9.9", "--repo", "REPO"], 1, "unknown revision v9.9.9"),
        (["get", f"{MODULE}/none@v1.0.0", "--repo", "REPO"], 1, f"{MODULE}/none@v1.0.0"),
        (["list", f"{MODULE}/v7", "--repo", "REPO"], 1, "non-.../v7 module path"),
        (["get", f"{MODULE}@v1.0.0", "--repo", "ext::sh -c touch% x"], 2, "neither"),
        (["get", f"{MODULE}@v1.0.0", "--repo", "file:///etc"], 2, "no address"),
        (["get", "127.0.0.1/x@v1.0.0"], 1, "no module is fetched from an address"),
    ],
)
def test_what_went_wrong_is_told_in_a_line(
    tmp_path: Path, repository: GitRepo, args: list[str], status: int, words: str
) -> None:
    done = _run(tmp_path, *(repository.url if each == "REPO" else each for each in args))
    assert done.stdout == ""
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.zip*"))


def test_without_git_the_next_step_is_named(tmp_path: Path, repository: GitRepo) -> None:
    done = _run(
        tmp_path, "get", f"{MODULE}@v1.0.0", "--repo", repository.url, environ={"PATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert "git" in done.stderr
    assert "install" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_repository_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    done = _run(tmp_path, "get", f"{MODULE}@v1.0.0", "--repo", str(tmp_path / "plain"))
    assert done.returncode == 1
    assert str(tmp_path / "plain") in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    """The host accepts the connection and says nothing, until Ctrl-C."""
    (tmp_path / "home").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/lib.git"
        asked = ["get", f"{MODULE}@v1.0.0", "--repo", url, "--out", str(tmp_path / "it.zip")]
        process = subprocess.Popen(
            [sys.executable, "-m", "modgate", "vcs", *asked],
            env=_environ(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


def test_a_second_call_needs_no_fetch(tmp_path: Path) -> None:
    """What is mirrored is read there, even if the commit's bytes are gone from the repository."""
    made = GitRepo(tmp_path / "lib.git")
    made.commit({"go.mod": f"module {MODULE}\n", "a.go": "package lib\n"}, tags=["v1.0.0"])
    made.save()
    first = _run(tmp_path, "get", f"{MODULE}@v1.0.0", "--repo", made.url, "--json")
    started = time.monotonic()
    second = _run(tmp_path, "get", f"{MODULE}@v1.0.0", "--repo", made.url, "--json")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout
    print(f"second call: {time.monotonic() - started:.2f} s")


def test_what_is_told_beside_the_answer_is_not_on_standard_output(
    tmp_path: Path, repository: GitRepo
) -> None:
    token = tmp_path / "token"
    token.write_text("for-nobody-in-particular")
    token.chmod(0o644)
    config = tmp_path / "modgate.toml"
    config.write_text(f'[[credentials]]\nhost = "git.corp.example"\ntoken_file = "{token}"\n')
    repo = repository.url
    done = _run(tmp_path, "list", MODULE, "--repo", repo, "--config", str(config), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert "modgate: " in done.stderr
    assert "chmod 600" in done.stderr
