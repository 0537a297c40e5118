"""`modgate route explain`: which rule counts, and what would be asked, without asking anybody."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
upstream = "https://user:hunter2@goproxy.example|https://proxy.golang.org,direct"
sumdb = "sum.golang.org"
private = "corp.example/*"
[[routes]]
match = "pub.example/*"
source = "publish-only"
principals = ["farm"]
[vcs.repositories]
"odd.example/lib" = "git@git.odd.example:lib.git"
[[credentials]]
host = "git.odd.example"
kind = "ssh"
[[credentials]]
host = "github.com"
token_env = "TOKEN"
[tls]
cert = "server.pem"
key = "server.key"
client_ca = "clients.pem"
[publish]
enabled = true
token_env = "PUBLISH"
"""

PARTICULARS = {
    "ca": "/etc/corp.pem",
    "proxy": "http://me:hunter2@proxy.example:3128",
    "secret_env": "GOPROXY_TOKEN",
    "head_timeout": "5s",
}


def _run(folder: Path, *args: str, lang: str = "en", **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "modgate.toml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "modgate", "--lang", lang, "route", "explain", *args]
    command += ["--config", str(folder / "modgate.toml")]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "80", "PYTHONUTF8": "1", **variables}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def _told(folder: Path, module: str) -> dict[str, Any]:
    done = _run(folder, module, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_what_is_particular_to_an_upstream_is_named(tmp_path: Path) -> None:
    variables = {"MODGATE_UPSTREAMS": json.dumps([{"url": "https://goproxy.example", **PARTICULARS}])}
    for lang, words in (
        ("en", "with ca, proxy, secret_env, head_timeout (upstreams, table 1)"),
        ("zh", "使用 ca, proxy, secret_env, head_timeout（upstreams 第 1 个表）"),
    ):
        done = _run(tmp_path, "github.com/pkg/errors", "--json", lang=lang, **variables)
        told = json.loads(done.stdout)["asked"]
        assert told[1].startswith("https://***@goproxy.example/github.com/pkg/errors/@v/…")
        assert told[1].endswith(words)
        assert told[2] == "https://proxy.golang.org/github.com/pkg/errors/@v/…"
        assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "origin", "asked", "private"),
    [
        (
            "github.com/Pkg/errors",
            "upstream",
            [
                "this gate's store",
                "https://***@goproxy.example/github.com/!pkg/errors/@v/…",
                "https://proxy.golang.org/github.com/!pkg/errors/@v/…",
                "https://github.com/Pkg/errors (git)",
            ],
            False,
        ),
        (
            "corp.example/team/lib@v1.2.3",
            "no_proxy",
            [
                "this gate's store",
                "https://corp.example/team/lib?go-get=1, then the repository that it names",
            ],
            True,
        ),
        (
            "odd.example/lib/sub",
            "vcs.repositories",
            ["this gate's store", "git@git.odd.example:lib.git (vcs.repositories)"],
            True,
        ),
        ("pub.example/a", "routes, table 1", ["this gate's store"], True),
        (
            "git.internal/a",
            "the name looks private",
            ["this gate's store", "nobody: the answer is 403"],
            True,
        ),
    ],
)
def test_the_rule_and_what_would_be_asked_are_told(
    module: str, origin: str, asked: list[str], private: bool, tmp_path: Path
) -> None:
    told = _told(tmp_path, module)
    assert (told["rule"]["origin"], told["rule"]["private"]) == (origin, private)
    assert told["asked"] == asked
    assert told["checks"][0].startswith("the first sight" if private else "sum.golang.org")
    assert told["publishable"] is module.startswith("pub.example")
    assert "hunter2" not in json.dumps(told)


def test_a_module_of_nobody_in_particular_is_given_no_credential(tmp_path: Path) -> None:
    assert "for git.odd.example alone" in _told(tmp_path, "odd.example/lib")["credential"]
    assert "private routes" in _told(tmp_path, "github.com/pkg/errors")["credential"]
    assert _told(tmp_path, "corp.example/lib")["credential"] == "none for corp.example"


def test_a_person_reads_the_table_in_either_language(tmp_path: Path) -> None:
    english = _run(tmp_path, "odd.example/lib")
    assert "→  vcs.repositories" in english.stdout
    assert "git.odd.example" in english.stdout
    assert "hunter2" not in english.stdout
    assert max(map(len, english.stdout.splitlines())) <= 80
    chinese = _run(tmp_path, "odd.example/lib", lang="zh")
    assert chinese.returncode == 0, chinese.stderr
    assert "依次询问" in chinese.stdout


def test_what_is_no_module_path_is_wrong_usage(tmp_path: Path) -> None:
    done = _run(tmp_path, "https://github.com/pkg/errors")
    assert done.returncode == 2
    assert "malformed module path" in done.stderr


@pytest.mark.parametrize(("lang", "words"), [("en", "names that look private"), ("zh", "看起来私有的名字")])
def test_the_rule_for_names_that_look_private_says_which_it_is_for(
    lang: str, words: str, tmp_path: Path
) -> None:
    assert words in _run(tmp_path, "git.internal/a", lang=lang).stdout
