"""Zips and go.mod files, mutated at random, judged by us and by x/mod itself; and the vectors made anew."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.gomod import module, modzip
from tests.gomod.test_modfile_vectors import judged
from tests.gomod.vector_data import VECTORS, tables
from tests.gomod.zip_cases import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VERSION = module.check("example.com/m", "v1.0.0")


@contextmanager
def _reference(go_command: str, command: str) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """A long-running Go process that answers one JSON line with one."""
    with subprocess.Popen(
        [go_command, "run", f"./cmd/{command}", "-answer"],
        cwd=VECTORS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(call: dict[str, Any]) -> dict[str, Any]:
            stdin.write(json.dumps(call) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        yield ask
        stdin.close()


def _mutated(data: bytes, rng: random.Random, alphabet: bytes) -> bytes:
    text = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(4):
            case 0:
                text[at : at + 1] = bytes([rng.choice(alphabet)])
            case 1:
                text[at : at + rng.randrange(1, 4)] = b""
            case 2:
                end = rng.randrange(at, min(at + 12, len(text)) + 1)
                text[at:at] = text[at:end]
            case _ if at < len(text):
                text[at] ^= 1 << rng.randrange(8)
    return bytes(text)


@pytest.mark.long
@pytest.mark.go
@pytest.mark.timeout(1800)
def test_mutated_zips_are_never_taken_where_go_refuses_them(go_command: str) -> None:
    rng = random.Random(20)
    seeds = [case.data for case in CASES.values() if len(case.data) < 5000]
    taken = 0
    with _reference(go_command, "zip") as ask:
        for _ in range(int(os.environ.get("MODGATE_FUZZ", "20000"))):
            data = _mutated(rng.choice(seeds), rng, bytes(range(256)))
            try:
                facts = modzip.check_zip(VERSION, io.BytesIO(data))
            except (Invalid, Unavailable):
                continue
            taken += 1
            call = {"path": VERSION.path, "version": VERSION.version, "zip": base64.b64encode(data).decode()}
            assert ask(call) == {"h1": facts.h1}, data
    assert taken > 0


def _comparable(value: object) -> str:
    """Runs of U+FFFD shrink to one: Go writes one for each byte, Python one for each broken sequence."""
    text = json.dumps(value, sort_keys=True)
    while "\\ufffd\\ufffd" in text:
        text = text.replace("\\ufffd\\ufffd", "\\ufffd")
    return text


@pytest.mark.long
@pytest.mark.go
@pytest.mark.timeout(1800)
def test_mutated_go_mod_files_mean_the_same_to_go(go_command: str) -> None:
    rng = random.Random(21)
    seeds = [
        case["text"].encode("utf-8", "surrogateescape")
        for name, table in tables("modfile.json").items()
        if name != "legacy_go_mod"
        for row in table["cases"]
        for case in row
    ]
    alphabet = b"()[],\"`\\/ \t\r\n\n\n=>v1.0-+aA\x00\xff\xc3\xa9'*"
    with _reference(go_command, "modfile") as ask:
        for _ in range(int(os.environ.get("MODGATE_FUZZ", "20000"))):
            data = _mutated(rng.choice(seeds), rng, alphabet)
            theirs = ask({"data": base64.b64encode(data).decode()})
            assert _comparable(judged(data)) == _comparable(theirs), data


@pytest.mark.go
@pytest.mark.parametrize(
    ("command", "out", "files"),
    [("modfile", "modfile.json", ["modfile.json"]), ("zip", "", ["zip.json", "dirhash.json"])],
)
def test_the_vectors_are_what_x_mod_answers_today(
    go_command: str, tmp_path: Path, command: str, out: str, files: list[str]
) -> None:
    subprocess.run(
        [go_command, "run", f"./cmd/{command}", "-out", str(tmp_path / out)],
        cwd=VECTORS,
        check=True,
        capture_output=True,
    )
    for file in files:
        assert (tmp_path / file).read_bytes() == (VECTORS / "data" / file).read_bytes()
