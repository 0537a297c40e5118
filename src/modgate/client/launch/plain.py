"""Starting a command in our place: its streams, its status and its signals are its own.

Where nothing has to be watched the command replaces this process. Where it has a time limit it is a child:
signals are passed on, and what the terminal sends reaches it by itself. Statuses are those of shells: 127 not
found, 126 not executable, 128 + N ended by signal N; as timeout(1) has it, 124 is out of time and 125 not
started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from modgate.errors import Absent
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

__all__ = [
    "CANNOT",
    "NOT_EXECUTABLE",
    "NOT_FOUND",
    "TIMED_OUT",
    "NotStarted",
    "by_terminal",
    "forwarded",
    "limited",
    "replace_process",
    "shell_status",
    "with_default_signals",
]

TIMED_OUT, CANNOT, NOT_EXECUTABLE, NOT_FOUND = 124, 125, 126, 127
_GRACE = 5.0


class NotStarted(Absent):
    """The command cannot be started; `status` is 127 or 126."""

    def __init__(self, program: str, *, found: bool) -> None:
        super().__init__(f"{shown(program)} {'cannot be executed' if found else 'is not there'}")
        self.program = program
        self.status = NOT_EXECUTABLE if found else NOT_FOUND


def with_default_signals() -> None:
    """Undo what Python does to signals, which a program would inherit."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def replace_process(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Become the command, or on Windows run it and return its status. Raises NotStarted."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        return limited(argv, environ, None)
    with_default_signals()
    try:
        os.execvpe(argv[0], list(argv), dict(environ))  # noqa: S606  what was asked for
    except OSError as error:
        raise _not_started(argv[0], error) from error


def limited(argv: Sequence[str], environ: Mapping[str, str], seconds: float | None) -> int:
    """Run the command for at most so long, and return its status. Raises NotStarted."""
    with _Forwarding() as forwarding:
        return _limited(argv, environ, seconds, forwarding)


def _limited(
    argv: Sequence[str], environ: Mapping[str, str], seconds: float | None, forwarding: _Forwarding
) -> int:
    try:
        process = subprocess.Popen(  # noqa: S603  what was asked for
            list(argv), env=dict(environ), executable=_found(argv[0], environ)
        )
    except OSError as error:
        raise _not_started(argv[0], error) from error
    forwarding.begin(process.pid)
    try:
        return shell_status(process.wait(seconds))
    except subprocess.TimeoutExpired:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        process.kill()
        process.wait()
        return TIMED_OUT


def shell_status(returncode: int) -> int:
    """The status as a shell tells it."""
    return 128 - returncode if returncode < 0 else returncode


def forwarded() -> tuple[signal.Signals, ...]:
    """The signals that a command gets when we get them."""
    names = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")
    return tuple(signal.Signals[name] for name in names if name in signal.Signals.__members__)


def by_terminal(number: int) -> bool:
    """Whether the terminal sends this signal to the command as well, so that it must not get it twice."""
    if number not in {signal.SIGINT, getattr(signal, "SIGQUIT", None), getattr(signal, "SIGWINCH", None)}:
        return False
    with suppress(OSError, AttributeError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False


def _not_started(program: str, error: OSError) -> NotStarted:
    return NotStarted(program, found=not isinstance(error, FileNotFoundError))


def _found(program: str, environ: Mapping[str, str]) -> str | None:
    """On Windows the search would use our own PATH."""
    if os.name != "nt":
        return None
    import shutil  # noqa: PLC0415  for Windows alone

    return shutil.which(program, path=environ.get("PATH"))


class _Forwarding:
    """Passes signals on; those that come before there is a command wait for it."""

    def __init__(self) -> None:
        self._pid = 0
        self._waiting: list[int] = []
        self._before: dict[signal.Signals, object] = {}

    def begin(self, pid: int) -> None:
        """The command is there."""
        self._pid = pid
        while self._waiting:
            os.kill(pid, self._waiting.pop(0))

    def __enter__(self) -> Self:
        for number in forwarded():
            with suppress(OSError, ValueError):
                self._before[number] = signal.signal(number, self._pass_on)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _pass_on(self, number: int, _frame: object) -> None:
        if not self._pid:
            self._waiting.append(number)
        elif not by_terminal(number):
            with suppress(OSError):
                os.kill(self._pid, number)
