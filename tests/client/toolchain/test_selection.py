"""Which toolchain would run, by the rules of cmd/go/internal/toolchain/select.go."""

from __future__ import annotations

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
        ("auto", "1.20", "local", LOCAL, "installed", False),
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
