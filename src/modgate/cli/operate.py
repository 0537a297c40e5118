"""What the commands that operate on a gate share: where to ask, a bar while it runs, how it ends.

The store of the configuration is operated on: by the server that holds it, which is asked by its own socket,
or in this process where none does. `--server` names another server; its token comes from MODGATE_ADMIN_TOKEN
or a file, never from the command line, which every user of the machine may read.
"""

from __future__ import annotations

import os
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate import errors
from modgate.cli.speech import errors_console, text
from modgate.errors import Absent, ModgateError, Unavailable
from modgate.model.operations import Failure, Item, Progress, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modgate.config import Config

__all__ = ["Server", "Store", "TokenFile", "admin_token", "run_operation"]

_VARIABLE = "MODGATE_ADMIN_TOKEN"
_MAX_TOKEN = 4096
_FILLING = frozenset({"warm", "import"})

Store = Annotated[str | None, typer.Option("--store", metavar="DIR", help=text("operate.help.store"))]
Server = Annotated[str | None, typer.Option("--server", metavar="URL", help=text("operate.help.server"))]
TokenFile = Annotated[
    str | None, typer.Option("--token-file", metavar="FILE", help=text("operate.help.token_file"))
]


def run_operation(
    config: Config,
    name: str,
    params: Mapping[str, Any],
    *,
    server: str | None = None,
    token_file: str | None = None,
    title: str = "",
    quiet: bool = False,
    item: Callable[[Item], None] = lambda _item: None,
) -> Summary:
    """Run an operation to its end and return how it ended.

    While it runs a bar with `title` stands on standard error where that is a terminal (not when `quiet`), and
    each result is given to `item`. Raises ModgateError, of the class that the operation failed with.
    """
    token = admin_token(token_file) if server else ""
    if not server:
        _check_there(config, name)

    import asyncio  # noqa: PLC0415  not needed for --help

    async def run() -> Summary:
        from modgate.wiring.operations import operate  # noqa: PLC0415  it stays off --help

        with _bar(title, quiet=quiet) as moved:
            async with aclosing(operate(config, name, params, server=server or "", token=token)) as events:
                async for event in events:
                    match event:
                        case Progress():
                            moved(event)
                        case Item():
                            item(event)
                        case Summary():
                            return event
                        case Failure():
                            raise _error(event)
        raise Unavailable("the operation ended without saying how", kind="bad-answer")

    return asyncio.run(run())


def _check_there(config: Config, name: str) -> None:
    """Only what brings modules in makes a store; else a folder that is not there is a slip. Raises Absent."""
    path = config.store.path
    if path is not None and name not in _FILLING and not path.is_dir():
        raise Absent(
            "there is no store",
            where=str(path),
            next_step="`modgate serve`, `warm` and `import` make one; --store DIR names another.",
        )


def _error(failure: Failure) -> ModgateError:
    kind = getattr(errors, failure.error, None)
    if not (isinstance(kind, type) and issubclass(kind, ModgateError)):
        kind = Unavailable
    return kind(failure.what, where=failure.where, next_step=failure.next_step)


def admin_token(file: str | None) -> str:
    """The token for `--server`, which is asked of everybody over the network. Raises Unavailable."""
    if file is None:
        token = os.environ.get(_VARIABLE, "").strip()
        if not token:
            raise Unavailable(
                "--server is asked with a token, and none is given",
                next_step=f"Set {_VARIABLE}, or name its file: --token-file FILE.",
            )
        return token
    try:
        with Path(file).expanduser().open(encoding="utf-8") as opened:
            token = opened.read(_MAX_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Unavailable(f"the token cannot be read: {reason}", where=file) from error
    # The server's own file has `name token` on a line.
    return token.split()[-1] if token else ""


@contextmanager
def _bar(title: str, *, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar on standard error, gone at the end; what moves it."""
    console = errors_console()
    if quiet or not console.is_terminal:
        yield lambda _event: None
        return
    from rich.progress import (  # noqa: PLC0415  for terminals alone
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[size]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True, expand=True) as bars:
        task = bars.add_task(title, total=None, size="", speed="")
        began = bars.get_time()

        def moved(event: Progress) -> None:
            passed = bars.get_time() - began
            speed = f"{event.size / passed / 1e6:.1f} MB/s" if passed > 0.5 and event.size else ""
            size = f"{event.size / 1e6:.1f} MB" if event.size else ""
            bars.update(task, completed=event.done, total=event.total, size=size, speed=speed)

        yield moved
