"""`modgate trace -- go …`: watch what a go command downloads."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import USAGE
from modgate.cli.options import run_app
from modgate.cli.speech import AsJson, Lang, catalogue, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.live import Live

    from modgate.client.trace.board import Bar
    from modgate.client.trace.command import Command
    from modgate.client.trace.run import Traced, Tracer
    from modgate.client.trace.tap import Tap, Tapped
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_FRAME = 0.125


@app.command(
    context_settings={"max_content_width": 80, "allow_interspersed_args": False},
    help=text("trace.help.command"),
)
def trace(
    command: Annotated[list[str], typer.Argument(metavar="-- GO ...", help=text("trace.help.argv"))],
    *,
    tap: Annotated[bool, typer.Option("--tap", help=text("trace.help.tap"))] = False,
    http2: Annotated[bool, typer.Option("--http2", help=text("trace.help.http2"))] = False,
    plain: Annotated[bool, typer.Option("--plain", help=text("trace.help.plain"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Run a go command and watch it."""
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.errors import Absent, Invalid  # noqa: PLC0415  likewise

    try:
        status = asyncio.run(
            _run(command, catalogue(lang), tap=tap, http2=http2, plain=plain, as_json=as_json)
        )
    except (Absent, Invalid) as error:
        print(f"modgate: {'; '.join(error.lines())}", file=sys.stderr)
        raise typer.Exit(USAGE) from None
    raise typer.Exit(status)


async def _run(
    argv: Sequence[str], say: Catalogue, *, tap: bool, http2: bool, plain: bool, as_json: bool
) -> int:
    from modgate.client.trace.command import prepared  # noqa: PLC0415  not needed for --help

    command = prepared(argv, os.environ, http2=http2)
    console = errors_console()
    screen = _Screen(
        console, say, live=console.is_terminal and command.alone and not plain and not as_json, quiet=as_json
    )
    tracer = _tracer(command, screen, as_json=as_json)
    screen.tracer = tracer
    async with screen:
        if tap or command.blind:
            if command.blind and not tap:
                screen.note(say("trace.live.blind", command=command.subcommand))
            async with await _tap(tracer, screen) as made:
                traced = await tracer.run(made)
        else:
            traced = await tracer.run()
    _tell(traced, tracer, argv, screen, as_json=as_json)
    return traced.status


def _tracer(command: Command, screen: _Screen, *, as_json: bool) -> Tracer:
    from modgate.client.trace.run import Outputs, Tracer  # noqa: PLC0415  not needed for --help
    from modgate.wiring.client import monotonic  # noqa: PLC0415  likewise

    # Both streams go to one screen: what go prints must not be written into the waterfall.
    shared = screen.is_live and sys.stdout.isatty()
    stdout = screen.person if shared or as_json else None
    outputs = Outputs(
        screen.person, screen.person if shared else None, to_stderr=as_json, rewritten=stdout or _plainly
    )
    return Tracer(command, clock=monotonic, outputs=outputs, changed=screen.changed)


def _plainly(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


async def _tap(tracer: Tracer, screen: _Screen) -> Tap:
    from modgate.client.machine.goenv import read_go_settings  # noqa: PLC0415  not needed for --help
    from modgate.client.net.trust import Trust  # noqa: PLC0415  TLS stays off --help
    from modgate.client.trace.tap import Tap  # noqa: PLC0415  aiohttp stays off --help
    from modgate.gomod.proxylist import parse_proxy_list  # noqa: PLC0415
    from modgate.transport.environment import Netrc  # noqa: PLC0415
    from modgate.wiring.client import clock, local_host, monotonic  # noqa: PLC0415

    host = local_host()
    settings = await read_go_settings(host)

    def seen(tapped: Tapped) -> None:
        tracer.board.from_tap(tapped)
        screen.changed()

    return Tap(
        parse_proxy_list(settings["GOPROXY"]),
        clock=monotonic,
        context=Trust(host.environ, host.system, clock).context(()),
        authorization=Netrc().authorization,
        changed=seen,
    )


def _tell(traced: Traced, tracer: Tracer, argv: Sequence[str], screen: _Screen, *, as_json: bool) -> None:
    from modgate.cli.trace_show import document, verdict, waterfall  # noqa: PLC0415  rich stays off --help

    if as_json:
        print_json(document(traced, argv, screen.say))
        return
    console = screen.console
    if tracer.board.bars:
        console.print()
        console.print(waterfall(tracer.board, traced.seconds, screen.say, width=console.width))
        console.print(screen.say("trace.end.legend"), style="dim")
    verdict(traced, tracer.board, screen.say, console)


class _Screen:
    """Standard error: a waterfall that grows on a terminal, a line for each request elsewhere."""

    def __init__(self, console: Console, say: Catalogue, *, live: bool, quiet: bool) -> None:
        self.console = console
        self.say = say
        self.is_live = live
        self.tracer: Tracer | None = None
        self._quiet = quiet
        self._live: Live | None = None
        self._stale = True
        self._told: set[int] = set()
        self._warned: set[int] = set()
        self._half = b""
        self._task: object = None

    async def __aenter__(self) -> None:
        import asyncio  # noqa: PLC0415  not needed for --help

        if self.is_live:
            from rich.live import Live  # noqa: PLC0415  rich stays off --help

            self._live = Live(
                console=self.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._task = asyncio.create_task(self._frames())

    async def __aexit__(self, *_: object) -> None:
        import asyncio  # noqa: PLC0415  not needed for --help
        from contextlib import suppress  # noqa: PLC0415  likewise

        if isinstance(self._task, asyncio.Task):
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._live is not None:
            if self._half:
                self._above(self._half + b"\n")
                self._half = b""
            self._live.stop()
        else:
            self._lines()

    def changed(self) -> None:
        """The board has changed."""
        self._stale = True

    def note(self, words: str) -> None:
        """A word of ours."""
        if not self._quiet:
            self.console.print(words, style="dim")

    def person(self, piece: bytes) -> None:
        """A piece of what the command writes, passed on above the waterfall."""
        if self._live is None:
            sys.stderr.buffer.write(piece)
            sys.stderr.buffer.flush()
            return
        *lines, self._half = (self._half + piece).split(b"\n")
        for line in lines:
            self._above(line)

    def _above(self, line: bytes) -> None:
        from rich.text import Text  # noqa: PLC0415  rich stays off --help

        shown = Text.from_ansi(line.decode(errors="replace").rstrip("\n"))
        self.console.print(shown, soft_wrap=True)

    async def _frames(self) -> None:
        import asyncio  # noqa: PLC0415  not needed for --help

        while True:
            await asyncio.sleep(_FRAME)
            if self._live is not None:
                self._draw()
            else:
                self._lines()

    def _draw(self) -> None:
        from modgate.cli.trace_show import live  # noqa: PLC0415  rich stays off --help

        if self.tracer is None or self._live is None or not self.tracer.board.bars:
            return
        if self._stale or any(bar.end is None for bar in self.tracer.board.bars):
            self._stale = False
            self._live.update(live(self.tracer.board, self._now(), self.say, self.console), refresh=True)

    def _lines(self) -> None:
        if self.tracer is None or self._quiet:
            return
        now = self._now()
        for bar in self.tracer.board.bars:
            if bar.end is not None and id(bar) not in self._told:
                self._told.add(id(bar))
                self._line(bar, now)
            elif bar.waits(now) and id(bar) not in self._warned:
                self._warned.add(id(bar))
                self._line(bar, now)

    def _line(self, bar: Bar, now: float) -> None:
        from modgate.cli.trace_show import bar_line  # noqa: PLC0415  rich stays off --help

        self.console.print(bar_line(bar, now, self.say), soft_wrap=True, style="red" if bar.failed else None)

    def _now(self) -> float:
        from modgate.wiring.client import monotonic  # noqa: PLC0415  not needed for --help

        return monotonic() - (self.tracer.begun if self.tracer else 0.0)


def run(args: Sequence[str]) -> int:
    """Run `modgate trace` with these arguments."""
    return run_app(app, "trace", args)
