"""Which toolchain would run, by the rules of cmd/go/internal/toolchain/select.go."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest

from modgate.client.toolchain.selection import Lines, select_toolchain

LOCAL = "go1.26.8"


@pytest.mark.parametrize(
    ("setting", "go", "toolchain", "name", "why", "download"),
    [
        ("auto", "1.26.8", "", LOCAL, "installed", False),
        ("auto", "1.27", "", "go1.27.0", "go", True),
        ("auto", "1.20", "go1.27.1", "go1.27.1", "toolchain", True),
        ("auto", "1.20", "go1.25.1", LOCAL, "installed", False),
        ("auto", "1.20", "default", LOCAL, "installed", False),
        ("auto", "1.28.1", "go1.27.1", "go1.28.1", "go", True),
        ("path", "1.27", "", "go1.27.0", "go", False),
        ("local", "1.20", "go1.27.1", LOCAL, "installed", False),
        ("go1.25.0", "1.20", "go1.27.1", "go1.25.0", "GOTOOLCHAIN", True),
        ("go1.25.0+auto", "1.20", "go1.27.1", "go1.27.1", "toolchain", True),
        ("go1.25.0+auto", "1.20", "go1.24.1", "go1.25.0", "GOTOOLCHAIN", True),
        ("local+auto", "1.27", "", "go1.27.0", "go", True),
        ("", "1.27", "", "go1.27.0", "go", True),
        ("auto", "", "", LOCAL, "installed", False),
    ],
)
def test_the_toolchain_is_chosen_as_go_chooses_it(
    setting: str, go: str, toolchain: str, name: str, why: str, *, download: bool
) -> None:
    found = select_toolchain(setting, LOCAL, Lines("go.mod", go, toolchain), "linux-amd64")
    assert (found.name, found.why, bool(found.download), found.forbidden) == (name, why, download, False)
    if download:
        assert found.download == f"v0.0.1-{name}.linux-amd64"


@pytest.mark.parametrize(("setting", "go"), [("local", "1.27"), ("go1.25.0", "1.26")])
def test_a_newer_go_line_is_refused_where_switching_is_forbidden(setting: str, go: str) -> None:
    assert select_toolchain(setting, LOCAL, Lines("go.mod", go), "linux-amd64").forbidden


@pytest.mark.go
def test_the_real_go_chooses_the_same(tmp_path: Path, go_command: str) -> None:
    environ = {
        "PATH": f"{Path(go_command).parent}{os.pathsep}/usr/bin",
        "HOME": str(tmp_path),
        "GOPROXY": "off",
    }
    environ |= {"GONOPROXY": "none", "GOFLAGS": "-mod=mod", "GOENV": "off"}
    told = subprocess.run([go_command, "env", "GOVERSION"], capture_output=True, text=True, check=True)
    local = told.stdout.strip()
    settings = ("auto", "local", "path", "local+auto", "go1.25.0", "go1.25.0+auto", "go1.25.0+path")
    lines = itertools.product(
        ("1.20", local.removeprefix("go"), "1.98", "1.98.1"), ("", "go1.97.1", "go1.24.1", "default")
    )
    wrong = []
    cases = list(itertools.product(settings, lines))
    for setting, (go, toolchain) in cases:
        text = f"module x\n\ngo {go}\n" + (f"\ntoolchain {toolchain}\n" if toolchain else "")
        (tmp_path / "go.mod").write_text(text)
        ran = subprocess.run(
            [go_command, "list", "-m"],
            cwd=tmp_path,
            env=environ | {"GOTOOLCHAIN": setting},
            capture_output=True,
            text=True,
            check=False,
        )
        found = select_toolchain(setting, local, Lines("go.mod", go, toolchain), "linux-amd64")
        asked = re.search(r"(?:downloading|cannot find) \"?(go[0-9.]+)", ran.stderr)
        name = asked[1] if asked else local
        refused = "requires go >=" in ran.stderr
        # A go named by GOTOOLCHAIN that is not here cannot say what it would refuse.
        if (found.name, found.forbidden and not asked) != (name, refused):
            wrong.append(f"{setting} go {go} toolchain {toolchain}: {found}; {ran.stderr}")
    print(f"toolchains {len(cases)}, differences {len(wrong)}")
    assert not wrong, "\n".join(wrong[:5])
