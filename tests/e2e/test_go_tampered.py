"""An upstream that lies: go fails with the gate's text, and nothing of the lie is kept."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.modules import make_zip, noise

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate

pytestmark = pytest.mark.go
LEAF = "example.test/leaf"
ZIP = f"/{LEAF}/@v/v1.0.0.zip"
MOD = f"/{LEAF}/@v/v1.0.0.mod"


def _other_zip(padding: int = 0) -> bytes:
    prefix = f"{LEAF}@v1.0.0/"
    files = {
        prefix + "go.mod": f"module {LEAF}\n\ngo 1.21\n".encode(),
        prefix + "leaf.go": b"package leaf // bad\n",
    }
    if padding:
        files[prefix + "padding.bin"] = noise("bad", padding)
    return make_zip(files, store=True)


def _stored(gate: Gate) -> set[str]:
    assert not isinstance(gate.store, str)
    return {file.name for file in gate.store.rglob("*.zip")}


def _serve(stage: Stage, folder: Path, url: str, data: bytes) -> None:
    file = folder / "served.bytes"
    file.write_bytes(data)
    stage.upstream.fault("file", url, file=str(file))


def _download(stage: Stage, gate: Gate, *, blind: bool = False) -> str:
    client = stage.client(gate)
    if blind:
        client.sumdb = "off"
    done = client.run("mod", "download", f"{LEAF}@v1.0.0", check=False)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("padding", [0, 400_000], ids=["small", "streamed"])
def test_a_zip_the_database_disagrees_with_reaches_nobody(
    furnished: Stage, tmp_path: Path, padding: int
) -> None:
    gate = furnished.gate()
    _serve(furnished, tmp_path, ZIP, _other_zip(padding))
    blind = _download(furnished, gate, blind=True)
    assert "502" in blind or "EOF" in blind
    assert not _stored(gate)
    retry = gate.ask(ZIP)
    assert retry.status == 502
    assert LEAF in retry.text
    assert "checksum" in retry.text.lower() or "h1:" in retry.text

    furnished.upstream.heal()
    assert _right_at_last(furnished, gate)


def _right_at_last(stage: Stage, gate: Gate) -> bool:
    # The refusal is remembered for a moment (verdict_ttl), so that retries do not fetch again.
    time.sleep(0.3)
    reply = gate.ask(ZIP)
    return reply.whole and reply.body == stage.world.modules[LEAF, "v1.0.0"].zip


def test_a_go_mod_the_database_disagrees_with_is_refused(furnished: Stage, tmp_path: Path) -> None:
    gate = furnished.gate()
    _serve(furnished, tmp_path, MOD, f"module {LEAF}\n\nrequire evil.test/x v1.0.0\n".encode())
    text = _download(furnished, gate, blind=True)
    assert "502" in text
    furnished.upstream.heal()
    time.sleep(0.3)
    furnished.client(gate).run("mod", "download", f"{LEAF}@v1.0.0")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_zip_with_a_matching_length_reaches_nobody(
    furnished: Stage, tmp_path: Path, share: float
) -> None:
    gate = furnished.gate()
    data = _other_zip(400_000)
    _serve(furnished, tmp_path, ZIP, data[: int(len(data) * share)])
    _download(furnished, gate, blind=True)
    assert not _stored(gate)


def test_a_zip_whose_go_mod_differs_from_the_mod_file_is_refused(stage: Stage) -> None:
    # The database vouches for both, each for itself; together they are still a lie.
    built = stage.world.add(LEAF, "v1.0.0")
    prefix = f"{LEAF}@v1.0.0/"
    lie = make_zip({prefix + "go.mod": built.mod + b"// other\n", prefix + "leaf.go": b"package leaf\n"})
    stage.world.put(replace(built, zip=lie))
    stage.seal()
    gate = stage.gate()
    _download(stage, gate, blind=True)
    assert gate.ask(ZIP).status == 502
    assert not _stored(gate)


def test_a_version_the_database_does_not_know_is_refused_with_a_hint(stage: Stage) -> None:
    stage.world.add(LEAF)
    stage.seal(unknown=(LEAF,))
    gate = stage.gate()
    reply = gate.ask(ZIP)
    assert reply.status == 403
    assert LEAF in reply.text
    assert "exempt" in reply.text.lower() or "sumdb" in reply.text.lower()
    assert "403" in _download(stage, gate, blind=True)
    assert not _stored(gate)


def test_an_exempt_module_is_taken_on_first_sight_and_never_changes(stage: Stage, tmp_path: Path) -> None:
    stage.world.add(LEAF)
    stage.seal(unknown=(LEAF,))
    gate = stage.gate(config=stage.quick(no_sumdb=[LEAF]))
    assert gate.ask(ZIP).body == stage.world.modules[LEAF, "v1.0.0"].zip
    assert not any("lookup" in path for path in stage.upstream.counts()), "its name was sent to the database"
    assert isinstance(gate.store, type(tmp_path))
    next(gate.store.rglob("v1.0.0.zip")).unlink()
    gate.stop()

    again = stage.gate(folder=gate.store.parent, config=stage.quick(no_sumdb=[LEAF]))
    _serve(stage, tmp_path, ZIP, _other_zip())
    assert again.ask(ZIP).status == 502
    stage.upstream.heal()


def test_a_dead_database_fails_closed(furnished: Stage) -> None:
    gate = furnished.gate()
    furnished.upstream.fault("status", "/db/*", status=500)
    reply = gate.ask(ZIP)
    assert reply.status in {502, 503, 504}
    assert not _stored(gate)
    furnished.upstream.heal()
    assert _right_at_last(furnished, gate)
