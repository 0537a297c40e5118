"""What `modgate advisories` is asked, and the database that answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from modgate.errors import Invalid
from modgate.feeds.advisories.entries import gather
from modgate.feeds.advisories.local import read_local
from modgate.gomod import module, semver
from modgate.gomod.proxylist import redacted
from modgate.gomod.texts import shown
from modgate.gomod.toolchain import TOOLCHAIN
from modgate.model.advisory import Severity
from modgate.policy import gonames
from modgate.policy.advisories import AdvisoryIndex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from modgate.config import Config

__all__ = ["Opened", "Wanted", "open_database", "questions", "wanted_levels"]

Wanted = Callable[[Severity], bool]
"""Whether advisories of a level are asked for."""

_MAX_INPUT = 16 << 20
_NEXT = "Write MODULE@VERSION, as in golang.org/x/net@v0.17.0 or stdlib@go1.22.3."


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that was read.

    Attributes:
        name: As it was named.
        index: What it says.
        entries: How many entries it has, broken ones included.
        broken: How many of them could not be read.
        faults: The first of these.
    """

    name: str
    index: AdvisoryIndex
    entries: int
    broken: int = 0
    faults: tuple[str, ...] = ()


def open_database(db: str | None, config: Callable[[], Config], modules: Collection[str] = ()) -> Opened:
    """Read a source, of an address only what concerns `modules`; None: what the configured store keeps.

    Raises ModgateError.
    """
    if db is None:
        from modgate.wiring.advisory_source import kept_index  # noqa: PLC0415  files do without its machinery

        return Opened(*kept_index(config()))
    if re.match(r"https?://", db):
        if not modules:
            raise Invalid(
                "an address is only asked what affects given modules",
                where=redacted(db),
                next_step="Name a file or folder of its entries with --db.",
            )
        return asyncio.run(_asked(db, modules))
    path = db.removeprefix("file://")
    gathered = gather(read_local(Path(path)), source=path)
    return Opened(
        path, AdvisoryIndex(gathered.advisories), gathered.entries, gathered.broken, gathered.faults
    )


async def _asked(address: str, modules: Collection[str]) -> Opened:
    from modgate.wiring.advisory_source import open_known  # noqa: PLC0415  files do without its machinery
    from modgate.wiring.client import local_host  # noqa: PLC0415  likewise

    async with open_known(local_host(), address) as known:
        index = await known.about(sorted(modules))
        return Opened(known.name, index, len(index))


def wanted_levels(severity: str | None) -> Wanted:
    """`high`: that level and above; `unknown` is in it only where it is named, as in `high,unknown`.

    Raises Invalid for a word that is no level.
    """
    if severity is None:
        return lambda _: True
    words = [word.strip().lower() for word in severity.split(",")]
    try:
        levels = [Severity(word) for word in words]
    except ValueError:
        known = ", ".join(Severity)
        raise Invalid(f"--severity {severity}: the levels are {known}") from None
    ranks = [level.rank for level in levels if level is not Severity.UNKNOWN]
    lowest = min(ranks, default=Severity.CRITICAL.rank + 1)
    return lambda level: level.rank >= lowest or level in levels


def questions(arguments: Sequence[str], stdin: IO[bytes]) -> list[tuple[str, str]]:
    """The (module, version) pairs of the arguments; `-` stands for the lines of standard input: as the
    arguments are written, or as `go list -m all` prints them. There a replacement counts, and what has no
    version (the main module, a folder) is passed over. Raises Invalid.
    """
    asked: list[tuple[str, str]] = []
    for argument in arguments:
        if argument == "-":
            asked += _lines(stdin)
        else:
            asked.append(_question(argument))
    return asked


def _lines(stdin: IO[bytes]) -> Iterator[tuple[str, str]]:
    data = stdin.read(_MAX_INPUT + 1)
    if len(data) > _MAX_INPUT:
        raise Invalid(f"standard input has more than {_MAX_INPUT >> 20} MiB")
    for line in data.decode("utf-8", "replace").splitlines():
        words = line.partition(" => ")[2].split() or line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 1:
            yield _question("@".join(words[:2]))
        elif "@" in words[0]:
            yield _question(words[0])


def _question(argument: str) -> tuple[str, str]:
    path, at, version = argument.partition("@")
    if not at or not version:
        raise Invalid(f"{shown(argument)} names no version", next_step=_NEXT)
    if path in gonames.GO_MODULES or path == TOOLCHAIN:
        if gonames.release_of(path, version) is None:
            raise Invalid(f"{shown(version)} is no release of Go", where=path, next_step=_NEXT)
        return path, version
    module.check_path(path)
    if not semver.is_valid(version):
        hint = f"Write {path}@v{version}." if semver.is_valid(f"v{version}") else _NEXT
        raise Invalid(f"{shown(version)} is no version", where=path, next_step=hint)
    return path, version
