"""Kill the processes that share one log, at chosen steps and at any moment, and look at what they leave.

Run as a program of its own (`python -m tests.checksumdb.log_kill_loop FOLDER KILLS RECORDS SEED`), because
it forks. Four slots share one ledger; each has a store of its own, as a replica has. A child logs versions,
many of which others log too, and writes down what it was told: the number of each record and each signed
head. Then it is killed, and the next child of the slot goes on with what is there. At the end:

- no version has two records, no number two versions, and none is missing;
- what a child was told to be recorded is recorded under that number;
- every head that anybody was ever told is signed, and is the tree of the book's first records (no fork);
- each folder passes the audit from outside, whole.

It prints how many kills there were at each step, as JSON, and fails at the first wrong thing.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from modgate.checksumdb.audit import audit
from modgate.checksumdb.log import ChecksumLog
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.model.context import Context
from modgate.storage.disk import DiskStore
from modgate.sumdb.head import open_head
from modgate.sumdb.log import EMPTY_EDGE, grow
from modgate.sumdb.note import generate_key, new_verifier, verifier_list
from modgate.wiring.sumdb import log_reader
from tests.checksumdb.logsetup import NAME, Oracle, sums_of
from tests.checksumdb.setup import mv

SLOTS = 4
STEPS = (
    "numbered",
    "tiled",
    "signed",
    "published",
    "store written",
    "store linked",
    "store renamed",
    "store described",
    "any moment",
)
KEY, VERIFIER_KEY = generate_key(NAME, b"l" * 32)


async def work(root: Path, slot: int, step: str, *, after: int, dice: random.Random, enough: int) -> None:
    """What a child does until it dies, or the book has enough records."""
    countdown = after
    told = os.open(root / f"told{slot}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def reached(name: str) -> None:
        nonlocal countdown
        if name == step:
            countdown -= 1
            if countdown == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    store = await DiskStore.open(
        root / f"store{slot}", clock=time.time, stages=lambda name: reached(f"store {name}")
    )
    ledger = await SqlLedger.open(root / "ledger", clock=time.time, busy_timeout=30)
    book = SqlLogBook(ledger)
    log = ChecksumLog(
        KEY,
        book=book,
        store=store,
        ledger=ledger,
        authority=Oracle(),
        clock=time.time,
        holder=f"{slot} {os.getpid()}",
        reached=reached,
        lease=0.05,
    )
    await log.start()

    async def one() -> None:
        while await book.size(NAME) < enough:
            path = f"corp.example/m{dice.randrange(enough + enough // 4)}"
            entry = await log.log(Context(), mv(path), sums_of(path))
            answer = await log.fetch(Context(), NAME, f"lookup/{path}@v1.0.0")
            note = answer.body.partition(b"\n\n")[2].decode()
            os.write(told, (json.dumps([path, entry.number, note]) + "\n").encode())

    await asyncio.gather(*(one() for _ in range(3)))
    await log.close()
    await ledger.close()
    await store.close()


def start(root: Path, slot: int, step: str, seed: int, enough: int) -> int:
    """Fork a child; its process id."""
    child = os.fork()
    if child:
        return child
    dice = random.Random(seed)
    try:
        after = dice.randint(1, 30 if step.startswith("store") else 8)
        asyncio.run(work(root, slot, step, after=after, dice=dice, enough=enough))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def end(child: int) -> int:
    """Wait for a child: 0 done, SIGKILL killed; anything else ends the loop."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return signal.SIGKILL
    if status != 0:
        raise SystemExit(f"a child ended with {status}")
    return 0


def kill_all(root: Path, kills: int, records: int, dice: random.Random) -> Counter[str]:
    """Keep four children at work until there were so many kills; then let them finish."""
    counts: Counter[str] = Counter(dict.fromkeys(STEPS, 0))
    running: dict[int, tuple[int, str, float]] = {}
    unlimited = 1 << 20
    while sum(counts.values()) < kills:
        free = set(range(SLOTS)) - {slot for slot, _, _ in running.values()}
        for slot in free:
            step = min(STEPS, key=lambda each: (counts[each], dice.random()))
            moment = time.monotonic() + (dice.uniform(0.02, 0.3) if step == STEPS[-1] else 5.0)
            running[start(root, slot, step, dice.getrandbits(32), unlimited)] = (slot, step, moment)
        time.sleep(0.002)
        for child, (_, step, moment) in list(running.items()):
            if time.monotonic() > moment:
                os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended:
                continue
            if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
                raise SystemExit(f"a child at {step!r} ended with {status}")
            del running[child]
            counts[step] += 1
    for child in running:
        os.kill(child, signal.SIGKILL)
        end(child)
    last = [start(root, slot, "", dice.getrandbits(32), records) for slot in range(SLOTS)]
    if any(end(child) for child in last):
        raise SystemExit("somebody else killed a child")
    return counts


async def judge(root: Path, records: int) -> dict[str, int]:
    """Look at everything that is there."""
    ledger = await SqlLedger.open(root / "ledger", clock=time.time)
    book = SqlLogBook(ledger)
    size = await book.size(NAME)
    entries = await book.records(NAME, 0, size)
    assert size >= records
    assert [entry.number for entry in entries] == list(range(size))
    assert len({entry.version for entry in entries}) == size
    sizes: dict[int, bytes] = {}
    edge = EMPTY_EDGE
    for entry in entries:
        edge = grow(edge, [entry.text]).edge
        sizes[edge.size] = edge.tree.hash
    told = 0
    keys = verifier_list(new_verifier(VERIFIER_KEY))
    notes: set[str] = set()
    for slot in range(SLOTS):
        for line in (root / f"told{slot}").read_text().splitlines():
            path, number, note = json.loads(line)
            assert entries[number].version == mv(path), line
            notes.add(note)
            told += 1
    for note in notes:
        tree = open_head(note.encode(), keys).tree
        assert sizes[tree.n] == tree.hash, f"fork at {tree.n}"
    for slot in range(SLOTS):
        reader = log_reader(NAME, str(root / f"store{slot}"), seconds=10)
        report = await audit(VERIFIER_KEY, reader)
        assert report.whole, slot
        assert report.found == 0, report.findings
        await reader.close()
    await ledger.close()
    return {"records": size, "acknowledged": told, "heads": len(notes)}


def main() -> None:
    """The loop, then the judgement."""
    root, kills, records, seed = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    counts = kill_all(root, kills, records, random.Random(seed))
    print(json.dumps({"kills": counts, **asyncio.run(judge(root, records))}))


if __name__ == "__main__":
    main()
