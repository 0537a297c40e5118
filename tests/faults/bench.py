"""Runs one row of the matrix: an upstream and a gate of their own, every kind, cold and warm, healed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.cells import KINDS, MODULE_KINDS, TEMPERATURES, Cell, Fault, judge, same
from tests.support.certificates import certificate
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.static_sumdb import StaticDatabase, filler
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.client import Reply

__all__ = ["Row", "run_row"]

IMPATIENT: dict[str, Any] = {
    "fetch": {
        "connect_timeout": 1,
        "head_timeout": 0.5,
        "stall_timeout": 0.5,
        "total_timeout": 3,
        "retries": 1,
        "max_object": 8 << 20,
    },
    "cache": {"mutable_ttl": 0.05, "absent_ttl": 0.05, "verdict_ttl": 0.05},
    "prefetch": {"enabled": False},
    "breaker": {"failures": 1000, "reset": 0.1},
    "log": {"level": "error"},
}
FILLER = 600
ZIP_PADDING = 300_000


@dataclass(slots=True)
class Row:
    """What one fault did to every cell: (kind, temperature) to what is wrong, empty where nothing."""

    fault: str
    cells: dict[tuple[str, str], str] = field(default_factory=dict)
    poison: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def blame(self, cell: Cell, what: str) -> None:
        """Keep the first thing that is wrong with a cell."""
        key = cell.kind, cell.temperature
        self.cells[key] = self.cells.get(key) or what


class _Setup:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "upstream"
        world = World(self.root)
        for kind in (*MODULE_KINDS, "lookup"):
            for temperature in TEMPERATURES:
                for minor in range(3):
                    padding = ZIP_PADDING if kind == "zip" and minor == 0 else 0
                    world.add(f"cell.test/{kind.strip('@')}-{temperature}", f"v1.{minor}.0", padding=padding)
        world.finish()
        # The records asked for sit in the last tile; the first two stay untouched until a cell asks.
        self.database = StaticDatabase(self.root / "db", filler(FILLER) | world.records())
        self.cells = [self._cell(kind, temperature) for kind in KINDS for temperature in TEMPERATURES]

    def _cell(self, kind: str, temperature: str) -> Cell:
        module = f"cell.test/{kind.strip('@')}-{temperature}"
        match kind:
            case "list" | "info" | "mod" | "zip":
                name = "list" if kind == "list" else f"v1.0.0.{kind}"
                url = upstream = f"/{module}/@v/{name}"
            case "@latest":
                url = upstream = f"/{module}/@latest"
            case _:
                tile = "tile/8/0/000" if temperature == "cold" else "tile/8/0/001"
                name = {"lookup": f"lookup/{module}@v1.0.0", "tile": tile, "latest": "latest"}[kind]
                url, upstream = f"/sumdb/{self.database.name}/{name}", f"/db/{name}"
        return Cell(kind, temperature, url, upstream, (self.root / upstream[1:]).read_bytes())

    def right_for(self, stored: str) -> bytes | None:
        """The right bytes of a file of the store, None for what the store keeps for itself."""
        ours = stored.replace(f"sumdb/{self.database.name}/", "db/", 1)
        known = self.root / ours
        return known.read_bytes() if known.is_file() else None


def _all(gate: Gate, cells: Iterable[Cell]) -> list[tuple[Cell, Reply]]:
    cells = list(cells)
    with ThreadPoolExecutor(16) as pool:
        return list(zip(cells, pool.map(lambda cell: gate.ask(cell.url, wait=25), cells), strict=True))


def _poison(setup: _Setup, store: Path) -> list[str]:
    found = []
    for file in sorted(store.rglob("*")):
        name = file.relative_to(store).as_posix()
        right = setup.right_for(name) if file.is_file() else None
        if right is None:
            continue
        kind = "@latest" if name.endswith("@latest") else name.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        if not same(kind, file.read_bytes(), right, subset=True):
            found.append(name)
    return found


def run_row(fault: Fault, folder: Path) -> Row:
    """All cells of one fault. The folder takes the world, the store and the server's files."""
    row, setup = Row(fault.name), _Setup(folder)
    with ExitStack() as stack:
        pair = certificate(folder / "tls")
        upstream = stack.enter_context(FaultUpstream(setup.root, certificate=pair))
        inside = stack.enter_context(FaultUpstream(setup.root))
        base = str(upstream.tls) if fault.name == "redirect-https-to-http" else upstream.url
        gate = stack.enter_context(
            Gate(
                folder / "gate",
                upstream=base,
                sumdb=setup.database.spec(base + "/db"),
                config=IMPATIENT,
                environment={"SSL_CERT_FILE": str(pair[0])},
            )
        )

        def bend(cell: Cell) -> None:
            arguments = dict(fault.arguments)
            if fault.content is not None:
                made = folder / f"{cell.kind}-{cell.temperature}.bytes"
                made.write_bytes(fault.content(cell))
                arguments["file"] = str(made)
            if fault.name == "redirect-to-internal-host":
                arguments["location"] = inside.url + cell.upstream
            if fault.name == "redirect-https-to-http":
                arguments["location"] = upstream.url + cell.upstream
            upstream.fault(fault.wire, cell.upstream, **arguments)

        def during(cells: list[Cell]) -> None:
            for cell in cells:
                bend(cell)
            for cell, reply in _all(gate, cells):
                row.blame(cell, judge(fault, cell, reply))
                if reply.status != 200 or not reply.whole:
                    row.slowest = max(row.slowest, reply.seconds)
            row.poison += _poison(setup, folder / "gate/store")
            upstream.heal()
            time.sleep(0.3)

        def healed(cells: list[Cell]) -> None:
            if fault.subset:
                # A shortened list was believed, as it must be; it goes out once more while it is refreshed.
                _all(gate, (cell for cell in cells if cell.kind in {"list", "@latest"}))
                time.sleep(0.5)
            for cell, reply in _all(gate, cells):
                if reply.status != 200 or not reply.whole or not same(cell.kind, reply.body, cell.right):
                    row.blame(cell, f"after healing: {reply.status} {reply.body[:120]!r}")

        # The tree head is one object: its cold cell must come before anything has fetched it.
        first = [cell for cell in setup.cells if (cell.kind, cell.temperature) == ("latest", "cold")]
        during(first)
        healed(first)
        warm = [cell for cell in setup.cells if cell.temperature == "warm"]
        for cell, reply in _all(gate, warm):
            if reply.status != 200 or reply.body != cell.right:
                row.blame(cell, f"could not be warmed: {reply.status} {reply.body[:120]!r}")
        time.sleep(0.1)
        during([cell for cell in setup.cells if cell not in first])
        healed(setup.cells)
        row.poison += _poison(setup, folder / "gate/store")
        if inside.total():
            row.poison.append(f"the internal host was asked: {sorted(inside.counts())}")
    return row
