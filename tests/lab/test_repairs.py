"""What doctor mends on a staged machine: go works afterwards, and `modgate undo` gives every byte back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lab import namespace
from tests.lab.internet import STAND_IN
from tests.lab.judging import REPOSITORY, with_go

_GOENV = "$HOME/.config/go/env"
_SETTINGS = "$HOME/.config/Code/User/settings.json"
STAGES = {
    "typo-full-width-comma": _GOENV,
    "typo-semicolon": _GOENV,
    "typo-quotes": _GOENV,
    "goenv-file-with-a-mark": _GOENV,
    "editor-has-a-typo": _SETTINGS,
}
SCRIPT = f"""
export GOFLAGS=-modcacherw
modgate() {{ "{sys.executable}" -m modgate "$@" </dev/null >>"$HOME/said" 2>&1; }}
cp "{{file}}" "$HOME/before"
modgate doctor; echo found $?
modgate doctor --fix --yes; cmp -s "{{file}}" "$HOME/before" || echo changed
modgate doctor; echo mended $?
go mod init example.org/new 2>/dev/null; go get {STAND_IN}@v1.5.2 2>/dev/null; echo go $?
modgate undo; cmp -s "{{file}}" "$HOME/before" && echo restored
modgate doctor; echo again $?
"""


@pytest.mark.go
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", STAGES)
def test_a_mended_machine_works_and_can_be_put_back(name: str, go_command: str) -> None:
    reason = namespace.permitted()
    if reason:
        pytest.skip(f"no network namespaces here: {reason}")
    script = SCRIPT.replace("{file}", STAGES[name])
    staged = ["unshare", "-rnm", sys.executable, "-m", "tests.lab.run", name]
    done = subprocess.run(
        [*staged, "bash", "-c", script],
        cwd=REPOSITORY,
        env=with_go(),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line]
    expected = ["found 1", "changed", "mended 0", "go 0", "restored", "again 1"]
    assert said[: len(expected)] == expected, done.stdout + done.stderr
