"""The layers as computed against the real `go env`, over generated variables and files.

What `go env -changed` prints is compared as well: a variable that go calls changed is one that explain
marks.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.explain.changed import changed_variables
from modgate.client.explain.seen import SeenHost
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.golayers import COMPUTED, KNOWN
from modgate.client.machine.local import LocalHost

if TYPE_CHECKING:
    from modgate.client.machine.settings import GoSettings

NAMES = (
    *("GODEBUG", "GOARCH", "GOAMD64", "GOARM64", "GOFIPS140", "GOEXPERIMENT", "CC", "AR", "PKG_CONFIG"),
    *("CGO_ENABLED", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_LDFLAGS", "GCCGO"),
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
    "GODEBUG": ["http2client=0"],
    "GOARCH": ["amd64", "arm64"],
    "GOAMD64": ["v1", "v3"],
    "GOARM64": ["v8.0", "v9.0"],
    "GOFIPS140": ["off", "latest"],
    "GOEXPERIMENT": ["nodwarf5"],
    "CC": ["gcc", "clang -v", "no-such-compiler"],
    "AR": ["ar", "llvm-ar"],
    "PKG_CONFIG": ["pkg-config", "pkgconf", "pkg-config --static"],
    "CGO_ENABLED": ["0", "1", "2"],
    "CGO_CFLAGS": ["-O2 -g", " -O2  -g ", "-g -O2", "-O0"],
    "CGO_CPPFLAGS": ["-DX", " "],
    "CGO_LDFLAGS": ["-O2 -g", "-L/x"],
    "GCCGO": ["gccgo", "gccgo-14"],
    "GOTOOLCHAIN": ["local", "auto", "path"],
}
STRICT = ("GO111MODULE", "GOPATH", "CGO_", "GOEXPERIMENT", "GOARCH", "GOAMD64", "GOARM64", "GOFIPS140")
OFTEN = frozenset(name for name in NAMES if name.startswith("GO") and name not in NAMES[:6])
FILED = (*NAMES, *sorted(OFTEN))
CHEAP = tuple(name for name in KNOWN if not name.startswith("CGO_") and name != "PKG_CONFIG")
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
        if name != "GOTOOLCHAIN" and made.random() < (0.3 if name in OFTEN else 0.08):
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
        name = made.choice([name for name in FILED if ours or name != "GO111MODULE"])
        lines.append(f"{name}={made.choice(['', *VALUES[name]])}")
    ending = "\n"
    # go fails outright on `on\r` and the like, which is not what is compared here.
    if made.random() < 0.3 and not any(line.startswith(STRICT) for line in lines):
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


def _go_env(go: str, environ: dict[str, str], folder: Path, *more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [go, "env", "-json", *more], env=environ, cwd=folder, capture_output=True, check=False
    )


def _not_changed_alike(
    go: str, environ: dict[str, str], folder: Path, ours: frozenset[str], cheap: tuple[str, ...]
) -> list[str]:
    """The names that only one of `go env -changed` and modgate calls changed."""
    for overlay in ({}, {"GOTOOLCHAIN": "local"}):
        asked = _go_env(go, {**environ, **overlay}, folder, "-changed", *cheap)
        if asked.returncode == 0:
            differing = ours ^ frozenset(json.loads(asked.stdout))
            # A broken GOTOOLCHAIN stops go: it is left out then.
            differing -= set(overlay) | (set(KNOWN) - set(cheap) if cheap else set())
            return [f"-changed: {name}" for name in sorted(differing)]
    pytest.fail(asked.stderr.decode(errors="replace"))


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
        local = {**environ, "GOTOOLCHAIN": "local"}
        asked = _go_env(go_command, local, tmp_path)
        # Asked for everything, go prepares a build as well, which fails without a build cache.
        cheap = () if asked.returncode == 0 else CHEAP
        if cheap:
            asked = _go_env(go_command, local, tmp_path, *cheap)
        toolchain = subprocess.run(
            [go_command, "env", "GOTOOLCHAIN"], env=environ, cwd=tmp_path, capture_output=True, check=False
        )
        seen = SeenHost(LocalHost(environ, home=home), environ)
        settings = await read_go_settings(seen)
        if asked.returncode:
            failed += 1
            assert settings.failure
            continue
        told = json.loads(asked.stdout)
        told["GOTOOLCHAIN"] = toolchain.stdout.decode(errors="replace").removesuffix("\n")
        lines = _differences(settings, told)
        lines += [problem for problem in settings.problems if problem.startswith("go says")]
        changed = changed_variables(seen, settings, runs_on=seen.runs_on)
        lines += _not_changed_alike(go_command, environ, tmp_path, changed, cheap)
        if lines:
            wrong.append(f"{variables} {goenv!r} {go_env!r} {place}: {lines}")
    print(f"combinations {count}, differences {len(wrong)}")
    assert not wrong, f"{len(wrong)} of {count} differ\n" + "\n".join(wrong[:5])
    assert failed < count / 3


@pytest.mark.go
async def test_the_layers_agree_with_the_real_go_env(tmp_path: Path, go_command: str) -> None:
    await _run(tmp_path, go_command, 60, seed=1)


@pytest.mark.go
@pytest.mark.long
@pytest.mark.timeout(1200)
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
