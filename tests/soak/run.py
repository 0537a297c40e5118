"""Many go clients with caches of their own, an upstream that breaks now and then, a server that restarts.

One round: every client, all at once, downloads what nobody had before (so that they meet in the same
fills) and what earlier rounds brought (so that the store answers). The last rounds bring nothing new: the
server remembers a little of each object it knows, within bounds, so only what grows then is a leak.

go never retries, so the driver repeats a failed command a bounded number of times. What a client ends up
with is compared with the world's own sums and by `go mod verify`, never with what the server says.

An immutable object costs one upstream GET. Only two things excuse another one: an answer that the upstream
broke, and a restart before which the object had been asked for but not been stored.
"""

from __future__ import annotations

import random
import shutil
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.gate import Gate, GoClient
from tests.support.modules import World
from tests.support.static_sumdb import StaticDatabase, filler
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from tests.support.modules import BuiltModule

__all__ = ["Figures", "Plan", "Sample", "soak"]

SETTINGS: dict[str, Any] = {
    "fetch": {"connect_timeout": 2, "head_timeout": 2, "stall_timeout": 2, "total_timeout": 60, "retries": 1},
    # Little memory for answers, so that it is full early and what still grows then is a leak.
    "cache": {"mutable_ttl": 2, "absent_ttl": 1, "verdict_ttl": 0.2, "memory": 4 << 20},
    "log": {"access": "off"},
}
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("short", {}),
    ("rst", {}),
    ("status", {"status": 503}),
    ("hang-body", {}),
)
TRIES = 6
PAUSE = 0.5
TAMPERED = ("SECURITY ERROR", "checksum mismatch")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done.

    After `rounds` with new modules come `known_rounds` without. A restart is the round in whose middle it
    happens, and whether it is a SIGKILL. `settle` is how long idle connections may take to go at the end.
    """

    rounds: int
    clients: int
    seconds: float
    fresh: int
    known: int
    known_rounds: int = 0
    restarts: tuple[tuple[int, bool], ...] = ()
    settle: float = 0.0
    share: float = 0.01
    delay: float = 0.005
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's size when no client is there: resident KiB and open descriptors."""

    life: int
    kib: int
    descriptors: int
    fresh: bool


@dataclass(slots=True)
class Figures:
    """What came out; `lines` is the table."""

    rounds: int = 0
    commands: int = 0
    at_once: int = 0
    gave_up: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)
    checked: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    unused: int = 0
    idle: int = 0
    objects: int = 0
    gets: int = 0
    broken: int = 0
    cut: int = 0
    unexplained: dict[str, str] = field(default_factory=dict)
    restarts: list[str] = field(default_factory=list)
    answers: int = 0
    broken_answers: int = 0

    def quarters(self) -> list[Sample]:
        """The last server's samples at 25, 50, 75 and 100 % of its life."""
        own = [sample for sample in self.samples if sample.life == self.samples[-1].life]
        return [own[max(0, round(len(own) * part / 4) - 1)] for part in (1, 2, 3, 4)]

    def growth(self, *, fresh: bool) -> float:
        """KiB a round in the last server's life, as the slope of the straight line."""
        own = [item for item in self.samples if item.life == self.samples[-1].life and item.fresh == fresh]
        kib = [item.kib for item in own]
        return statistics.linear_regression(range(len(kib)), kib).slope if len(kib) > 1 else 0.0

    def lines(self) -> list[str]:
        """The table."""
        done = (self.commands - len(self.gave_up)) / self.commands
        quarters = self.quarters()
        rows = [
            ("rounds", f"{self.rounds}"),
            ("commands", f"{self.commands}"),
            ("succeeded", f"{done:.2%}, at the first try {self.at_once / self.commands:.2%}"),
            ("repeated because of", ", ".join(f"{why} {n}" for why, n in self.reasons.most_common()) or "-"),
            ("module zips compared", f"{self.checked}"),
            ("h1 mismatches", f"{len(self.mismatches)}"),
            ("upstream answers", f"{self.answers}, broken {self.broken_answers}"),
            ("restarts", ", ".join(self.restarts) or "-"),
            ("immutable objects", f"{self.objects}"),
            ("GETs of them", f"{self.gets} = {self.gets / self.objects:.3f} an object"),
            ("  excused", f"{self.broken} broken, {self.cut} cut by a restart"),
            ("  per object without", f"{(self.gets - self.broken - self.cut) / self.objects:.3f}"),
            ("  unexplained", f"{len(self.unexplained)}"),
            *((f"seconds of go {name}", _percentiles(taken)) for name, taken in self.seconds.items()),
            ("memory MiB 25/50/75/100 %", " ".join(f"{sample.kib / 1024:.1f}" for sample in quarters)),
            (
                "memory KiB a round",
                f"{self.growth(fresh=True):+.0f}, nothing new {self.growth(fresh=False):+.0f}",
            ),
            ("descriptors 25/50/75/100 %", " ".join(str(sample.descriptors) for sample in quarters)),
            ("descriptors without clients", f"{self.unused} when it began, {self.idle} at the end"),
        ]
        return [f"{name:<28}{value}" for name, value in rows]


def _percentiles(taken: list[float]) -> str:
    ordered = sorted(taken)
    return ", ".join(
        f"p{part} {ordered[min(len(ordered) - 1, len(ordered) * part // 100)]:.2f}" for part in (50, 99)
    )


def soak(go: str, folder: Path, plan: Plan) -> Figures:
    """The whole run; the folder takes the world, the store and the clients."""
    return _Soak(go, folder, plan).run()


class _Soak:
    def __init__(self, go: str, folder: Path, plan: Plan) -> None:
        self._go, self._folder, self._plan = go, folder, plan
        self._random = random.Random(plan.seed)
        self._world = World(folder / "upstream")
        self._rounds = [self._batch(number) for number in range(plan.rounds)]
        self._world.finish()
        self._database = StaticDatabase(self._world.root / "db", filler(300) | self._world.records())
        self._figures = Figures()
        self._cut: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._life = 0

    def _batch(self, number: int) -> list[BuiltModule]:
        made: list[BuiltModule] = []
        for place in range(self._plan.fresh):
            requires = {built.path: built.version for built in made[-1:] if place % 3}
            padding = 2 << 20 if place % 40 == 7 else 100_000 if place % 5 == 2 else 0
            path = f"soak.test/Round{number}/m{place}"
            made.append(self._world.add(path, requires=requires, padding=padding))
        return made

    def run(self) -> Figures:
        plan, figures = self._plan, self._figures
        with FaultUpstream(self._world.root) as self._upstream:
            self._upstream.fault("throttle", "*", delay=plan.delay)
            for fault, arguments in FAULTS:
                share = plan.share / len(FAULTS)
                self._upstream.fault(fault, "*", share=share, seed=plan.seed, **arguments)
            self._gate = self._start("127.0.0.1:0")
            self._address = self._gate.url.removeprefix("http://")
            try:
                ends = time.monotonic() + plan.seconds
                with ThreadPoolExecutor(plan.clients) as pool:
                    while figures.rounds < plan.rounds + plan.known_rounds and time.monotonic() < ends:
                        self._round(pool, figures.rounds)
                        figures.rounds += 1
                        figures.samples.append(self._sample())
                self._settle()
                status = self._gate.stop()
            finally:
                self._gate.kill()
            assert status == 0, self._gate.output
            assert "Traceback" not in self._gate.output, self._gate.output
            self._count()
        return figures

    def _start(self, listen: str) -> Gate:
        spec = self._database.spec(self._upstream.url + "/db")
        gate = Gate(
            self._folder / "gate", upstream=self._upstream.url, sumdb=spec, listen=listen, config=SETTINGS
        )
        self._figures.unused = _descriptors(gate)
        return gate

    def _round(self, pool: ThreadPoolExecutor, number: int) -> None:
        plan = self._plan
        earlier = [built for batch in self._rounds[:number] for built in batch]
        tasks = []
        for place in range(plan.clients):
            fresh = self._rounds[number] if number < plan.rounds else earlier
            chosen = self._random.sample(fresh, plan.fresh * 3 // 4)
            taken = {built.path for built in chosen}
            others = [built for built in earlier if built.path not in taken]
            chosen += self._random.sample(others, min(plan.known, len(others)))
            folder = self._folder / f"client-{number}-{place}"
            tasks.append(pool.submit(self._client, folder, f"http://{self._address}", chosen))
        for restart_in, kill in plan.restarts:
            if restart_in == number:
                self._restart(kill=kill, busy=lambda: not all(task.done() for task in tasks))
        for task in tasks:
            task.result()

    def _restart(self, *, kill: bool, busy: Any) -> None:
        """End the server while fills are under way, note what they lose, and start another."""
        before, wanted = self._upstream.total(), self._plan.fresh
        while busy() and self._upstream.total() < before + wanted:
            time.sleep(0.01)
        figures = self._figures
        if kill:
            self._gate.kill()
        else:
            status = self._gate.stop()
            assert status == 0, self._gate.output
        assert "Traceback" not in self._gate.output, self._gate.output
        broken, known = self._upstream.broken(), self._cut.total()
        for path, (gets, _, _) in self._upstream.counts().items():
            lost = gets - broken.get(path, 0) - self._cut[path]
            if lost > 0 and not self._stored(path).exists():
                self._cut[path] += lost
        name = "SIGKILL" if kill else "SIGTERM"
        figures.restarts.append(f"{name} in round {figures.rounds + 1} cut {self._cut.total() - known}")
        self._life += 1
        self._gate = self._start(self._address)

    def _stored(self, path: str) -> Path:
        """Where the server keeps what the upstream serves at this path."""
        assert isinstance(self._gate.store, Path)
        if path.startswith("/db/"):
            return self._gate.store / "sumdb" / self._database.name / path.removeprefix("/db/")
        return self._gate.store / path.lstrip("/")

    def _client(self, folder: Path, proxy: str, chosen: list[BuiltModule]) -> None:
        environment = {"GOMAXPROCS": "2"}
        client = GoClient(self._go, folder, proxy, self._database.key, environment)
        client.module({built.path: built.version for built in chosen})
        if self._command(client, "mod", "download"):
            self._compare(client, chosen)
            self._command(client, "mod", "verify")
        self._command(client, "list", "-m", "-versions", chosen[0].path)
        shutil.rmtree(folder)

    def _command(self, client: GoClient, *arguments: str) -> bool:
        """Run until it succeeds, at most TRIES times."""
        figures, said = self._figures, ""
        for attempt in range(TRIES):
            began = time.monotonic()
            done = client.run(*arguments, check=False)
            took = time.monotonic() - began
            said = done.stderr
            with self._lock:
                figures.seconds.setdefault(" ".join(arguments[:2]), []).append(took)
                if attempt == 0:
                    figures.commands += 1
                    figures.at_once += done.returncode == 0
                if any(word in said for word in TAMPERED):
                    figures.mismatches.append(said[-500:])
                if done.returncode == 0:
                    return True
                figures.reasons[_reason(said)] += 1
            time.sleep(PAUSE)
        with self._lock:
            figures.gave_up.append(f"go {' '.join(arguments)}: {said[-500:]}")
        return False

    def _compare(self, client: GoClient, chosen: list[BuiltModule]) -> None:
        cache = client.modcache / "cache/download"
        wrong = []
        for built in chosen:
            file = cache / built.url("ziphash").lstrip("/")
            if not file.is_file() or file.read_text(encoding="ascii").strip() != built.h1:
                wrong.append(built.url("zip"))
            kept = cache / built.url("mod").lstrip("/")
            if kept.read_bytes() != built.mod:
                wrong.append(built.url("mod"))
        with self._lock:
            self._figures.checked += len(chosen)
            self._figures.mismatches += wrong

    def _sample(self) -> Sample:
        fresh = self._figures.rounds <= self._plan.rounds
        return Sample(self._life, _resident(self._gate), _descriptors(self._gate), fresh)

    def _settle(self) -> None:
        """Connections to the upstream are kept for a while: wait for those to go that will."""
        ends = time.monotonic() + self._plan.settle
        figures = self._figures
        figures.idle = _descriptors(self._gate)
        while figures.idle > figures.unused and time.monotonic() < ends:
            time.sleep(0.5)
            figures.idle = min(figures.idle, _descriptors(self._gate))

    def _count(self) -> None:
        """Weigh what the upstream counted."""
        figures, counts, broken = self._figures, self._upstream.counts(), self._upstream.broken()
        figures.answers = sum(gets for gets, _, _ in counts.values())
        figures.broken_answers = sum(broken.values())
        for path, (gets, _, _) in counts.items():
            if path.endswith(("/@v/list", "/@latest", "/db/latest")):
                continue
            excused = broken.get(path, 0), self._cut[path]
            figures.objects += 1
            figures.gets += gets
            figures.broken += excused[0]
            figures.cut += excused[1]
            if gets - sum(excused) > 1:
                figures.unexplained[path] = f"{gets} GETs, {excused[0]} broken, {excused[1]} cut"


def _resident(gate: Gate) -> int:
    """KiB; 0 on a system without /proc."""
    status = Path(f"/proc/{gate.pid}/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _descriptors(gate: Gate) -> int:
    """How many are open; 0 on a system without /proc."""
    folder = Path(f"/proc/{gate.pid}/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def _reason(said: str) -> str:
    for sign, name in (
        ("connection refused", "refused"),
        ("connection reset", "reset"),
        ("unexpected EOF", "cut body"),
        (": EOF", "closed"),
        ("502 ", "502"),
        ("503 ", "503"),
        ("504 ", "504"),
    ):
        if sign in said:
            return name
    return said.strip()[-80:]
