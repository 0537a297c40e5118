"""`modgate advisories`: what is asked about files at hand, for people and for machines."""

from __future__ import annotations

import functools
import gzip
import json
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.policy.osv_entries import entry, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

M = "example.com/m"
ENTRIES = [
    entry(
        "GO-2024-0001",
        modules={M: [ranges(("introduced", "0"), ("fixed", "1.2.3"))]},
        aliases=["CVE-2024-1", "GHSA-a"],
        summary="A hole in m",
    ),
    entry("GHSA-a", modules={M: [ranges(("introduced", "0"))]}, database_specific={"severity": "MODERATE"}),
    entry(
        "GO-2024-0002",
        modules={
            M: [ranges(("introduced", "0"))],
            f"{M}/v2": [ranges(("introduced", "0"), ("fixed", "2.0.1"))],
        },
        database_specific={"review_status": "UNREVIEWED", "url": "https://pkg.go.dev/vuln/GO-2024-0002"},
    ),
    entry("GO-2024-0003", modules={"stdlib": [ranges(("introduced", "0"), ("fixed", "1.22.4"))]}),
    entry("GO-2024-0004", modules={M: [ranges(("introduced", "0"))]}, withdrawn="2024-06-01T00:00:00Z"),
]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "db.jsonl"
    path.write_bytes(b"\n".join(ENTRIES))
    return path


def _run(*args: str, lang: str = "en", stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modgate", "--lang", lang, "advisories", *args]
    environ = {"PATH": "/usr/bin:/bin", "COLUMNS": "80", "PYTHONUTF8": "1"}
    return subprocess.run(
        command, env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def _json(*args: str, status: int, stdin: str = "") -> Any:
    done = _run(*args, "--json", stdin=stdin)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_affects_prints_one_list_with_an_object_for_each_argument(db: Path) -> None:
    told = _json(
        "affects",
        f"{M}@v1.0.0",
        f"{M}@v2.0.0+incompatible",
        "stdlib@go1.22.3",
        f"{M}/v3@v3.0.0",
        "--db",
        str(db),
        status=1,
    )
    first = {
        "id": "GO-2024-0001",
        "aliases": ["CVE-2024-1", "GHSA-a"],
        "severity": "medium",
        "first_fixed": "v1.2.3",
    }
    second: dict[str, Any] = {"id": "GO-2024-0002", "aliases": [], "severity": "unknown", "first_fixed": None}
    go = {"id": "GO-2024-0003", "aliases": [], "severity": "unknown", "first_fixed": "go1.22.4"}
    assert told == [
        {"module": M, "version": "v1.0.0", "advisories": [first, second]},
        {"module": M, "version": "v2.0.0+incompatible", "advisories": [second]},
        {"module": "stdlib", "version": "go1.22.3", "advisories": [go]},
        {"module": f"{M}/v3", "version": "v3.0.0", "advisories": []},
    ]


def test_the_exit_status_says_whether_anything_is_affected(db: Path) -> None:
    assert _json("affects", f"{M}/v2@v2.0.1", "--db", str(db), status=0) == [
        {"module": f"{M}/v2", "version": "v2.0.1", "advisories": []}
    ]
    assert (
        _json("affects", f"{M}@v2.0.0", "--severity", "high", "--db", str(db), status=0)[0]["advisories"]
        == []
    )
    wanted = _json("affects", f"{M}@v1.0.0", "--severity", "low", "--db", str(db), status=1)[0]["advisories"]
    assert [each["id"] for each in wanted] == ["GO-2024-0001"]
    both = _json("affects", f"{M}@v1.0.0", "--severity", "high,unknown", "--db", str(db), status=1)
    assert [each["id"] for each in both[0]["advisories"]] == ["GO-2024-0002"]


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        (M, "names no version"),
        (f"{M}@1.0.0", f"{M}@v1.0.0"),
        (f"{M}@latest", "no version"),
        ("stdlib@tip", "no release of Go"),
        ("golang.org/toolchain@v0.0.1", "no release of Go"),
        ("Bad Path@v1.0.0", "malformed module path"),
    ],
)
def test_what_is_no_module_version_is_a_mistake_of_the_command_line(
    db: Path, argument: str, told: str
) -> None:
    done = _run("affects", argument, "--db", str(db), "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_arguments_come_from_standard_input_too_as_go_list_prints_them(db: Path) -> None:
    lines = f"example.com/main\n{M} v1.0.0 => {M} v1.2.3\n{M}/v2 v2.0.0 => ./local\n# note\n\n{M}/v2@v2.0.0\n"
    told = _json("affects", "-", "--db", str(db), stdin=lines, status=1)
    assert [(each["module"], each["version"]) for each in told] == [(M, "v1.2.3"), (f"{M}/v2", "v2.0.0")]


@pytest.mark.parametrize(
    ("lang", "words"), [("en", ("affected by 2", "no fix")), ("zh", ("受 2 个公告影响", "无修复"))]
)
def test_people_read_it_in_80_columns(db: Path, lang: str, words: tuple[str, str]) -> None:
    done = _run("affects", f"{M}@v1.0.0", "stdlib@go1.22.4", "--db", str(db), lang=lang)
    assert done.returncode == 1
    assert all(word in done.stdout for word in words)
    assert f"{M}/v2" in done.stdout
    for line in done.stdout.splitlines():
        assert sum(2 if ord(char) > 0x2E80 else 1 for char in line) <= 80, line


def test_show_finds_an_advisory_by_any_name_and_says_what_is_unknown(db: Path) -> None:
    (told,) = _json("show", "GHSA-a", "--db", str(db), status=0)
    assert (told["id"], told["severity"], told["severity_from"]) == ("GO-2024-0001", "medium", "ghsa")
    assert told["modules"][0]["events"] == [{"introduced": "0"}, {"fixed": "1.2.3"}]
    assert (told["modified"], told["withdrawn"]) == ("2024-05-20T16:03:47Z", None)
    done = _run("show", "GO-2024-0004", "GO-1", "--db", str(db))
    assert done.returncode == 1
    assert "Withdrawn" in done.stdout
    assert "GO-1 is not in" in done.stderr


def test_stats_count_what_there_is(db: Path) -> None:
    told = _json("stats", "--db", str(db), status=0)
    assert (told["entries"], told["advisories"], told["withdrawn"], told["unreviewed"]) == (5, 4, 1, 1)
    assert (told["modules"], told["ranges"], told["ranges_without_fix"]) == (3, 4, 1)
    assert told["severity"]["medium"] == 1
    assert _run("stats", "--db", str(db), lang="zh").stdout.startswith("来源")


def test_a_broken_entry_is_told_beside_the_answer_and_a_broken_file_ends_it(db: Path) -> None:
    db.write_bytes(db.read_bytes() + b'\n{"id":"GO-9","modified":"never"}')
    done = _run("affects", f"{M}/v2@v2.0.1", "--db", str(db), "--json")
    assert done.returncode == 0
    assert "1 of 6 entries" in done.stderr
    assert "GO-9" in done.stderr
    db.write_bytes(b"nothing")
    assert _run("affects", f"{M}@v1.0.0", "--db", str(db)).returncode == 2
    assert _run("affects", f"{M}@v1.0.0", "--db", f"{db}.missing").returncode == 2
    assert _run("affects", f"{M}@v1.0.0", "--db", str(db), "--severity", "huge").returncode == 2


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A database of the layout that govulncheck asks, on loopback."""
    folder = tmp_path / "vulndb"
    (folder / "ID").mkdir(parents=True)
    (folder / "index").mkdir()
    modules: dict[str, list[dict[str, str]]] = {}
    for data in ENTRIES:
        read = json.loads(data)
        (folder / "ID" / f"{read['id']}.json.gz").write_bytes(gzip.compress(data))
        for affected in read["affected"]:
            modules.setdefault(affected["package"]["name"], []).append({"id": read["id"]})
    index = [{"path": path, "vulns": vulns} for path, vulns in modules.items()]
    (folder / "index" / "modules.json.gz").write_bytes(gzip.compress(json.dumps(index).encode()))
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that it has there
        pass


def test_an_address_answers_as_its_files_do(db: Path, address: str) -> None:
    asked = (
        "affects",
        f"{M}@v1.0.0",
        "golang.org/toolchain@v0.0.1-go1.22.3.linux-amd64",
        "example.com/other@v1.0.0",
    )
    assert _json(*asked, "--db", address, status=1) == _json(*asked, "--db", str(db), status=1)
    assert _run("stats", "--db", address).returncode == 2
    assert _run("affects", f"{M}@v1.0.0", "--db", f"{address}/missing").returncode == 2


def test_without_a_database_the_next_step_is_told() -> None:
    done = _run("affects", f"{M}@v1.0.0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--db" in done.stderr
