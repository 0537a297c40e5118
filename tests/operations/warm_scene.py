"""A world of modules behind a real upstream, a signed checksum database, and projects that need them."""

from __future__ import annotations

import time
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modgate.cli.warm_files import read_wish
from modgate.config import load
from modgate.model.operations import Failure, Item, Progress, Summary
from modgate.wiring.operations import operate
from tests.support.modules import World
from tests.support.sumdb_server import TestDatabase, serve
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from modgate.config import Config

__all__ = ["Ran", "WarmScene", "run_operation_here"]


@dataclass(slots=True)
class Ran:
    """How an operation went."""

    items: list[Item] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    summary: Summary | None = None
    failure: Failure | None = None
    seconds: float = 0.0

    @property
    def facts(self) -> dict[str, Any]:
        assert self.summary is not None, self.failure
        return self.summary.facts

    def failed(self) -> dict[str, str]:
        """What failed, with its error."""
        return {item.subject: item.facts["error"] for item in self.items if item.kind == "failed"}


class WarmScene:
    """`with WarmScene(folder) as scene:` add to `scene.world`, `scene.seal()`, then run operations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder / "made")
        self.world.root.mkdir(parents=True)
        self.sums = TestDatabase()
        self.sums.add_filler(20)
        self._stack = ExitStack()
        self._logged: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        self.upstream = self._stack.enter_context(FaultUpstream(self.world.root))
        self.database = self._stack.enter_context(serve(self.sums))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def seal(self) -> None:
        """Write the lists, and let the database know what the world has by now."""
        self.world.finish()
        for key, built in self.world.modules.items():
            if key not in self._logged:
                self._logged.add(key)
                self.sums.add(*key, built.h1, built.mod_h1)

    def config(self, store: str = "store", **values: object) -> Config:
        """Of a gate over this world."""
        flags: dict[str, object] = {
            "store": str(self.folder / store),
            "upstream": self.upstream.url,
            "sumdb": self.database.gosumdb,
            "vcs.enabled": "false",
            "fetch.retries": 0,
            **{name.replace("__", "."): value for name, value in values.items()},
        }
        given = {name: (value, "test") for name, value in flags.items()}
        environ = {"HOME": str(self.folder)}
        return load(given, environ=environ, ask_go=lambda environ: {}).config  # noqa: ARG005  no go

    async def warm(self, *words: object, config: Config | None = None, **params: Any) -> Ran:
        """As `modgate warm WORDS` does."""
        wish = read_wish([str(word) for word in words], every_line=False, toolchains=(), platforms="")
        return await self.run("warm", config, **{**wish.params(), **params})

    async def run(self, name: str, config: Config | None = None, **params: Any) -> Ran:
        """Run an operation on the scene's store, in this process."""
        return await run_operation_here(config or self.config(), name, params)

    def stored(self, kind: str, store: str = "store") -> set[str]:
        """The URLs of the stored objects of a kind."""
        root = self.folder / store
        return {
            f"/{path.relative_to(root)}"
            for path in root.rglob(f"*.{kind}")
            if path.is_file() and not path.is_relative_to(root / ".modgate")
        }

    def project(self, name: str, files: Mapping[str, str]) -> Path:
        """A folder with these files."""
        folder = self.folder / name
        for file, text in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        return folder


async def run_operation_here(config: Config, name: str, params: Mapping[str, Any]) -> Ran:
    """Run it to its end."""
    ran = Ran()
    began = time.monotonic()
    async with aclosing(operate(config, name, params)) as events:
        async for event in events:
            match event:
                case Item():
                    ran.items.append(event)
                case Progress():
                    ran.progress.append(event)
                case Summary():
                    ran.summary = event
                case Failure():
                    ran.failure = event
    ran.seconds = time.monotonic() - began
    return ran
