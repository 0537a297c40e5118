"""Kill a writer at each named stage of a write, reopen, and look at everything that is there.

Run as a program of its own (`python -m tests.storage.kill_loop FOLDER KILLS SEED`), because it
forks: each writer is a child that opens the store, works, and is killed by SIGKILL at the n-th time
it reaches its stage. The parent then opens the folder as the next server would, and checks that

- each object is whole, and known with the meta it was stored with;
- all that a child was told to be stored is stored, unless it took it away again;
- nothing is left over: no temporary file, no sidecar or `.ziphash` without its object.

It prints how many kills there were at each stage, as JSON, and fails at the first wrong thing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from modgate.model import BlobMeta
from modgate.storage.disk import DiskStore
from modgate.storage.folder import take_folder
from modgate.storage.sweep import sweep
from modgate.storage.tree import Tree

STAGES = (
    "created",
    "flushed",
    "written",
    "synced",
    "meta",
    "folder",
    "ziphash",
    "linked",
    "renamed",
    "described",
    "dirsynced",
    "undescribed",
    "taken",
)
LARGE = 600 * 1024
RUNS_PER_FOLDER = 10


def content(key: str, turn: int) -> bytes:
    """Bytes that tell which key and turn they are of, so that any mix or cut is seen."""
    size = LARGE if key.endswith("-large.zip") else 50_000 if key.endswith(".zip") else 900
    line = f"{turn} {key} {hashlib.sha256(f'{turn} {key}'.encode()).hexdigest()}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def meta(key: str, data: bytes) -> BlobMeta:
    h1 = "h1:" + hashlib.sha256(key.encode()).hexdigest() if key.endswith(".zip") else ""
    sha256 = hashlib.sha256(data).hexdigest()
    verified = "none" if key.endswith(("list", "-large.zip")) else "sumdb"
    return BlobMeta(sha256=sha256, size=len(data), stored_at=1.5, verified=verified, h1=h1)


async def work(root: Path, run: int, stage: str, *, after: int, log: int, dice: random.Random) -> None:
    """What a child does until it dies; each line of the log is one fact it may rely on."""
    countdown = after

    def reached(name: str) -> None:
        nonlocal countdown
        if name == stage:
            countdown -= 1
            if countdown == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    store = await DiskStore.open(root, clock=time.time, stages=reached)

    async def one(worker: int, turn: int) -> None:
        folder = f"example.com/m{worker}-{turn % 7}/@v"
        mod, small, large = (
            f"{folder}/v{run}.{turn}.{worker}{end}" for end in (".mod", ".zip", "-large.zip")
        )
        for key in (mod, small):
            data = content(key, 0)
            await store.put(key, data, meta(key, data))
            os.write(log, f"+ {key}\n".encode())
        data = content(large, 0)
        writer = await store.create(large)
        for start in range(0, len(data), 100_000):
            await writer.write(data[start : start + 100_000])
        await writer.commit(meta(large, data))
        await writer.aclose()
        os.write(log, f"+ {large}\n".encode())
        data = content(f"{folder}/list", turn)
        await store.replace(f"{folder}/list", data, meta(f"{folder}/list", data))
        os.write(log, f"+ {folder}/list\n".encode())
        os.write(log, f"- {small}\n".encode())
        if dice.random() < 0.5:
            await store.remove(small)
        else:
            await store.set_aside(small, "for the test")

    for turn in range(60):
        await asyncio.gather(*(one(worker, turn) for worker in range(2)))
    await store.close()


def look(root: Path, log: Path) -> None:
    """Open the folder as the next server would, and raise AssertionError at anything wrong."""
    lock = take_folder(root)
    try:
        sweep(root)
        own = root / ".modgate"
        assert not list((own / "tmp").iterdir()), "temporary files are left"
        tree = Tree(root, lambda _: None)
        keys = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        keys = {key for key in keys if not key.startswith(".modgate/")}
        hashes = {key for key in keys if key.endswith(".ziphash")}
        sidecars = {str(path.relative_to(own / "meta")) for path in own.glob("meta/**/*") if path.is_file()}
        objects = keys - hashes
        assert {key.removesuffix("hash") for key in hashes} <= objects, "a .ziphash without its zip"
        assert sidecars == objects, f"sidecars and objects differ: {sidecars ^ objects}"
        for key in objects:
            data = (root / key).read_bytes()
            assert data == content(key, int(data.split(b" ", 1)[0])), f"{key} is truncated or wrong"
            stored = tree.load(key)
            assert stored is not None
            assert stored.meta == meta(key, data), f"{key} lost its meta"
            if key.endswith(".zip"):
                assert (root / f"{key}hash").read_text() == stored.meta.h1, f"{key} has no .ziphash"
        facts = [line.split(" ", 1) for line in log.read_text().splitlines()]
        leaving = {key for sign, key in facts if sign == "-"}
        missing = {key for sign, key in facts if sign == "+"} - leaving - objects
        assert not missing, f"was stored and is gone: {missing}"
    finally:
        os.close(lock)


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    dice = random.Random(seed)
    counts = dict.fromkeys(STAGES, 0)
    plan = [stage for stage in STAGES for _ in range(kills)]
    dice.shuffle(plan)
    log = folder / "log"
    for run, stage in enumerate(plan):
        root = folder / f"store{run // RUNS_PER_FOLDER}"
        if run % RUNS_PER_FOLDER == 0:
            shutil.rmtree(folder / f"store{run // RUNS_PER_FOLDER - 1}", ignore_errors=True)
            log.write_bytes(b"")
        after = dice.randrange(1, 9)
        child = os.fork()
        if child == 0:
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
            try:
                own = random.Random(seed + run)
                asyncio.run(work(root, run, stage, after=after, log=descriptor, dice=own))
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"the child was not killed at {stage!r} but ended with {status}"
        assert os.WTERMSIG(status) == signal.SIGKILL
        counts[stage] += 1
        look(root, log)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
