"""What `modgate sumdb` works with: keys in files, heads that were seen, logs to read, a mirrored folder."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate, Remote
from modgate.client.repair.state import private_folder, state_folder
from modgate.client.sums.kept import replace_file
from modgate.errors import Absent, Denied, Invalid, ModgateError, Unavailable
from modgate.gomod.module import escape_path, escape_version
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.ledger.memory import MemoryLedger
from modgate.model.context import Context
from modgate.sumdb.note import generate_key
from modgate.sumdb.spec import check_own_name
from modgate.transport.file import FileUpstream
from modgate.wiring.aside import log_aside
from modgate.wiring.client import local_host, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.gomod.types import ModuleVersion
    from modgate.model import BlobStore, Upstream
    from modgate.sumdb.spec import Spec

__all__ = ["LogReader", "SeenHeads", "copy", "copy_into", "log_reader", "make_key"]

_AT_ONCE = 16
_ASK = Context()


def make_key(name: str, out: Path | None) -> tuple[str, str]:
    """A new private key and its verifier key; the private one is written to `out` where that is given.

    Raises Invalid (a name that is no host), Unavailable (the file exists, or cannot be written).
    """
    try:
        check_own_name(name)
    except Invalid as error:
        step = error.next_step or "A host, without https://: for example sum.corp.example."
        raise Invalid(error.what, next_step=step) from error
    if "." not in name.partition("/")[0].partition(":")[0].strip("."):
        raise Invalid(f"{name[:100]!r} does not look like a host", next_step="For example sum.corp.example.")
    key, verifier_key = generate_key(name, secrets.token_bytes(32))
    if out is not None:
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    file.write(key + "\n")
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                # What is left of it would be no key, and would keep the next call from writing one.
                out.unlink(missing_ok=True)
                raise
        except FileExistsError:
            raise Unavailable(
                "the file exists, and a key is never overwritten: the log could not be continued",
                where=str(out),
                next_step="Name another file.",
            ) from None
        except OSError as error:
            raise Unavailable(f"cannot be written: {error.strerror}", where=str(out)) from error
    return key, verifier_key


class SeenHeads:
    """The newest head of each log that an audit has seen, in the user's state folder."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        host = local_host()
        known = host.environ if environ is None else environ
        self._folder = state_folder(host.system, known, Path(host.home)) / "sumlogs"

    def read(self, name: str) -> bytes:
        """The signed head, empty for none. Raises Unavailable: a memory that cannot be read is not empty."""
        try:
            return self.file(name).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Unavailable(
                f"the head seen before cannot be read: {error.strerror}", where=str(self.file(name))
            ) from error

    def write(self, name: str, note: bytes) -> None:
        """Remember. Raises Unavailable."""
        private_folder(self._folder)
        try:
            replace_file(self.file(name), note)
        except OSError as error:
            raise Unavailable(
                f"the head cannot be remembered: {error.strerror}", where=str(self.file(name))
            ) from error

    def file(self, name: str) -> Path:
        """Where the head of a log is kept."""
        return self._folder / f"{name.replace('/', '+').replace(':', '+')}.latest"


class LogReader:
    """Reads one log at an address: the log itself, or a gate or folder that has it under `/sumdb/<name>/`."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        self._name = name
        self._upstream = upstream
        self._remote = Remote(name, [Candidate(upstream), Candidate(upstream, proxy=False)])

    async def __call__(self, path: str) -> bytes:
        """What is at `latest` or `tile/…`. Raises as an Upstream does, Unavailable where there is no log."""
        try:
            return await self._remote.get(path)
        except Absent as error:
            if path != "latest":
                raise
            raise Unavailable(
                f"there is no checksum log {self._name} here: {error.what}",
                where=error.where,
                next_step="Name the address of the log or of its gate, or the folder of a gate's store.",
                kind="bad-answer",
            ) from error

    async def close(self) -> None:
        """Close connections."""
        await self._upstream.close()


def log_reader(name: str, target: str, *, seconds: float) -> LogReader:
    """A reader for a URL, or the path of a folder. Raises Invalid."""
    return LogReader(name, _upstream(target, seconds))


async def copy(
    spec: Spec,
    proxies: str,
    folder: Path,
    versions: Sequence[ModuleVersion],
    *,
    private: str,
    seconds: float,
    progress: Callable[[int, int], None],
) -> tuple[int, dict[str, ModgateError]]:
    """Copy what lookups of these versions need into a folder, and prove it there with nobody asked.

    Returns the size of the tree that was verified, and what could not be had, by version: Absent (the
    database does not know it), Denied (a private name, which was not asked for). Raises everything else.
    """
    from modgate.storage.disk import DiskStore  # noqa: PLC0415  it needs POSIX, keygen and verify do not

    log_aside()
    chain = [] if spec.url else parse_proxy_list(proxies) if proxies else []
    ways = [
        Candidate(_upstream(entry.url, seconds), any_error=entry.falls_back_on_error)
        for entry in chain
        if entry.kind is EntryKind.PROXY
    ]
    ways.append(Candidate(_upstream(spec.direct_url, seconds), proxy=False))
    store = await DiskStore.open(folder, clock=time.time)
    try:
        return await copy_into(
            store,
            spec,
            ways,
            versions,
            private=lambda path: match_prefix_patterns(private, path),
            progress=progress,
            where=str(folder),
        )
    finally:
        await store.close()
        for way in ways:
            await way.upstream.close()


async def copy_into(
    store: BlobStore,
    spec: Spec,
    ways: Sequence[Candidate],
    versions: Sequence[ModuleVersion],
    *,
    private: Callable[[str], bool] = lambda _path: False,
    progress: Callable[[int, int], None] = lambda _done, _count: None,
    missing: tuple[type[ModgateError], ...] = (Absent, Denied),
    where: str = "",
) -> tuple[int, dict[str, ModgateError]]:
    """Copy what lookups of these versions need into a store, and prove it there with nobody asked.

    Returns and raises as `copy`; `missing` are the errors that keep one version out and end nothing.
    """
    mirror = _mirror(spec, ways, store, private)
    try:
        # The newest head first, so that the lookups stand under one head.
        await mirror.fetch(_ASK, spec.name, "latest")
        lacking = await _look_up_all(mirror, spec.name, versions, _ASK, progress=progress, lacking=missing)
    finally:
        await mirror.close()
    closed = _mirror(spec, [], store, private)
    try:
        there = [version for version in versions if str(version) not in lacking]
        failed = await _look_up_all(closed, spec.name, there, Context(fetch=False))
        head = (await closed.fetch(Context(fetch=False), spec.name, "latest")).body
    finally:
        await closed.close()
    for version, error in failed.items():
        raise Unavailable(f"{version} cannot be verified from the folder alone: {error.what}", where=where)
    return int(head.split(b"\n")[1]), lacking


async def _look_up_all(
    mirror: Mirror,
    name: str,
    versions: Sequence[ModuleVersion],
    ctx: Context,
    *,
    progress: Callable[[int, int], None] = lambda _done, _count: None,
    lacking: tuple[type[ModgateError], ...] = (Absent, Denied),
) -> dict[str, ModgateError]:
    missing: dict[str, ModgateError] = {}
    turns = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def look_up(version: ModuleVersion) -> None:
        nonlocal done
        what = f"{escape_path(version.path)}@{escape_version(version.version)}"
        async with turns:
            try:
                await mirror.fetch(ctx, name, f"lookup/{what}")
            except lacking as error:
                missing[str(version)] = error
        done += 1
        progress(done, len(versions))

    progress(0, len(versions))
    for error in await asyncio.gather(*map(look_up, versions), return_exceptions=True):
        if error is not None:
            raise error
    return missing


def _mirror(
    spec: Spec, ways: Sequence[Candidate], store: BlobStore, private: Callable[[str], bool]
) -> Mirror:
    ledger = MemoryLedger(clock=time.time)
    return Mirror(
        [Mirrored(spec, ways)],
        store,
        ledger,
        time.time,
        private=private,
    )


def _upstream(target: str, seconds: float) -> Upstream:
    if "://" not in target:
        target = Path(target).absolute().as_uri()
    return FileUpstream(target) if target.startswith("file:") else upstream(target, seconds=seconds)
