"""The guards of the suite hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guards import NetworkGuard, is_local

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("127.8.9.1", 80), True),
        (("::1", 80, 0, 0), True),
        (("::ffff:127.0.0.1", 80, 0, 0), True),
        ("/run/some.sock", True),
        (("192.0.2.1", 80), False),
        (("::ffff:192.0.2.1", 80, 0, 0), False),
        (("example.com", 80), False),
    ],
)
def test_only_loopback_and_unix_sockets_are_local(address: object, local: bool) -> None:
    assert is_local(address) is local


def _run(folder: Path, test_body: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one throw-away test file under this suite's conftest."""
    file = folder / "test_throwaway.py"
    file.write_text(test_body, encoding="utf-8")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-ptests.conftest",
            "-pno:cacheprovider",
            f"-c{ROOT}/pyproject.toml",
            f"--rootdir={ROOT}",
            str(file),
        ],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_test_that_dials_out_fails_even_if_it_hides_the_error(tmp_path: Path) -> None:
    body = (
        "import contextlib, socket\n"
        "def test_it():\n"
        "    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "        s.connect(('192.0.2.1', 9))\n"
    )
    done = _run(tmp_path, body)
    assert done.returncode == 1
    assert "tried to leave the machine" in done.stdout


def test_under_ci_a_skip_that_is_not_listed_fails_the_run(tmp_path: Path) -> None:
    body = "import pytest\ndef test_it():\n    pytest.skip('just so')\n"
    assert _run(tmp_path, body, CI="").returncode == 0
    done = _run(tmp_path, body, CI="true")
    assert done.returncode == 1
    assert "just so" in done.stdout


def test_under_ci_a_long_variant_may_skip(tmp_path: Path) -> None:
    body = "import pytest\n@pytest.mark.long\ndef test_it():\n    raise AssertionError\n"
    assert _run(tmp_path, body, CI="true").returncode == 0


def test_the_guard_is_disarmed_outside_a_test() -> None:
    guard = NetworkGuard()
    with guard.refusing() as attempts:
        assert attempts == []
    guard.audit("socket.connect", (None, ("192.0.2.1", 9)))
