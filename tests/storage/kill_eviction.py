"""Kill a bounded store while it evicts, reopen, and look at everything that is there.

Run as a program of its own (`python -m tests.storage.kill_eviction FOLDER KILLS SEED`), as `kill_loop` is,
whose checks it shares: no torn object, no sidecar or `.ziphash` without its object, nothing temporary. Two
are added: what is spared is there, and the next server holds no more than its limit. The last line that it
prints has the kills at each stage.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.storage.disk import DiskStore
from tests.storage.kill_loop import content, look, meta

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath, Version

STAGES = ("undescribed", "taken", "linked", "described", "flushed")
LIMIT = 3_000_000
SPARED = "example.com/spared/@v/v1.0.0.zip"


async def spared() -> Callable[[ModulePath, Version], bool]:
    """What must not go."""
    return lambda path, _version: path == "example.com/spared"


async def bounded(root: Path, stages: Callable[[str], None] = lambda _: None) -> DiskStore:
    """The store under its limit."""
    store = await DiskStore.open(root, clock=time.time, stages=stages)
    store.bound(LIMIT, spared, monotonic=time.monotonic)
    return store


async def work(root: Path, run: int, stage: str, after: int) -> None:
    """What a child does until it dies: it writes more than fits, once evictions have begun."""
    countdown = after
    evicting = False

    def reached(name: str) -> None:
        nonlocal countdown, evicting
        evicting = evicting or name == "taken"
        if name == stage and (evicting or name == "undescribed"):
            countdown -= 1
            if countdown == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    store = await bounded(root, reached)
    data = content(SPARED, 0)
    await store.put(SPARED, data, meta(SPARED, data))

    async def one(worker: int, turn: int) -> None:
        folder = f"example.com/m{worker}-{turn % 9}/@v"
        for key in (f"{folder}/v1.{run}.{turn}.mod", f"{folder}/v1.{run}.{turn}-large.zip"):
            data = content(key, 0)
            writer = await store.create(key)
            for start in range(0, len(data), 100_000):
                await writer.write(data[start : start + 100_000])
            await writer.commit(meta(key, data))
            await writer.aclose()

    for turn in range(200):
        await asyncio.gather(*(one(worker, turn) for worker in range(3)))
    await store.close()


async def judge(root: Path) -> None:
    """The next server: what is spared is there, and no more than the limit once it has begun."""
    store = await bounded(root)
    assert await store.get(SPARED) is not None, "what is spared is gone"
    async with asyncio.timeout(20):
        while (held := store.usage().used) is None or held > LIMIT:
            await asyncio.sleep(0.005)
    await store.close()


def main() -> None:
    """Kill, look, count."""
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    dice = random.Random(seed)
    plan = [stage for stage in STAGES for _ in range(kills)]
    dice.shuffle(plan)
    counts = dict.fromkeys(STAGES, 0)
    root, log = folder / "store", folder / "log"
    log.write_bytes(b"")
    for run, stage in enumerate(plan):
        after = dice.randrange(1, 12)
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(work(root, run, stage, after))
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"the child was not killed at {stage!r} but ended with {status}"
        counts[stage] += 1
        look(root, log)
        asyncio.run(judge(root))
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
