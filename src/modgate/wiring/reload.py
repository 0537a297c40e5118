"""Another configuration for a gate that runs: on SIGHUP, and when a file it was made of has changed.

    1  load       the configuration is read and checked as at the start
    2  compare    keys that need a restart keep their old values, and are named
    3  prepare    everything that it makes is made beside what serves, certificates included
    4  adopt      new requests and new connections take the new way; nothing waits
    5  retire     the old way goes when its requests and fills have ended

Whatever fails before step 4 leaves everything as it was; the log says what, and status goes on saying so.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from modgate.config import watched_files
from modgate.errors import ModgateError
from modgate.wiring.changes import changed_keys, value_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from modgate.config import Config, Loaded
    from modgate.server.app import App
    from modgate.server.listener import Listen, Listener
    from modgate.server.switch import Switch
    from modgate.wiring.gate import Gate, Inner

__all__ = ["Reloader", "keep_standing"]

_STANDING = frozenset(
    {
        "listen",
        "prefix",
        "store",
        "sumdb",
        "cache.memory",
        "cache.limit",
        "admin.socket",
        "reload.watch",
        "ledger.url",
        "ledger.password_file",
    }
)
_STANDING_SECTIONS = frozenset({"checksum_log"})
"""What stands as long as the process does: the address, the store, the ledger, the views
of checksum databases.
"""

_LOOK = 1.0
_TICK = 0.02
"""The clock of a file system lags behind by up to a tick of the kernel's."""

_log = structlog.get_logger("modgate")


def keep_standing(old: Config, new: Config) -> tuple[Config, list[str]]:
    """The new configuration with the old values of what needs a restart, and the names of those keys."""
    kept = [name for name in changed_keys(old, new) if _stands(old, new, name)]
    top: dict[str, Any] = {}
    for name in kept:
        section, _, leaf = name.rpartition(".")
        if section:
            present = top.get(section, getattr(new, section))
            top[section] = present.model_copy(update={leaf: value_of(old, name)})
        else:
            top[name] = value_of(old, name)
    return new.model_copy(update=top), kept


def _stands(old: Config, new: Config, name: str) -> bool:
    section = name.partition(".")[0]
    # Plain HTTP and TLS cannot be told apart on one port: that is another address.
    switched = section == "tls" and (old.tls.cert is None) != (new.tls.cert is None)
    return name in _STANDING or section in _STANDING_SECTIONS or switched


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Which files there are, and which bytes they hold as far as the file system tells."""

    files: tuple[tuple[str, tuple[int, ...] | None], ...]

    @classmethod
    def of(cls, files: Sequence[Path]) -> _Stamp:
        return cls(tuple((str(file), _identity(file)) for file in files))

    def since(self, moment: float) -> bool:
        """Whether any of them changed after a moment, in Unix seconds. A rename changes the second time."""
        return any(found is not None and found[1] / 1e9 > moment - _TICK for _, found in self.files)


def _identity(file: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(file)  # noqa: PTH116  follows the links by which files are swapped together
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


class Reloader:
    """Lets a running gate go by another configuration.

    Args:
        gate: Its parts.
        switch: What the listener serves.
        listener: Where connections come in.
        loaded: The configuration in force, as it was read.
        load: Reads it as at the start. Raises ModgateError.
        app: What answers requests by way of these parts.
        listen: How a configuration wants connections to be taken.
        loaded_now: Told of each configuration that comes into force.
    """

    def __init__(
        self,
        gate: Gate,
        switch: Switch,
        listener: Listener,
        *,
        loaded: Loaded,
        load: Callable[[], Loaded],
        app: Callable[[Inner], App],
        listen: Callable[[Config], Listen],
        loaded_now: Callable[[Config], None],
    ) -> None:
        self._gate = gate
        self._switch = switch
        self._listener = listener
        self._loaded = loaded
        self._load = load
        self._app = app
        self._listen = listen
        self._loaded_now = loaded_now
        self._one = asyncio.Lock()
        self._asked = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._since = time.time()
        self._count = 0
        self._error = ""
        self._waiting: list[str] = []

    def facts(self) -> dict[str, Any]:
        """What `modgate status` says of the configuration."""
        file = self._loaded.file
        return {
            "file": str(file) if file is not None and file.exists() else "",
            "loaded_at": self._since,
            "reloads": self._count,
            "error": self._error,
            "needs_restart": self._waiting,
        }

    def hangup(self) -> None:
        """SIGHUP came. One reload that has not begun to read yet stands for all that come meanwhile."""
        if not self._asked:
            self._asked = True
            self._start(self._answer_hangup())

    async def _answer_hangup(self) -> None:
        async with self._one:
            self._asked = False
            await self._whole("SIGHUP")

    async def reload(self, why: str) -> bool:
        """Do all steps; whether the configuration came into force. Never raises ModgateError."""
        async with self._one:
            return await self._whole(why)

    async def _whole(self, why: str) -> bool:
        try:
            await self._steps(why)
        except ModgateError as error:
            self._failed(error.lines(), why)
            return False
        except Exception as error:  # noqa: BLE001  a defect must not end what serves
            _log.error("internal error", exc_info=error)
            self._failed([f"an unexpected error ({type(error).__name__}); the log has more"], why)
            return False
        self._error = ""
        return True

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look at the files until the context ends, where that is wanted."""
        if self._loaded.config.reload.watch:
            self._start(self._watch())
        try:
            yield
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _failed(self, lines: Sequence[str], why: str) -> None:
        self._error = "; ".join(lines)
        for line in lines:
            _log.error(f"configuration not loaded, the old one stays: {line}", why=why)

    async def _steps(self, why: str) -> None:
        old = self._gate.ground.config
        loaded = await asyncio.to_thread(self._load)  # 1
        config, self._waiting = keep_standing(old, loaded.config)  # 2
        if self._waiting:
            names = ", ".join(self._waiting)
            _log.warning(f"{names}: the new value needs a restart, the old one stays", why=why)
        changed = changed_keys(old, config)
        listen = self._listen(config)
        context = self._listener.prepare(listen)  # 3
        inner = await self._gate.prepare(config)
        try:
            app = self._app(inner)
            shortcuts = app.settings.access_log != "all"
            await self._listener.renew(listen, context, shortcuts=shortcuts, naming=app.settings.naming)
        except BaseException:
            await inner.closing.aclose()
            raise
        before, old_app = self._gate.adopt(inner), self._switch.replace(app)  # 4
        self._loaded_now(config)
        self._start(self._retire(old_app, before, config.limits.grace))
        self._loaded = loaded
        self._since = time.time()
        self._count += 1
        _log.info("configuration loaded", why=why, changed=", ".join(changed) or "certificates or secrets")

    async def _retire(self, app: App, before: Inner, patience: float) -> None:
        try:
            await self._switch.emptied(app, patience=patience)
        finally:
            await asyncio.shield(self._gate.retire(before, patience=patience))  # 5

    async def _watch(self) -> None:
        """Load once the files have changed and are left alone for a moment: they may be written in turn."""
        seen = _Stamp.of(self._files())
        # Something may have been written between the first reading and this first look.
        known = _Stamp(()) if seen.since(self._loaded.read_at) else seen
        while True:
            await asyncio.sleep(_LOOK)
            found = await asyncio.to_thread(_Stamp.of, self._files())
            if found == seen and found != known:
                known = found
                await self.reload("a file changed")
                known = seen = _Stamp.of(self._files()) if not self._error else found
            seen = found

    def _files(self) -> list[Path]:
        places = [self._loaded.file] if self._loaded.file is not None else []
        return [*places, *watched_files(self._loaded.config)]

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
