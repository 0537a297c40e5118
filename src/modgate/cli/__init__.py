"""The command `modgate`: a table of commands, each in a file that is imported when it is called.

`modgate --help` and `--version` answer from this file alone, so that they cost nothing but the
interpreter; only help in Chinese opens the message catalogue. Exit status: 0 done, 1 it failed, 2 the command
line or the configuration is wrong, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from modgate import __version__
from modgate.errors import ModgateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["COMMANDS", "FAILED", "INTERRUPTED", "USAGE", "guarded", "main"]

_CANNOT_WRITE = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG})

FAILED = 1
USAGE = 2
INTERRUPTED = 130

COMMANDS = {
    "doctor": ("modgate.cli.doctor", "Find out why downloads fail, and mend it"),
    "use": ("modgate.cli.use", "Set GOPROXY or another variable, with an undo"),
    "undo": ("modgate.cli.undo", "Take back what modgate changed"),
    "explain": ("modgate.cli.explain", "Show which setting wins, and where it stands"),
    "run": ("modgate.cli.run", "Start a program with the network you choose"),
    "log": ("modgate.cli.log", "Explain what go, gopls or VS Code printed"),
    "trace": ("modgate.cli.trace", "Watch a go command's downloads"),
    "mirrors": ("modgate.cli.mirrors", "Compare public mirrors by measuring"),
    "chain": ("modgate.cli.chain", "Show what go does with a GOPROXY chain"),
    "faults": ("modgate.cli.faults", "Run a GOPROXY that fails as told"),
    "toolchain": ("modgate.cli.toolchain", "Show a module's toolchain, modules and downloads"),
    "sums": ("modgate.cli.sums", "Audit go.sum against the checksum database"),
    "fix": ("modgate.cli.fix", "Move go.mod to fixed versions"),
    "gate": ("modgate.cli.gate", "Judge a go.sum by the gate's policy, for CI"),
    "serve": ("modgate.cli.serve", "Run the module proxy"),
    "status": ("modgate.cli.status", "Show how a running server is"),
    "config": ("modgate.cli.config", "Show, check or begin the configuration"),
    "service": ("modgate.cli.service", "Run the gate as a service of systemd or launchd"),
    "completion": ("modgate.cli.completion", "Complete commands with the TAB key"),
    "warm": ("modgate.cli.warm", "Fill the cache ahead from go.mod, go.sum or go.work"),
    "refresh": ("modgate.cli.refresh", "Ask upstream for new versions now"),
    "store": ("modgate.cli.store", "List, measure, prune and pin what is stored"),
    "fsck": ("modgate.cli.fsck", "Check the store, and repair it"),
    "import": ("modgate.cli.imports", "Take in a module cache, an Athens or goproxy folder"),
    "export": ("modgate.cli.exports", "Write modules of the store for another site"),
    "advisories": ("modgate.cli.advisories", "Show which module versions are vulnerable"),
    "policy": ("modgate.cli.policy", "Check a policy, try it out, ask why"),
    "impact": ("modgate.cli.impact", "Show who uses a version, or what an advisory hits"),
    "consumers": ("modgate.cli.consumers", "Show, export or erase who uses the gate"),
    "waivers": ("modgate.cli.waivers", "Grant, list or revoke exemptions"),
    "audit": ("modgate.cli.audit", "Show what happened, and check the record"),
    "webhooks": ("modgate.cli.webhooks", "Show, replay and test notices to webhooks"),
    "ledger": ("modgate.cli.ledger", "Copy what a gate remembers to another database"),
    "route": ("modgate.cli.route", "Show where a module would come from, and why"),
    "vcs": ("modgate.cli.vcs", "Take a module straight from its repository"),
    "publish": ("modgate.cli.publish", "Send a module version to a gate"),
    "sumdb": ("modgate.cli.sumdb", "Make, audit or copy a checksum log"),
}
"""Command -> (the module with its `run(args)`, its line in `--help`)."""

_GROUPS = {
    "doctor": "On a developer's machine:",
    "serve": "The proxy:",
    "warm": "Its store:",
    "advisories": "The firewall:",
    "route": "Private modules:",
}
"""What stands in `--help` above the first command of each group."""

_HEAD = """\
Usage: modgate COMMAND [OPTIONS]

A Go module proxy that verifies what it serves, and the tools that find out
why downloads fail.

Commands:"""
_TAIL = """\
Options:
  --lang en|zh   Language of the output. [MODGATE_LANG, LC_ALL, LANG]
  --version      Show the version and exit.
  --help         Show this message and exit.

`modgate COMMAND --help` explains a command. `modgate serve` needs no
configuration: it listens on 127.0.0.1:3000."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name) and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no Chinese shows question marks; it must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    return guarded(_main, list(sys.argv[1:] if argv is None else argv))


def _main(argv: Sequence[str]) -> int:
    args = _without_language(list(argv))
    first = args[0] if args else ""
    if first == "help" and len(args) > 1:
        args = [args[1], "--help"]
        first = args[0]
    if first in {"", "-h", "--help", "help"}:
        print(_help(), file=sys.stderr if not args else sys.stdout)
        return USAGE if not args else 0
    if first in {"-V", "--version"}:
        print(f"modgate {__version__}")
        return 0
    if first not in COMMANDS:
        return _unknown(first)
    # Importing a command takes time in which a person may press Ctrl-C.
    return _command(first)(args[1:])


def guarded(command: Callable[[Sequence[str]], int], args: Sequence[str]) -> int:
    """Run a command; its errors become lines on standard error, never a traceback."""
    try:
        status = command(args)
        if sys.stdout is not None:  # closed by whoever started the program
            sys.stdout.flush()
    except ModgateError as error:
        first, *rest = error.lines()
        print(f"modgate: {first}", *rest, sep="\n  ", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        return _unwritten(error)
    return status


def _unwritten(error: OSError) -> int:
    """What was to be printed cannot be: the rest of it must not fail once more while Python ends."""
    print(f"modgate: the output cannot be written: {error.strerror}", file=sys.stderr)
    with suppress(OSError):
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return USAGE


def _command(name: str) -> Callable[[Sequence[str]], int]:
    from importlib import import_module  # noqa: PLC0415  not needed for --help

    from modgate.wiring.quick import importing, leave_at_once  # noqa: PLC0415  likewise

    leave_at_once()
    with importing():
        run: Callable[[Sequence[str]], int] = import_module(COMMANDS[name][0]).run
    return run


def _without_language(args: list[str]) -> list[str]:
    """The arguments without a `--lang` that stands before the command or beside `--help`.

    What it asks for goes into MODGATE_LANG, where every command finds it.
    """
    first = next((index for index, word in enumerate(args) if not word.startswith("-")), len(args))
    for index, word in enumerate(args):
        option, equals, value = word.partition("=")
        if option != "--lang" or (index > first and args[0] not in {"-h", "--help", "help"}):
            continue
        after = index + 1 if equals else index + 2
        os.environ["MODGATE_LANG"] = value or "".join(args[index + 1 : after])
        return args[:index] + args[after:]
    return args


def _chinese() -> bool:
    """As messages.language_from says, which would cost more than all of the help."""
    names = ("MODGATE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    return next(filter(None, map(os.environ.get, names)), "").lower().startswith("zh")


def _help() -> str:
    head, tail = _HEAD, _TAIL
    lines = {name: line for name, (_, line) in COMMANDS.items()}
    groups = dict(_GROUPS)
    if _chinese():
        from modgate.messages import Catalogue, Language  # noqa: PLC0415  English help does without it

        say = Catalogue(Language.CHINESE)
        head, tail = say("cli.help.head"), say("cli.help.tail")
        lines = {name: say(f"cli.command.{name}") for name in COMMANDS}
        groups = {name: say(f"cli.group.{name}") for name in _GROUPS}
    width = max(map(len, COMMANDS))
    rows = [
        row
        for name, line in lines.items()
        for row in (*(["", groups[name]] if name in groups else []), f"  {name:<{width}}   {line}")
    ]
    return "\n".join([head, *rows, "", tail])


def _unknown(word: str) -> int:
    from difflib import get_close_matches  # noqa: PLC0415  not needed for --help

    kind = "option" if word.startswith("-") else "command"
    found = get_close_matches(word, [*COMMANDS, "--help", "--version"], n=1)
    hint = f"did you mean {found[0]}?" if found else "`modgate --help` lists the commands"
    if word == "server":
        hint = "did you mean serve?"
    print(f"modgate: no {kind} {word}; {hint}", file=sys.stderr)
    return USAGE
