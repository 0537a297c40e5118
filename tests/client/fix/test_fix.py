"""`modgate fix` with the real go command, on a small world of modules served from a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from modgate.client.fix.fixing import Wish, fix
from modgate.client.fix.gocmd import Built
from modgate.policy.advisories import AdvisoryIndex
from tests.policy.osv_entries import advisory, ranges
from tests.support.advisories import entry, write_jsonl, write_v1
from tests.support.gate import GoClient
from tests.support.modules import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.go

_FIXED = (("introduced", "0"), ("fixed", "1.2.0"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A library with a fault in v1.1.0, one in between that brings it in, and one that cannot move."""
    world = World(tmp_path / "proxy")
    for version in ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"):
        world.add("example.test/lib", version)
    world.add("example.test/mid", "v1.0.0", requires={"example.test/lib": "v1.1.0"})
    world.add("example.test/mid", "v1.1.0", requires={"example.test/lib": "v1.1.0"})
    world.add("example.test/stuck", "v1.0.0")
    world.add("example.test/stuck/v2", "v2.0.0", package="stuck")
    return world.finish()


def _client(go_command: str, tmp_path: Path, world: World) -> GoClient:
    return GoClient(go_command, tmp_path / "dev", world.root.as_uri())


def _fix(client: GoClient, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = client._environment() | environment
    return subprocess.run(
        [sys.executable, "-m", "modgate", "fix", *words],
        cwd=client.work,
        env={**os.environ, **known, "MODGATE_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_module_moves_to_the_first_fixed_version_and_builds(
    go_command: str, tmp_path: Path, world: World
) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    done = _fix(client, "--db", str(db), "--build")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "example.test/lib  v1.1.0 -> v1.2.0" in done.stdout
    assert "+require example.test/lib v1.2.0" in done.stdout
    assert "example.test/lib v1.2.0" in (client.work / "go.mod").read_text()
    client.run("build", "-mod=readonly", "-o", os.devnull, "./...")
    assert _fix(client, "--db", str(db)).stdout.count("\n") == 1, "nothing is left to say"


def test_a_dry_run_writes_nothing(go_command: str, tmp_path: Path, world: World) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    before = {file.name: file.read_bytes() for file in client.work.iterdir()}
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    told = _json(_fix(client, "--db", str(db), "--dry-run", "--json"))
    assert [move["after"] for move in told["moves"]] == ["v1.2.0"]
    assert told["written"] is False
    assert "+require example.test/lib v1.2.0" in told["diff"]
    assert {file.name: file.read_bytes() for file in client.work.iterdir()} == before


def test_an_indirect_module_moves_and_go_sum_gains_only_what_it_needs(
    go_command: str, tmp_path: Path, world: World
) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/mid": "v1.0.0"})
    client.run("mod", "tidy")
    before = client.sums()
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    told = _json(_fix(client, "--db", str(db), "--json"))
    assert told["moves"] == [
        {
            "module": "example.test/lib",
            "before": "v1.1.0",
            "after": "v1.2.0",
            "advisories": ["GO-2026-0001"],
            "indirect": True,
        }
    ]
    assert {line.split()[0] for line in client.sums() - before} == {"example.test/lib"}
    assert "example.test/mid v1.0.0" in (client.work / "go.mod").read_text()


def test_a_fix_that_is_affected_itself_is_passed_over(go_command: str, tmp_path: Path, world: World) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    second = entry("GO-2026-0002", "example.test/lib", ("introduced", "1.2.0"), ("fixed", "1.3.0"))
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED), second)
    assert [move["after"] for move in _json(_fix(client, "--db", str(db), "--json"))["moves"]] == ["v1.3.0"]


def test_only_the_advisory_that_is_named_by_its_alias(go_command: str, tmp_path: Path, world: World) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0", "example.test/stuck": "v1.0.0"})
    client.run("mod", "tidy")
    db = write_jsonl(
        tmp_path / "db.jsonl",
        entry("GO-2026-0001", "example.test/lib", *_FIXED, aliases=["CVE-2026-1"]),
        entry("GO-2026-0003", "example.test/stuck", ("introduced", "0")),
    )
    done = _fix(client, "--db", str(db), "--json", "--advisory", "CVE-2026-1")
    assert (done.returncode, _json(done)["left"]) == (0, [])


def test_what_cannot_move_is_explained(go_command: str, tmp_path: Path, world: World) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/stuck": "v1.0.0", "example.test/lib": "v1.1.0"})
    with (client.work / "go.mod").open("a") as file:
        file.write("replace example.test/lib => example.test/lib v1.0.0\n")
    client.run("mod", "tidy")
    db = write_jsonl(
        tmp_path / "db.jsonl",
        entry("GO-2026-0001", "example.test/lib", *_FIXED),
        entry(
            "GO-2026-0003",
            "example.test/stuck",
            ("introduced", "0"),
            more=[("example.test/stuck/v2", [("introduced", "0"), ("fixed", "2.0.0")])],
        ),
    )
    done = _fix(client, "--db", str(db), "--json")
    left = {each["module"]: (each["why"], each["words"]) for each in _json(done)["left"]}
    assert done.returncode == 1
    assert left == {
        "example.test/stuck": ("major", "example.test/stuck/v2@v2.0.0"),
        "example.test/lib": ("replaced", "example.test/lib v1.0.0"),
    }


def test_a_build_that_fails_writes_nothing(go_command: str, tmp_path: Path, world: World) -> None:
    world.add("example.test/lib", "v1.2.0", files={"lib.go": b"package lib\n"})
    client = _client(go_command, tmp_path, world.finish())
    client.module({"example.test/lib": "v1.1.0"})
    (client.work / "use.go").write_text(
        'package main\n\nimport "example.test/lib"\n\nvar _ = lib.Version\n', encoding="utf-8"
    )
    client.run("mod", "tidy")
    before = (client.work / "go.mod").read_bytes()
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    done = _fix(client, "--db", str(db), "--build")
    assert done.returncode == 1
    assert "undefined: lib.Version" in done.stdout
    assert (client.work / "go.mod").read_bytes() == before


def test_the_entries_of_the_build_are_asked_of_a_database(
    go_command: str, tmp_path: Path, world: World, database: tuple[str, list[str]]
) -> None:
    address, asked = database
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    told = _json(_fix(client, "--db", address, "--json"))
    assert [move["after"] for move in told["moves"]] == ["v1.2.0"]
    assert not [path for path in asked if "0009" in path], "what concerns others is nobody's business here"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    folder = write_v1(
        tmp_path / "v1",
        entry("GO-2026-0001", "example.test/lib", *_FIXED),
        entry("GO-2026-0009", "example.test/other", ("introduced", "0")),
    )
    asked: list[str] = []

    class _Files(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_args: Any) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--db", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["--db", "http://127.0.0.1:9/db"], "127.0.0.1:9"),
        (["nofolder"], "there is no go.mod"),
    ],
)
def test_what_cannot_be_tried_is_told(
    go_command: str, tmp_path: Path, world: World, words: list[str], told: str
) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    done = _fix(client, *words)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_go_mod_with_other_bytes_than_utf_8_is_written_whole_or_left(
    go_command: str, tmp_path: Path, world: World
) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    go_mod = client.work / "go.mod"
    go_mod.write_bytes(b"// caf\xe9\n" + go_mod.read_bytes())
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    done = _fix(client, "--db", str(db))
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert b"caf\xe9" in go_mod.read_bytes()
    assert b"lib v1.2.0" in go_mod.read_bytes()


def test_the_name_of_an_advisory_is_known_in_any_case(go_command: str, tmp_path: Path, world: World) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    told = _json(_fix(client, "--db", str(db), "--advisory", "go-2026-0001", "--dry-run", "--json"))
    assert [move["after"] for move in told["moves"]] == ["v1.2.0"]


async def test_what_would_still_move_when_patience_ends_is_left_and_no_success() -> None:
    class Unmoved:
        copy = None
        rounds = 0

        async def modules(self) -> list[Built]:
            return [Built({"Path": "example.test/lib", "Version": "v1.1.0"})]

        def required(self) -> None:
            return None

        async def versions(self, paths: list[str]) -> dict[str, tuple[str, ...]]:
            return dict.fromkeys(paths, ("v1.2.0",))

        def content(self, _name: str) -> bytes:
            return b""

        async def get(self, _wanted: list[str]) -> str:
            return ""

    index = AdvisoryIndex([advisory(modules={"example.test/lib": [ranges(*_FIXED)]})])

    async def known(_paths: object) -> AdvisoryIndex:
        return index

    outcome = await fix(Unmoved(), Wish(), known)  # type: ignore[arg-type]  # the part that is asked
    assert [(left.path, left.why) for left in outcome.left] == [("example.test/lib", "refused")]
    assert outcome.moves == []


def test_a_vendor_folder_that_no_longer_fits_is_told(go_command: str, tmp_path: Path, world: World) -> None:
    client = _client(go_command, tmp_path, world)
    client.module({"example.test/lib": "v1.1.0"})
    client.run("mod", "tidy")
    client.run("mod", "vendor")
    db = write_jsonl(tmp_path / "db.jsonl", entry("GO-2026-0001", "example.test/lib", *_FIXED))
    assert "go mod vendor" not in _fix(client, "--db", str(db), "--dry-run").stdout
    assert "go mod vendor" in _fix(client, "--db", str(db)).stdout
