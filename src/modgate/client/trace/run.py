"""Running the command: its streams, its lines, its end.

The command's own meaning is left alone: standard output is not touched, what it would have written to
standard error is passed on, the exit status is its own. Only what it tells us for our sake is taken out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.causes import body, headers
from modgate.client.golog.analyser import Analyser
from modgate.client.trace.board import STILL, Board
from modgate.client.trace.lines import Kind, Sorter
from modgate.errors import Absent, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modgate.client.golog.analyser import Analysis
    from modgate.client.requests import SeenRequest
    from modgate.client.trace.command import Command
    from modgate.client.trace.tap import Tap

__all__ = ["Outputs", "Traced", "Tracer"]

_READ = 1 << 16
_LONGEST = 1 << 16
_JSON = frozenset({"-json", "--json", "-json=true", "--json=true"})


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what the command writes goes.

    Attributes:
        person: Takes a piece of standard error that is the person's, as it came.
        stdout: Takes standard output where it is captured; None leaves it alone.
        to_stderr: Standard output is joined to our standard error (for `--json`).
        rewritten: Takes standard output line by line where a tap must be taken out of it; None as above.
    """

    person: Callable[[bytes], None]
    stdout: Callable[[bytes], None] | None = None
    to_stderr: bool = False
    rewritten: Callable[[bytes], None] | None = None


@dataclass(frozen=True, slots=True)
class Traced:
    """How it ended.

    Attributes:
        status: The command's exit status; 128 + the signal's number where a signal ended it.
        seconds: How long it took.
        analysis: The verdict.
        requests: Every request.
        interrupted: Whether a person stopped it.
    """

    status: int
    seconds: float
    analysis: Analysis
    requests: tuple[SeenRequest, ...]
    interrupted: bool


class Tracer:
    """One run of one command.

    Args:
        command: As `prepared` made it.
        clock: Seconds.
        outputs: Where its streams go.
        changed: Called when the board has changed.
    """

    def __init__(
        self,
        command: Command,
        *,
        clock: Callable[[], float],
        outputs: Outputs,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = command
        self._clock = clock
        self._outputs = outputs
        self._changed = changed
        self._analyser = Analyser("go")
        self._sorter = Sorter(ours=command.ours)
        self._tap: Tap | None = None
        self._interrupted = 0
        self.begun = clock()
        self.board = Board(self.begun)

    async def run(self, tap: Tap | None = None) -> Traced:
        """Run it to its end. Raises Absent where there is no such program, Unavailable where it fails."""
        self._tap = tap
        environ = dict(self._command.environ)
        # Getting ready took time that is not the command's.
        self.begun = self._clock()
        self.board = Board(self.begun)
        if tap is not None:
            environ["GOPROXY"] = tap.chain
        take = self._stdout_taker()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command.argv,
                env=environ,
                stdout=asyncio.subprocess.PIPE
                if take is not None
                else sys.stderr.fileno()
                if self._outputs.to_stderr
                else None,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError:
            raise Absent(f"{self._command.argv[0]} is not on PATH") from None
        except OSError as error:
            raise Unavailable(f"{self._command.argv[0]} cannot be started: {error.strerror}") from error
        with self._signals(process):
            await self._until_end(process, take)
        seconds = self._clock() - self.begun
        analysis = self._corrected(self._analyser.finish(interrupted=bool(self._interrupted)), seconds)
        code = process.returncode or 0
        return Traced(
            128 - code if code < 0 else code,
            seconds,
            analysis,
            self.board.requests(analysis.requests),
            bool(self._interrupted),
        )

    def _corrected(self, analysis: Analysis, seconds: float) -> Analysis:
        """Who stops go while bytes still come has not seen a stall, which its lines alone cannot tell."""
        root = analysis.root_cause
        if self._tap is None or root is None or root.cause not in {body.STALL, headers.STALL}:
            return analysis
        if any(bar.silence(seconds) > STILL for bar in self.board.bars):
            return analysis
        return replace(analysis, root_cause=None)

    def _stdout_taker(self) -> Callable[[bytes], None] | None:
        """Who takes standard output; None leaves it alone.

        `go … -json` prints its errors there, the tap's address among them; nobody else does.
        """
        tap, rewritten = self._tap, self._outputs.rewritten
        if tap is None or rewritten is None or not any(word in _JSON for word in self._command.argv):
            return self._outputs.stdout
        return lambda piece: rewritten(tap.untapped_text(piece))

    async def _until_end(
        self, process: asyncio.subprocess.Process, take: Callable[[bytes], None] | None
    ) -> None:
        assert process.stderr is not None
        readers = [asyncio.ensure_future(self._errors(process.stderr))]
        if process.stdout is not None and take is not None:
            readers.append(asyncio.ensure_future(_copy(process.stdout, take)))
        try:
            await process.wait()
            # A child of go's (a test's server) may hold the pipes open: what is there is read, no more.
            await asyncio.wait(readers, timeout=1.0)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _errors(self, stream: asyncio.StreamReader) -> None:
        left = b""
        begun_raw = False
        while chunk := await stream.read(_READ):
            *lines, left = (left + chunk).split(b"\n")
            for line in lines:
                if begun_raw:
                    self._outputs.person(line + b"\n")
                    begun_raw = False
                else:
                    self._line(line, b"\n")
            if left and (begun_raw or self._is_prompt(left)):
                # A question of a program that go runs has no line end; it must not wait for one.
                self._outputs.person(left)
                left, begun_raw = b"", True
        if left:
            self._line(left, b"")

    def _is_prompt(self, left: bytes) -> bool:
        return len(left) > _LONGEST or (not self._command.alone and not left.startswith((b"#", b"W", b"2")))

    def _line(self, raw: bytes, end: bytes) -> None:
        text: str | None = raw.decode(errors="replace").removesuffix("\r")
        before = text
        if self._tap is not None and text is not None:
            text = self._tap.untapped(text)
        if text is None:
            return
        kind = self._sorter.kind(text)
        at = self._clock()
        if kind is not Kind.SCRIPT:
            index = self._analyser.feed(text, at)
            if index is not None:
                self._told(index, at)
        if kind is Kind.PERSON:
            self._outputs.person((raw if text == before else text.encode()) + end)

    def _told(self, index: int, at: float) -> None:
        seen = self._analyser.request(index)
        if self._tap is None or not self._tap.covers(seen.url):
            self.board.from_line(index, seen, at)
            self._changed()

    @contextlib.contextmanager
    def _signals(self, process: asyncio.subprocess.Process) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            self._interrupted += 1
            with contextlib.suppress(ProcessLookupError):
                if self._interrupted > 1:
                    process.kill()
                elif number != signal.SIGINT or not _terminal_told_it():
                    process.send_signal(number)

        handled = []
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(number, stop, number)
                handled.append(number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


def _terminal_told_it() -> bool:
    """Whether Ctrl-C reached the command already: a terminal tells its whole foreground group."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    return False


async def _copy(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    left = b""
    while chunk := await stream.read(_READ):
        whole, end, left = (left + chunk).rpartition(b"\n")
        if end:
            take(whole + end)
    if left:
        take(left)
