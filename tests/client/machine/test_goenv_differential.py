"""The layers as computed against the real `go env`, over generated variables and files."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.golayers import COMPUTED, KNOWN
from modgate.client.machine.local import LocalHost

if TYPE_CHECKING:
    from modgate.client.machine.settings import GoSettings

NAMES = (
    *("GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOFLAGS", "GOAUTH"),
    *("GOMODCACHE", "GOPATH", "GOCACHE", "GOBIN", "GOTMPDIR", "GOVCS", "GO111MODULE", "GOTOOLCHAIN"),
)
VALUES = {
    "GOPROXY": [
        "https://proxy.golang.org,direct",
        "off",
        '"https://a.test,direct"',
        " https://a.test",
        "a b",
    ],
    "GOSUMDB": ["off", "sum.golang.org", "sum.golang.google.cn", "https://sum.golang.org"],
    "GOPRIVATE": ["*.corp.test", "git.corp.test/*,x.test", "“a.test”", ".corp.test "],
    "GONOPROXY": ["none", "*.corp.test", "a=b"],
    "GONOSUMDB": ["none", "*", "a.test\tb.test"],
    "GOINSECURE": ["*", "a.test"],
    "GOFLAGS": ["-mod=mod", "-modcacherw -v", "'-tags=a b'", "-nonsense"],
    "GOAUTH": ["off", "netrc", "git /tmp", "x;y"],
    "GOMODCACHE": ["/m/cache", "relative/cache", "/with space/"],
    "GOPATH": ["/p", "/p:/q", "/p//q/../r/"],
    "GOCACHE": ["/c", "off", "relative"],
    "GOBIN": ["/b", "b"],
    "GOTMPDIR": ["/tmp", ""],
    "GOVCS": ["*:all", "public:git|hg"],
    "GO111MODULE": ["on", "auto"],
    "GOTOOLCHAIN": ["local", "auto", "path"],
}
BROKEN_LINES = ["# a comment", "", "nonsense", " GOPROXY=https://lead.test", "goproxy=https://lower.test"]
BROKEN_LINES += [
    "export GOPROXY=https://export.test",
    "GOPROXY =https://space.test",
    "GOPROXYS=x",
    "=x",
    "GOPROXY",
]


def _cases(count: int, seed: int) -> list[tuple[dict[str, str], bytes | None, bytes | None, str]]:
    made = random.Random(seed)
    return [_case(made) for _ in range(count)]


def _case(made: random.Random) -> tuple[dict[str, str], bytes | None, bytes | None, str]:
    """(OS variables, GOENV file, go.env file, how the GOENV file is named)."""
    environ: dict[str, str] = {}
    for name in NAMES:
        if name != "GOTOOLCHAIN" and made.random() < 0.3:
            environ[name] = made.choice(["", *VALUES[name]])
    goenv = _file(made) if made.random() < 0.85 else None
    go_env = _file(made, ours=False) if made.random() < 0.4 else None
    return environ, goenv, go_env, made.choice(["home", "home", "xdg", "GOENV", "off"])


def _file(made: random.Random, *, ours: bool = True) -> bytes:
    lines: list[str] = []
    for _ in range(made.randrange(8)):
        if made.random() < 0.3:
            lines.append(made.choice(BROKEN_LINES))
            continue
        name = made.choice([name for name in NAMES if ours or name != "GO111MODULE"])
        lines.append(f"{name}={made.choice(['', *VALUES[name]])}")
    ending = "\n"
    # go fails outright on `on\r`, which is not what is compared here.
    if made.random() < 0.3 and not any(line.startswith(("GO111MODULE", "GOPATH")) for line in lines):
        ending = "\r\n"
    data = ending.join(lines).encode()
    if made.random() < 0.7:
        data += ending.encode()
    if made.random() < 0.15:
        data = b"\xef\xbb\xbf" + data
    if made.random() < 0.05:
        data += b"GONOSUMDB=\xd6\xd0\xce\xc4\n"
    return data


def _differences(settings: GoSettings, told: dict[str, str]) -> list[str]:
    found = []
    for name in (*KNOWN, "GOPROXYS"):
        if name in COMPUTED or name.startswith("CGO_") or name not in told:
            continue
        if name in {"CC", "CXX", "GCCGO", "GOWORK", "GOEXPERIMENT", "PKG_CONFIG", "AR"}:
            continue
        ours, theirs = _collapsed(settings[name]), _collapsed(told[name])
        if ours != theirs:
            found.append(f"{name}: go {theirs!r}, modgate {ours!r}")
    return found


def _collapsed(text: str) -> str:
    while "��" in text:
        text = text.replace("��", "�")
    return text


async def _run(tmp_path: Path, go_command: str, count: int, seed: int) -> None:
    fake = tmp_path / "goroot"
    (fake / "bin").mkdir(parents=True)
    shutil.copy(Path(go_command).resolve(), fake / "bin" / "go")
    real_root = subprocess.run(
        [go_command, "env", "GOROOT"], capture_output=True, text=True, check=True
    ).stdout.strip()
    (fake / "pkg").symlink_to(Path(real_root) / "pkg")
    shutil.copy(Path(real_root) / "VERSION", fake / "VERSION")
    wrong: list[str] = []
    failed = 0
    for number, (variables, goenv, go_env, place) in enumerate(_cases(count, seed)):
        home = tmp_path / f"h{number}"
        home.mkdir()
        environ = {"HOME": str(home), "PATH": f"{Path(go_command).parent}:/usr/bin:/bin", **variables}
        files = {"home": home / ".config/go/env", "xdg": home / "xdg/go/env", "GOENV": home / "my env"}
        if place == "xdg":
            environ["XDG_CONFIG_HOME"] = str(home / "xdg")
        elif place in {"GOENV", "off"}:
            environ["GOENV"] = str(files["GOENV"]) if place == "GOENV" else "off"
        if goenv is not None and place in files:
            files[place].parent.mkdir(parents=True, exist_ok=True)
            files[place].write_bytes(goenv)
        if go_env is not None:
            (fake / "go.env").write_bytes(go_env)
            environ["GOROOT"] = str(fake)
        # GOTOOLCHAIN decides which go answers: the question about it alone is answered by this one.
        asked = subprocess.run(
            [go_command, "env", "-json"],
            env={**environ, "GOTOOLCHAIN": "local"},
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        toolchain = subprocess.run(
            [go_command, "env", "GOTOOLCHAIN"], env=environ, cwd=tmp_path, capture_output=True, check=False
        )
        settings = await read_go_settings(LocalHost(environ, home=home))
        if asked.returncode:
            failed += 1
            assert settings.failure
            continue
        told = json.loads(asked.stdout)
        told["GOTOOLCHAIN"] = toolchain.stdout.decode(errors="replace").removesuffix("\n")
        lines = _differences(settings, told)
        lines += [problem for problem in settings.problems if problem.startswith("go says")]
        if lines:
            wrong.append(f"{variables} {goenv!r} {go_env!r} {place}: {lines}")
    assert not wrong, f"{len(wrong)} of {count} differ\n" + "\n".join(wrong[:5])
    assert failed < count / 3


@pytest.mark.go
async def test_the_layers_agree_with_the_real_go_env(tmp_path: Path, go_command: str) -> None:
    await _run(tmp_path, go_command, 60, seed=1)


@pytest.mark.go
@pytest.mark.long
async def test_the_layers_agree_with_the_real_go_env_over_a_thousand_cases(
    tmp_path: Path, go_command: str
) -> None:
    await _run(tmp_path, go_command, 1000, seed=7)


@pytest.mark.go
@pytest.mark.parametrize("missing", ["HOME", "XDG", "relative-xdg"])
async def test_a_machine_without_a_home_reads_like_go_does(
    tmp_path: Path, go_command: str, missing: str
) -> None:
    environ = {"PATH": f"{Path(go_command).parent}:/usr/bin:/bin"}
    if missing == "XDG":
        environ["XDG_CONFIG_HOME"] = str(tmp_path)
    if missing == "relative-xdg":
        environ |= {"XDG_CONFIG_HOME": "relative", "HOME": str(tmp_path)}
    settings = await read_go_settings(LocalHost(environ, home=tmp_path))
    asked = subprocess.run(
        [go_command, "env", "-json", "GOENV", "GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY"],
        env={**environ, "GOTOOLCHAIN": "local"},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    for name, value in json.loads(asked.stdout).items():
        assert settings[name] == value, name
