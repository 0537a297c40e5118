"""The commands as processes: killed in the middle, beside a running server, without room."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from modgate.model.operations import Progress
from modgate.transport.admin import AdminClient
from tests.operations.import_scene import Scene, goproxy, modcache
from tests.support.fsck import assert_clean
from tests.support.gate import Gate
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def _options(scene: Scene) -> list[str]:
    sumdb = scene.database.spec((scene.folder / "db").as_uri())
    settings = {"store": scene.folder / "store", "upstream": "off", "sumdb": sumdb}
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def _begin(scene: Scene, *arguments: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODGATE_", "GO"))}
    return subprocess.Popen(
        [sys.executable, "-m", "modgate", *arguments, *_options(scene)],
        cwd=REPOSITORY,
        env={**kept, "HOME": str(scene.folder), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(scene: Scene, *arguments: str) -> tuple[int, str, str]:
    process = _begin(scene, *arguments)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def _kill_and_look(tmp_path: Path, kills: int) -> None:
    scene = Scene(tmp_path, 40, padding=120_000)
    modcache(scene, tmp_path / "there")
    for number in range(kills):
        enough = len(scene.stored()) + 1 + number * 7 % 17
        process = _begin(scene, "import", str(tmp_path / "there"))
        deadline = time.monotonic() + 60
        while process.poll() is None and len(scene.stored()) < enough and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert_clean(tmp_path / "store")
    status, out, err = _run(scene, "import", str(tmp_path / "there"), "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["imported"] + told["there"] == 40
    assert len(scene.stored()) == 120
    assert_clean(tmp_path / "store")


def test_an_import_that_is_killed_leaves_a_clean_store_and_is_gone_on_with(tmp_path: Path) -> None:
    _kill_and_look(tmp_path, 2)


@pytest.mark.long
def test_twenty_five_kills_leave_a_clean_store(tmp_path: Path) -> None:
    _kill_and_look(tmp_path, 25)


def test_a_running_server_takes_the_import_and_its_lists_name_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8)
    modcache(scene, tmp_path / "there")
    built = scene.built[1]
    sumdb = scene.database.spec((tmp_path / "db").as_uri())
    upstream = (tmp_path / "empty").as_uri()
    (tmp_path / "empty").mkdir()
    with Gate(tmp_path, upstream=upstream, sumdb=sumdb) as gate:
        listing = built.url("x").rpartition("/")[0] + "/list"
        assert gate.ask(built.url("zip")).status == 404
        assert gate.ask(listing).status == 404
        status, out, err = _run(scene, "import", str(tmp_path / "there"), "--json")
        assert status == 0, err
        assert json.loads(out)["imported"] == 8
        assert gate.ask(built.url("zip")).body == built.zip
        assert gate.ask(listing).body == scene.world.list_of(built.path)
        status, out, err = _run(scene, "export", str(tmp_path / "bundle"), "--json")
        assert status == 0, err
        assert json.loads(out)["versions"] == 8
    assert_clean(tmp_path / "store")
    assert_clean(tmp_path / "bundle")


async def test_a_client_that_goes_away_ends_its_export_and_leaves_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8, padding=6_000_000)
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    with Gate(tmp_path, upstream="off", sumdb="off"):
        client = AdminClient(socket=tmp_path / "store" / ".modgate" / "admin.sock")
        async with aclosing(client.run("export", {"target": str(tmp_path / "out.tar.gz")})) as events:
            assert isinstance(await anext(events), Progress)
            assert [path for path in tmp_path.iterdir() if "out.tar" in path.name]
        deadline = time.monotonic() + 20
        while [path for path in tmp_path.iterdir() if "out.tar" in path.name]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


def test_a_tar_file_for_which_there_is_no_room_leaves_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4, padding=300_000)
    goproxy(scene, tmp_path / "there")
    assert _run(scene, "import", str(tmp_path / "there"))[0] == 0
    command = [sys.executable, "-m", "modgate", "export", str(tmp_path / "out.tar"), *_options(scene)]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", *command],
        cwd=REPOSITORY,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert not [path for path in tmp_path.iterdir() if "out.tar" in path.name]


def test_the_commands_say_what_they_did_in_both_languages(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    place = goproxy(scene, tmp_path / "there")
    place(scene.built[0], "zip").write_bytes(b"PK")
    status, out, _ = _run(scene, "import", str(tmp_path / "there"))
    assert status == 1
    lines = out.splitlines()
    assert lines[-3:] == [
        "4 versions found",
        "  3 imported, 1.5 kB",
        "  1 refused: see above; nothing of them was changed",
    ]
    assert lines[1] == f"broken  {scene.built[0].path}@{scene.built[0].version}"
    assert max(map(len, lines[1:])) <= 80
    status, out, _ = _run(scene, "export", str(tmp_path / "bundle"), "--lang", "zh")
    assert status == 0
    assert "附带 sum.example.test 的证明" in out
    status, _, err = _run(scene, "import", str(tmp_path / "db"))
    assert status == 2
    assert "no Go modules are recognised" in err
