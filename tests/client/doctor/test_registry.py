"""The list of checks is what the checks themselves say, and is there before any of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from modgate.client.doctor.registry import INDEX, Listed


@pytest.mark.parametrize("listed", INDEX, ids=lambda listed: listed.name)
def test_the_list_says_what_the_check_says(listed: Listed) -> None:
    check = listed.load()
    assert (listed.name, listed.groups, listed.network, listed.systems) == (
        check.name,
        check.groups,
        check.network,
        check.systems,
    )


def test_no_check_is_listed_twice() -> None:
    assert len({listed.name for listed in INDEX}) == len(INDEX)


@pytest.mark.parametrize("words", [["--list-checks"], ["--list-checks", "--json"], ["--help"]])
def test_the_list_and_the_help_import_neither_checks_nor_the_network(words: list[str]) -> None:
    script = (
        "import sys; from modgate.cli import main\n"
        "try: main(['doctor', *sys.argv[1:]])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stderr.split())
    assert not loaded & {"asyncio", "ssl", "rich.table", "modgate.client.net.live", "modgate.wiring.client"}
    assert not [name for name in loaded if name.startswith("modgate.client.doctor.") and name.endswith("dns")]
