"""What the commands on the firewall's books share: asking, times and durations, small tables."""

from __future__ import annotations

import calendar
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from modgate.cli import USAGE
from modgate.cli.operate import run_operation
from modgate.cli.options import load_config, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["Asked", "agreed", "day", "ends", "moment", "show_table"]

_DAY = 86400.0
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)Z?)?")


class Asked:
    """One command line: the store or server that is meant."""

    def __init__(
        self,
        say: Catalogue,
        config: str | None,
        settings: Sequence[str] | None,
        *,
        store: str | None,
        server: str | None,
        token_file: str | None,
        words: Sequence[str] = (),
    ) -> None:
        extra = [each for each in words if each.startswith("-")]
        self._say = say
        self._loaded = load_config(
            {"--store": store}, settings=settings or [], config_file=config, extra=extra
        )
        self._server, self._token_file = server, token_file

    def run(
        self, name: str, params: Mapping[str, Any], *, item: Callable[[Item], None] | None = None
    ) -> tuple[list[Item], Summary]:
        """The results of an operation, or with `item` none, since each is given to it. Exits for what it does
        not understand; raises ModgateError.
        """
        from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help

        items: list[Item] = []
        try:
            summary = run_operation(
                self._loaded.config,
                name,
                params,
                server=self._server,
                token_file=self._token_file,
                quiet=True,
                item=items.append if item is None else item,
            )
        except Invalid as error:
            tell(error)
            raise typer.Exit(USAGE) from None
        return items, summary


def moment(say: Catalogue, given: str | None, default: float) -> float:
    """Unix seconds of a date (UTC), or of an age before now as in `30d`. Exits for what is neither."""
    if given is None:
        return default
    return _date(say, given) or time.time() - _age(say, given)


def ends(say: Catalogue, given: str) -> float:
    """Unix seconds of the end of a date (UTC), or of a duration from now. Exits for what is neither."""
    found = _date(say, given)
    if found is None:
        return time.time() + _age(say, given)
    return found + (_DAY if len(given) == len("2026-01-31") else 0.0)


def _date(say: Catalogue, given: str) -> float | None:
    match = _DATE.fullmatch(given.strip())
    if match is None:
        return None
    text = f"{match[1]} {match[2] or '00:00:00'}"
    try:
        return float(calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")))
    except ValueError:
        raise _wrong(say, given) from None


def _age(say: Catalogue, given: str) -> float:
    from modgate.config.values import parse_duration  # noqa: PLC0415  pydantic stays off --help

    try:
        seconds = parse_duration(given)
    except ValueError:
        raise _wrong(say, given) from None
    if seconds <= 0:
        raise _wrong(say, given)
    return seconds


def _wrong(say: Catalogue, given: str) -> typer.Exit:
    print(f"modgate: {say('books.text.no_time', given=given)}", file=sys.stderr)
    return typer.Exit(USAGE)


def day(at: float) -> str:
    """A day as people write it (UTC)."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def agreed(say: Catalogue, question: str) -> bool:
    """Whether somebody at a terminal says yes."""
    try:
        answer = input(f"{question} ").strip().lower()
    except EOFError:
        answer = ""
    if answer in {"y", "yes", "是", "好"}:
        return True
    print(say("books.text.declined"))
    return False


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under their heads; the first column folds."""
    from rich.table import Table  # noqa: PLC0415  rich stays off --help
    from rich.text import Text  # noqa: PLC0415

    from modgate.cli.speech import console  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)
