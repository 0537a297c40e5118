"""`modgate use`: change one of go's settings in the right place, with a way back.

Exit status: 0 changed, or as wanted already; 1 refused, or it failed; 2 the command line is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.cli.use_wish import Wish

__all__ = ["perform", "run"]


def perform(wish: Wish) -> int:
    """Do what was asked for; returns the exit status. Raises ModgateError."""
    from modgate.cli import USAGE  # noqa: PLC0415  what follows is not needed for --help
    from modgate.cli.speech import catalogue  # noqa: PLC0415  likewise
    from modgate.cli.use_wish import misused  # noqa: PLC0415  likewise

    say = catalogue(wish.lang)
    wrong = misused(wish, say)
    if wrong:
        print(f"modgate: {wrong}", file=sys.stderr)
        return USAGE
    if wish.listing or not (wish.chain is not None or wish.settings or wish.unset or wish.reset):
        from modgate.cli.use_list import show_list  # noqa: PLC0415  a change does without

        return show_list(wish, say)
    from modgate.cli.use_run import carry  # noqa: PLC0415  the list does without

    return carry(wish, say)


def run(args: Sequence[str]) -> int:
    """Run `modgate use` with these arguments."""
    from modgate.cli.use_wish import read_wish  # noqa: PLC0415  not needed for --help

    wish = read_wish(args)
    if wish is not None:
        return perform(wish)
    from modgate.cli.options import run_app  # noqa: PLC0415  only for --help and what is wrong
    from modgate.cli.use_command import app  # noqa: PLC0415  likewise

    return run_app(app, "use", args)
