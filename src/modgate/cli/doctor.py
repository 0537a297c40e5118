"""`modgate doctor`: find out why go cannot download modules, and mend it.

Exit status: 0 healthy, 1 something is wrong, 2 the tool failed or the command line is wrong. The options are
in `doctor_command`; the list of checks is answered here, because the parser of options and the drawing of
tables would take longer than the answer.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.registry import Listed
    from modgate.messages import Catalogue

__all__ = ["chosen", "print_list", "run"]


def run(args: Sequence[str]) -> int:
    """Run `modgate doctor` with these arguments."""
    languages = [value for flag, value in pairwise(sys.argv) if flag == "--lang"]
    languages += [arg.removeprefix("--lang=") for arg in sys.argv if arg.startswith("--lang=")]
    plain = {"--list-checks", "--json", "--lang", *languages, *(f"--lang={value}" for value in languages)}
    if "--list-checks" in args and set(args) <= plain:
        from modgate.messages import Catalogue, language_from  # noqa: PLC0415  not needed otherwise

        say = Catalogue(language_from(os.environ, languages[-1] if languages else None))
        print_list(chosen((), ()), say, as_json="--json" in args)
        return 0
    from modgate.cli.doctor_command import app  # noqa: PLC0415  the list does without
    from modgate.cli.options import run_app  # noqa: PLC0415  likewise

    return run_app(app, "doctor", args)


def chosen(only: Sequence[str], skip: Sequence[str]) -> tuple[Listed, ...]:
    """The checks for this system. Raises Invalid for a name that is none."""
    from modgate.client.doctor.choose import choose  # noqa: PLC0415  not needed for --help
    from modgate.client.doctor.registry import INDEX  # noqa: PLC0415
    from modgate.client.machine.host import system_of  # noqa: PLC0415

    return choose(INDEX, system_of(sys.platform), only=only, skip=skip)


def print_list(checks: Sequence[Listed], say: Catalogue, *, as_json: bool) -> None:
    """`--list-checks`."""
    if as_json:
        import json  # noqa: PLC0415  not needed for --help

        from modgate.client.doctor.listing import checks_json  # noqa: PLC0415

        print(json.dumps(checks_json(checks, say.say), indent=2, ensure_ascii=False))
        return
    from modgate.client.doctor.listing import listing  # noqa: PLC0415

    for line in listing(checks, say):
        print(line)
