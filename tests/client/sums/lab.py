"""A go.sum with planted faults, the database that knows the truth, and ways to it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.static_sumdb import StaticDatabase, filler
from tests.support.sumdb_server import Reply, TestDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.sumdb_server import Hook

APP = Path(__file__).parents[4] / "shared" / "data" / "app"
NEVER = "example.com/never v1.0.0"
BROKEN = "example.com/broken v1.2.0"
PRIVATE = "git.corp.example/team/lib v0.3.0"
GOOD = "example.com/good v1.1.0"
WRONG = "example.com/wrong v1.4.0"
WRONG_MOD = "example.com/wrongmod v0.9.0"


def h1(seed: object) -> str:
    return "h1:" + base64.b64encode(str(seed).encode().ljust(32, b".")[:32]).decode()


def both(version: str, seed: str = "") -> list[str]:
    """The two lines of `path version`."""
    seed = seed or version
    return [f"{version} {h1('zip ' + seed)}", f"{version}/go.mod {h1('mod ' + seed)}"]


SMALL = [line for version in (GOOD, WRONG, WRONG_MOD, BROKEN) for line in both(version)]


@dataclass(slots=True)
class Planted:
    """A go.sum as it stands, and how many versions of it are good."""

    text: str
    good: int


def truth() -> list[str]:
    """The true lines: the real application's where it is at hand, and a small set always."""
    real = (APP / "go.sum").read_text(encoding="utf-8").splitlines() if APP.exists() else []
    return [*real, *SMALL]


def planted(lines: Iterable[str]) -> Planted:
    """The true lines with a wrong zip, a wrong go.mod, an unknown version and a private one among them."""
    kept = [line for line in lines if not line.startswith(("example.com/wrong ", "example.com/wrongmod "))]
    versions = {(line.split()[0], line.split()[1].removesuffix("/go.mod")) for line in kept}
    wrong = [f"{WRONG} {h1('evil')}", both(WRONG)[1], both(WRONG_MOD)[0], f"{WRONG_MOD}/go.mod {h1('evil')}"]
    text = "\n".join([*kept, *wrong, *both(NEVER), *both(PRIVATE)]) + "\n"
    return Planted(text, len(versions) - 1)


def database(lines: Iterable[str], *, before: int = 700) -> TestDatabase:
    """A signed log of the lines; asked for BROKEN it fails."""
    db = TestDatabase()
    db.add_filler(before)
    db.add_go_sum(lines)
    return db


def fails(path: str, reply: Reply) -> Hook:
    """A hook that answers one look-up with something else."""

    def hook(_db: TestDatabase, asked: str, plain: Reply) -> Reply:
        return reply if asked == path else plain

    return hook


def mirror_folder(folder: Path, lines: Iterable[str]) -> StaticDatabase:
    """The database as files in GOPROXY layout, to be used as `file://…`; it holds everything but NEVER."""
    records = filler(300)
    for line in lines:
        path, version, _ = line.split()
        key = (path, version.removesuffix("/go.mod"))
        records[key] = records.get(key, b"") + f"{line}\n".encode()
    name = "sum.example.test"
    made = StaticDatabase(folder / "sumdb" / name, records, name=name)
    (folder / "sumdb" / name / "supported").write_bytes(b"")
    return made
