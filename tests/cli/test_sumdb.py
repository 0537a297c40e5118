"""`modgate sumdb` as a person calls it: keys, audits of good and bad logs, copies for work offline."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.sumdb.note import new_signer, new_verifier
from modgate.wiring.sumdb import make_key
from tests.e2e.test_sumdb_go import download
from tests.support.modules import World
from tests.support.sumdb_server import Reply, TestDatabase, serve

if TYPE_CHECKING:
    from pathlib import Path

H1 = "h1:" + "A" * 43 + "="


def run(folder: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "http://127.0.0.1:1",
        **environ,
    }
    return subprocess.run(
        [sys.executable, "-m", "modgate", "sumdb", *args],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def database(records: int = 600) -> TestDatabase:
    db = TestDatabase()
    for number in range(records):
        db.add(f"corp.example/m{number}", "v1.0.0", H1, H1)
    return db


def test_a_key_is_written_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "log.key"
    done = run(tmp_path, "keygen", "sum.corp.example", "--out", str(file))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().strip()
    assert new_signer(secret).name == "sum.corp.example"
    assert secret not in done.stdout + done.stderr
    assert secret.rpartition("+")[2] not in done.stdout + done.stderr
    shown = next(line for line in done.stdout.splitlines() if "GOSUMDB=" in line).partition("GOSUMDB=")[2]
    assert new_verifier(shown).key_hash == new_signer(secret).key_hash
    again = run(tmp_path, "keygen", "sum.corp.example", "--out", str(file))
    assert again.returncode == 2
    assert "never overwritten" in again.stderr
    assert file.read_text().strip() == secret


def test_a_key_that_cannot_be_written_whole_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        make_key("sum.corp.example", tmp_path / "log.key")
    assert not (tmp_path / "log.key").exists()


def test_without_a_file_the_private_key_alone_is_on_standard_output(tmp_path: Path) -> None:
    done = run(tmp_path, "keygen", "sum.corp.example/team")
    assert done.returncode == 0
    assert done.stdout.startswith("PRIVATE+KEY+sum.corp.example/team+")
    assert len(done.stdout.splitlines()) == 1
    assert "GOSUMDB=sum.corp.example/team+" in done.stderr


@pytest.mark.parametrize(
    "name",
    ["corp", "../x.y", "a b.example", "sum+x.example", "https://sum.example", "", "sum.golang.org"],
)
def test_a_name_that_is_no_host_gets_no_key(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "keygen", name)
    assert done.returncode == 2
    assert "PRIVATE" not in done.stdout
    assert "sum.corp.example" in done.stderr


def test_an_audit_reads_every_record_and_remembers_the_head(tmp_path: Path) -> None:
    db = database()
    with serve(db) as served:
        first = run(tmp_path, "verify", served.url, "--key", db.verifier_key)
        assert first.returncode == 0, first.stderr
        assert "all 600 records" in first.stdout
        assert "no head was seen before" in first.stdout
        db.add("corp.example/new", "v1.0.0", H1, H1)
        second = run(tmp_path, "verify", served.proxy_url, "--key", db.verifier_key, "--json")
        found = json.loads(second.stdout)
    assert second.returncode == 0, second.stderr
    assert (found["previous"], found["size"], found["checked"], found["whole"]) == (600, 601, 601, True)


def test_a_log_that_went_back_or_forked_is_told_from_one_that_grew(tmp_path: Path) -> None:
    db = database(300)
    with serve(db) as served:
        assert run(tmp_path, "verify", served.url, "--key", db.verifier_key).returncode == 0
    with serve(db.fork(200)) as served:
        back = run(tmp_path, "verify", served.url, "--key", db.verifier_key)
    assert back.returncode == 1
    assert "went back" in back.stderr
    assert f"The head seen before is in {tmp_path}" in back.stderr
    fork = db.fork(200)
    for number in range(150):
        fork.add(f"evil.example/m{number}", "v1.0.0", H1, H1)
    same = db.fork(299)
    same.add("evil.example/m", "v1.0.0", H1, H1)
    with serve(same) as served:
        assert "SECURITY ERROR" in run(tmp_path, "verify", served.url, "--key", db.verifier_key).stderr
    with serve(fork) as served:
        forked = run(tmp_path, "verify", served.url, "--key", db.verifier_key)
        told = run(tmp_path, "verify", served.url, "--key", db.verifier_key, "--json")
    assert forked.returncode == 1
    assert "SECURITY ERROR" in forked.stderr
    assert "proof of misbehavior" in json.loads(told.stdout)["proof"]
    with serve(db) as served:
        assert run(tmp_path, "verify", served.url, "--key", db.verifier_key).returncode == 0


def test_the_head_of_a_file_is_compared_as_well(tmp_path: Path) -> None:
    db = database(300)
    (tmp_path / "note").write_bytes(db.head(100))
    (tmp_path / "bad").write_bytes(db.fork(50).head(50).replace(b"50", b"51"))
    with serve(db) as served:
        good = run(tmp_path, "verify", served.url, "--key", db.verifier_key, "--from", "note")
        bad = run(tmp_path, "verify", served.url, "--key", db.verifier_key, "--from", "bad")
    assert good.returncode == 0, good.stderr
    assert "100 records that was seen before" in good.stdout
    assert bad.returncode == 1


def test_duplicates_and_malformed_records_are_named(tmp_path: Path) -> None:
    db = database(300)
    db.add("corp.example/m7", "v1.0.0", H1, H1)
    db.add_text("corp.example/x", "v1.0.0", "corp.example/x v1.0.0 nonsense\n")
    db.add_text("corp.example/y", "v1.0.0", f"corp.example/y v1.0.0 {H1}\ncorp.example/y v1.0.0 {H1}\n")
    db.add_text("corp.example/z", "v1.0.0", f"corp.example/z v1.0.0 {H1}\ncorp.example/w v1.0.0 {H1}\n")
    db.add("corp.example/v", "v1", H1, H1)
    with serve(db) as served:
        done = run(tmp_path, "verify", served.url, "--key", db.verifier_key, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(each["kind"], each["record"]) for each in found["findings"]] == [
        ("duplicate", 300),
        *(("malformed", number) for number in range(301, 305)),
    ]


def test_a_record_that_is_not_what_was_signed_is_refused(tmp_path: Path) -> None:
    db = database(300)
    db.hooks.append(lambda _db, path, reply: _changed(path, reply, "tile/8/data/000"))
    with serve(db) as served:
        done = run(tmp_path, "verify", served.url, "--key", db.verifier_key)
    assert done.returncode == 1
    assert "record 0 is not what the signed tree holds" in done.stderr


def test_a_forged_tile_and_another_key_are_refused(tmp_path: Path) -> None:
    db = database(300)
    other = TestDatabase(seed=b"o" * 32)
    with serve(db) as served:
        assert run(tmp_path, "verify", served.url, "--key", other.verifier_key).returncode == 1
        db.hooks.append(lambda _db, path, reply: _changed(path, reply, "tile/8/0/000"))
        done = run(tmp_path, "verify", served.url, "--key", db.verifier_key)
    assert done.returncode == 1


def test_a_sample_of_a_log_is_said_to_be_one(tmp_path: Path) -> None:
    db = database(2000)
    with serve(db) as served:
        done = run(tmp_path, "verify", served.url, "--key", db.verifier_key, "--sample", "300", "--json")
        found = json.loads(done.stdout)
        none = run(tmp_path, "verify", served.url, "--key", db.verifier_key, "--sample", "0")
    assert found["whole"] is False
    assert 300 <= found["checked"] <= 512
    assert none.returncode == 0, none.stderr
    assert "0 of 2000 records" in none.stdout


def test_a_log_that_cannot_be_read_is_neither_good_nor_bad(tmp_path: Path) -> None:
    db = database(3)
    done = run(tmp_path, "verify", str(tmp_path / "nowhere"), "--key", db.verifier_key)
    assert done.returncode == 2
    done = run(tmp_path, "verify", str(tmp_path), "--key", db.verifier_key)
    assert done.returncode == 2
    assert f"there is no checksum log {db.name} here" in done.stderr
    db.hooks.append(lambda _db, path, reply: Reply(b"no", 404) if "/data/" in path else reply)
    with serve(db) as served:
        without = run(tmp_path, "verify", served.url, "--key", db.verifier_key)
    assert without.returncode == 2
    assert "does not give tile/8/data" in without.stderr


def _changed(path: str, reply: Reply, which: str) -> Reply:
    if path == which:
        reply.body = reply.body.replace(b"m0 ", b"m0X ") if b"m0 " in reply.body else b"x" * len(reply.body)
    return reply


# --- mirror


@pytest.fixture
def modules(tmp_path: Path) -> World:
    world = World(tmp_path / "modules")
    for number in range(4):
        world.add(f"example.com/Pack{number}", "v1.2.0")
    world.finish()
    return world


def _logged(modules: World) -> TestDatabase:
    db = TestDatabase()
    db.add_filler(500)
    for (path, version), built in modules.modules.items():
        db.add(path, version, built.h1, built.mod_h1)
        db.add_filler(100)
    return db


def _go_sum(folder: Path, modules: World) -> Path:
    lines = []
    for (path, version), built in modules.modules.items():
        lines += [f"{path} {version} {built.h1}", f"{path} {version}/go.mod {built.mod_h1}"]
    (folder / "go.sum").write_text("\n".join(lines) + "\n")
    return folder / "go.sum"


@pytest.mark.go
async def test_a_copy_lets_the_real_go_verify_with_no_network(
    go_command: str, tmp_path: Path, modules: World
) -> None:
    db = _logged(modules)
    file = _go_sum(tmp_path, modules)
    with serve(db) as served:
        done = await asyncio.to_thread(
            run,
            tmp_path / "h",
            "mirror",
            str(file),
            "--to",
            "../copy",
            "--sumdb",
            served.gosumdb,
        )
    assert done.returncode == 0, done.stderr
    assert "4 versions" in done.stdout
    assert f"GOPROXY={(tmp_path / 'copy').as_uri()} " in done.stdout
    chain = f"{(tmp_path / 'copy').as_uri()},{modules.root.as_uri()}"
    keys = list(modules.modules)
    for number, order in enumerate((keys, keys[::-1])):
        result = await download(go_command, tmp_path / f"c{number}", chain, db.verifier_key, order)
        assert result.returncode == 0, result.stderr
    # Without the copy there is nobody to ask.
    result = await download(go_command, tmp_path / "c9", modules.root.as_uri(), db.verifier_key, keys[:1])
    assert result.returncode != 0


def test_a_copy_can_be_added_to_and_audited_for_its_head(tmp_path: Path, modules: World) -> None:
    db = _logged(modules)
    mod = tmp_path / "go.mod"
    mod.write_text("module x.example/y\n\nrequire example.com/Pack0 v1.2.0\n")
    with serve(db) as served:
        args = ("--to", str(tmp_path / "copy"), "--sumdb", db.verifier_key, "--from", served.proxy_url)
        first = run(tmp_path, "mirror", str(mod), *args, "--json")
        db.add_filler(300)
        second = run(tmp_path, "mirror", str(_go_sum(tmp_path, modules)), *args, "--json")
    assert json.loads(first.stdout)["copied"] == 1, first.stderr
    assert json.loads(second.stdout)["copied"] == 4, second.stderr
    audit = run(tmp_path, "verify", str(tmp_path / "copy"), "--key", db.verifier_key, "--sample", "0")
    assert audit.returncode == 0, audit.stderr


def test_private_names_are_not_sent_and_unknown_ones_are_named(tmp_path: Path, modules: World) -> None:
    db = _logged(modules)
    file = _go_sum(tmp_path, modules)
    with file.open("a") as out:
        out.write(f"corp.example/secret v1.0.0 {H1}\nexample.com/nobody v1.0.0 {H1}\n")
    with serve(db) as served:
        args = ("mirror", str(file), "--to", str(tmp_path / "copy"), "--sumdb", served.gosumdb, "--json")
        done = run(tmp_path, *args, GONOSUMDB="corp.example")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["private"] == ["corp.example/secret@v1.0.0"]
    assert list(found["unknown"]) == ["example.com/nobody@v1.0.0"]
    assert not any("secret" in path for path in db.requests)


def test_what_a_database_forges_is_refused_and_not_copied(tmp_path: Path, modules: World) -> None:
    db = _logged(modules)
    db.hooks.append(lambda _db, path, reply: _changed(path, reply, "tile/8/0/001"))
    with serve(db) as served:
        done = run(
            tmp_path,
            "mirror",
            str(_go_sum(tmp_path, modules)),
            "--to",
            str(tmp_path / "c"),
            "--sumdb",
            served.gosumdb,
        )
    assert done.returncode == 1
    assert not list((tmp_path / "c").glob("sumdb/*/lookup/**/!pack0@*"))
