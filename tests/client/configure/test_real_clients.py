"""The real go, real shells and the real gopls pick up what `modgate use` wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.machine.editors import read_editors
from modgate.client.machine.local import LocalHost
from modgate.client.machine.vscode_env import tools_environment
from tests.client.configure.lsp import Gopls
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.configure.conftest import Home

pytestmark = pytest.mark.go
MODULE = "git.example/team/lib"
GOPLS = "v0.21.1"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[FaultUpstream]:
    world = World(tmp_path / "proxy")
    world.add(MODULE)
    world.add("rsc.io/quote", "v1.5.2")
    world.finish()
    with FaultUpstream(world.root) as running:
        yield running


def _plain(home: Home, go: str) -> dict[str, str]:
    """The variables of a login that has no setting of go's: caches of the test's own, nothing more."""
    return {
        "HOME": str(home.folder),
        "PATH": f"{Path(go).parent}:{os.environ['PATH']}",
        "GOMODCACHE": str(home.folder / "modcache"),
        "GOCACHE": str(home.folder / "cache"),
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
        "GONOSUMDB": "*",
        "TERM": "dumb",
    }


def _run(words: list[str], environ: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        words, env=environ, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_go_asks_the_proxy_that_was_written_to_its_file(
    home: Home, upstream: FaultUpstream, go_command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOSUMDB", "off")  # else the real database would be asked whether it answers
    done = home.use(upstream.url, "--json").document
    assert done["changed"]
    assert [(item["good"], item["gate"]) for item in done["checked"]] == [(True, False)]
    before = upstream.total()
    _run([go_command, "mod", "download", f"{MODULE}@v1.0.0"], _plain(home, go_command), home.folder / "work")
    assert upstream.total() > before


@pytest.mark.parametrize(
    ("shell", "start"),
    [
        ("bash", ["-lc"]),
        ("bash", ["-ic"]),
        ("zsh", ["-c"]),
        ("zsh", ["-lc"]),
        ("fish", ["-c"]),
        ("sh", ["-lc"]),
    ],
)
def test_go_in_a_new_shell_asks_the_proxy_that_was_written_to_the_profile(
    home: Home, upstream: FaultUpstream, go_command: str, shell: str, start: list[str]
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    home.use(upstream.url, "--scope", "shell", "--shell", shell, "--no-check")
    words = [program, *start, f"'{go_command}' mod download {MODULE}@v1.0.0"]
    _run(words, _plain(home, go_command), home.folder / "work")
    assert upstream.total() > 0


def test_go_in_this_session_asks_the_proxy_that_was_printed(
    home: Home, upstream: FaultUpstream, go_command: str
) -> None:
    lines = home.use(upstream.url, "--scope", "session", "--no-check").out
    _run(
        ["bash", "-c", f"{lines}\n'{go_command}' mod download {MODULE}@v1.0.0"],
        _plain(home, go_command),
        home.folder,
    )
    assert upstream.total() > 0


def test_go_fetches_private_modules_without_direct(
    home: Home, upstream: FaultUpstream, go_command: str
) -> None:
    """What the judgement of `direct` rests on: GONOPROXY sends go to the origin whatever GOPROXY says."""
    home.use("--set", f"GOPROXY={upstream.url}", "--set", f"GOPRIVATE={MODULE}", "--no-check")
    done = subprocess.run(
        [go_command, "mod", "download", "-x", f"{MODULE}@v1.0.0"],
        env=_plain(home, go_command) | {"HTTPS_PROXY": "http://127.0.0.1:9", "GONOPROXY": ""},
        cwd=home.folder / "work",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert upstream.total() == 0
    assert f"https://{MODULE}" in done.stderr


@pytest.fixture(scope="session")
def gopls_command(go_command: str) -> Path:
    """gopls, installed once for this machine through the module proxy that it is set up with."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    folder = cache / "modgate-tests" / f"gopls-{GOPLS}"
    if not (folder / "gopls").exists():
        modules = folder / "modules"
        environ = {**os.environ, "GOBIN": str(folder), "GOMODCACHE": str(modules), "GOFLAGS": "-modcacherw"}
        done = subprocess.run(
            [go_command, "install", f"golang.org/x/tools/gopls@{GOPLS}"],
            env={**environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        shutil.rmtree(modules, ignore_errors=True)
        if done.returncode:
            pytest.skip(f"gopls cannot be installed here: {done.stderr.strip()[-200:]}")
    return folder / "gopls"


@pytest.mark.live
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scope", ["vscode-workspace", "vscode-user", "goenv"])
def test_gopls_asks_the_proxy_that_was_written_for_it(
    home: Home, upstream: FaultUpstream, gopls_command: Path, scope: str, tmp_path: Path
) -> None:
    go_command = str(Path(shutil.which("go") or sys.executable).parent / "go")
    work = home.folder / "work"
    home.file(".config/Code/User/settings.json", "{}")
    home.file("work/go.mod", "module example.test/app\n\ngo 1.21\n")
    home.file("work/main.go", f'package main\n\nimport _ "{MODULE}"\n\nfunc main() {{}}\n')
    world = World(tmp_path / "other")
    world.finish()
    with FaultUpstream(world.root) as old:
        home.use("--set", f"GOPROXY={old.url},off", "--no-check")
        home.use("--set", f"GOPROXY={upstream.url},off", "--scope", scope, "--no-check", "--force")
        environ = _plain(home, go_command)
        host = LocalHost(environ, home=home.folder, cwd=work)
        editor = next(editor for editor in read_editors(host) if editor.name == "Code")
        tools = {name: value.text for name, value in tools_environment(host, editor, environ).items()}
        before = old.total()
        with Gopls(gopls_command, work, tools) as gopls:
            answer = gopls.command("gopls.tidy", {"URIs": [(work / "go.mod").as_uri()]})
        assert "error" not in answer, answer
        assert upstream.total() > 0
        assert old.total() == before
    assert f"{MODULE} v1.0.0" in (work / "go.mod").read_text()
