"""One line that says what is being waited for, on terminals only, and only after a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.text import Text

from modgate.cli.speech import errors_console

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console

__all__ = ["Progress"]

_AFTER = 1.0


class Progress:
    """A line below what is printed, gone when the work is done.

    It stands on `out` where that is a terminal, else on standard error where that is one. `say` gets the
    seconds as text and gives the line; it may be set at any time.
    """

    def __init__(self, out: Console, monotonic: Callable[[], float], *, quiet: bool = False) -> None:
        errors = errors_console()
        where = out if out.is_terminal and not quiet else errors
        self.say: Callable[[str], str] = lambda seconds: seconds
        self._monotonic = monotonic
        self._started = monotonic()
        self._live = (
            Live(
                self,
                console=where,
                transient=True,
                refresh_per_second=4,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            if where.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __rich__(self) -> Text:
        seconds = self._monotonic() - self._started
        if seconds < _AFTER:
            return Text()
        return Text(self.say(f"{seconds:.0f}"), style="dim", no_wrap=True, overflow="ellipsis")
