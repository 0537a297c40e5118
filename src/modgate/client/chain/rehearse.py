"""A rehearsal: the real go command against a chain some of whose entries are replaced by staged faults.

Everything go would keep (module cache, build cache, environment file) lives in a temporary folder, so that a
rehearsal neither helps from nor leaves anything in the person's own cache. The checksum database is left out
for the module rehearsed: it is about the chain. What go asked is read from its own `-x` lines, not from the
server's, so that entries which were not replaced are seen as well.
"""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.faults.kinds import endpoint_of
from modgate.client.trace.lines import Kind, Sorter
from modgate.errors import Unavailable
from modgate.gomod.proxylist import EntryKind, format_proxy_list, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["Observed", "observe"]

_GET = re.compile(r"# get (?P<url>\S+?)(?:: (?P<rest>.*))?$")
_FILES = {"list", "latest", "info", "mod", "zip"}
_QUIET = 0.05
_NAMELESS = ("instead of requested version", "zip: not a valid zip file")
"""Errors of go's that do not say which proxy's answer they are about."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the real go did.

    Attributes:
        asked: The entries in the order of being asked, by endpoint; an endpoint never asked is missing.
        good: Whether it succeeded.
        waited: Whether it had to be interrupted while it waited for an answer.
        reported: The entry named in the error that it printed, None where none is.
        error: Its error, credentials taken out; empty where it succeeded or waited.
    """

    asked: Mapping[str, tuple[int, ...]]
    good: bool
    waited: bool
    reported: int | None
    error: str


async def observe(
    go: str,
    entries: Sequence[ProxyEntry],
    module: str,
    *,
    environ: Mapping[str, str],
    patience: float,
    silent: asyncio.Event | None = None,
) -> Observed:
    """Run `go mod download MODULE@VERSION` over the chain and say what happened.

    `environ` is the environment to begin with; GOPROXY and the folders are set here. go is interrupted when
    `silent` was set and stays so for a moment, or after `patience` seconds. Raises Unavailable where go
    cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="modgate-rehearsal-", ignore_cleanup_errors=True) as folder:
        try:
            process = await asyncio.create_subprocess_exec(
                *(go, "mod", "download", "-x", module),
                env=_environment(environ, Path(folder), entries, module),
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise Unavailable(f"{go} cannot be started: {error.strerror}") from error
        said, waited = await _until_end(process, patience, silent)
    return _read(said, entries, good=process.returncode == 0, waited=waited)


async def _until_end(
    process: asyncio.subprocess.Process, patience: float, silent: asyncio.Event | None
) -> tuple[str, bool]:
    talk = asyncio.ensure_future(process.communicate())
    waiting = [talk, asyncio.ensure_future(_silence(patience, silent))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        waited = not talk.done()
        if waited:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(talk), 2)
        if not talk.done():
            process.kill()
        _, said = await talk
    finally:
        waiting[1].cancel()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return said.decode(errors="replace"), waited


async def _silence(patience: float, silent: asyncio.Event | None) -> None:
    """Return when go is known to wait, or has waited long enough."""
    if silent is None:
        await asyncio.sleep(patience)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(silent.wait(), patience)
        await asyncio.sleep(_QUIET)


def _environment(
    environ: Mapping[str, str], folder: Path, entries: Sequence[ProxyEntry], module: str
) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("GO") or name in _KEPT}
    path = module.partition("@")[0]
    return kept | {
        "GOPROXY": format_proxy_list(tuple(entries)),
        "GOENV": "off",
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
        "GOMODCACHE": str(folder / "mod"),
        "GOCACHE": str(folder / "build"),
        "GOPATH": str(folder / "path"),
        "GONOSUMDB": path,
        "GOTELEMETRY": "off",
        "GIT_TERMINAL_PROMPT": "0",
        "NO_PROXY": ",".join(filter(None, [environ.get("NO_PROXY") or environ.get("no_proxy"), "127.0.0.1"])),
    }


_KEPT = {"GOROOT", "GODEBUG", "GOINSECURE", "GOAUTH", "GOVCS", "GOMAXPROCS", "GOGC"}


def _read(said: str, entries: Sequence[ProxyEntry], *, good: bool, waited: bool) -> Observed:
    bases = [(redacted(entry.url), index) for index, entry in enumerate(entries) if entry.url]
    # A longer base first: one entry may be the beginning of another.
    bases.sort(key=lambda pair: -len(pair[0]))
    asked: dict[str, list[int]] = {}
    errors: list[str] = []
    sorter = Sorter(ours=True)
    for line in said.splitlines():
        match = _GET.match(line)
        if match is None:
            if sorter.kind(line) is Kind.PERSON:
                errors.append(line)
            continue
        endpoint = endpoint_of(match["url"].partition("?")[0])
        index = _entry_of(redacted(match["url"]), bases)
        if match["rest"] is None and index is not None and endpoint in _FILES:
            asked.setdefault(endpoint, []).append(index)
    text = "" if good or waited else redacted("\n".join(errors)).strip()
    reported = _reported(text, entries, bases)
    return Observed({name: tuple(_folded(seq)) for name, seq in asked.items()}, good, waited, reported, text)


def _entry_of(url: str, bases: Sequence[tuple[str, int]]) -> int | None:
    return next((index for base, index in bases if url.startswith(f"{base}/")), None)


def _reported(text: str, entries: Sequence[ProxyEntry], bases: Sequence[tuple[str, int]]) -> int | None:
    for base, index in bases:
        path = "/" + base.partition("://")[2].partition("/")[2]
        # After a redirect go names the target as the server wrote it, which may be the path alone.
        if f"{base}/" in text or f'"{base}"' in text or (len(path) > 1 and f'"{path}/' in text):
            return index
    if not text or any(words in text for words in _NAMELESS):
        return None
    # What names no proxy was said by the word at the end of the list, or by version control behind it.
    return next((index for index, entry in enumerate(entries) if entry.kind is not EntryKind.PROXY), None)


def _folded(asked: list[int]) -> list[int]:
    """Without repetitions: over https go asks twice after a 4xx."""
    return [index for place, index in enumerate(asked) if not place or asked[place - 1] != index]
