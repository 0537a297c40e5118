"""`modgate sums` as a person and a CI job use it: its formats, its files, its exit status."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from modgate.cli import FAILED, USAGE, main
from modgate.client.sums.sarif import RULES
from tests.client.sums.lab import GOOD, NEVER, PRIVATE, SMALL, WRONG, both, database, h1, planted
from tests.support.modules import World
from tests.support.sumdb_server import TestDatabase, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.sumdb_server import Served


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "GOFLAGS",
        "GONOSUMDB",
        "GONOPROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOENV", "off")
    monkeypatch.setenv("GOPRIVATE", "*.corp.example")
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "C")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve(database(SMALL)) as found:
        monkeypatch.setenv("GOSUMDB", found.gosumdb)
        yield found


def _write(folder: Path, text: str, name: str = "go.sum") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def _json(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    capsys.readouterr()
    main(["sums", *args, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


GOOD_LINES = "\n".join(both(GOOD)) + "\n"


@pytest.mark.parametrize(
    ("text", "plain", "strict"),
    [
        (GOOD_LINES, 0, 0),
        (GOOD_LINES + "\n".join(both(PRIVATE)), 0, 0),
        (GOOD_LINES + "\n".join(both(NEVER)), 0, FAILED),
        (GOOD_LINES + f"{WRONG} {h1('evil')}", FAILED, FAILED),
        (GOOD_LINES + "example.com/half v1.0.0\n", FAILED, FAILED),
        (GOOD_LINES + f"{GOOD} {h1('other')}", FAILED, FAILED),
    ],
)
def test_the_exit_status_is_for_ci(served: Served, work: Path, text: str, plain: int, strict: int) -> None:
    _write(work, text)
    assert main(["sums"]) == plain
    assert main(["sums", "--strict"]) == strict


@pytest.mark.parametrize(
    "args",
    [
        ["nowhere.sum"],
        ["--format", "xml"],
        ["--json", "--format", "csv"],
        ["--sumdb", "https://sum.golang.google.cn"],
        ["--proxy", "Direct"],
        ["--owners", "nowhere"],
        ["--output", "no/such/folder/x.json"],
    ],
)
def test_what_keeps_the_audit_from_running_is_status_two_and_no_traceback(
    served: Served, work: Path, args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, GOOD_LINES)
    assert main(["sums", *args]) == USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("modgate: ")


def test_the_text_begins_with_the_figures_and_fits_eighty_columns(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(work, planted(SMALL).text + "bad line\n")
    for language in ("en", "zh"):
        for verbose in ([], ["-v"]):
            assert main(["sums", "--lang", language, *verbose]) == FAILED
            lines = capsys.readouterr().out.splitlines()
            widths = [sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line) for line in lines]
            assert max(widths) <= 80
            assert "go.sum" in lines[0]
            assert "2" in lines[1]
    assert main(["sums"]) == FAILED
    out = capsys.readouterr().out
    assert "2 verified, 2 mismatched, 1 unverifiable, 1 private, 1 malformed lines" in out
    assert out.index("mismatch ") < out.index("example.com/never")
    assert "example.com/good" not in out


def test_json_is_one_document_with_the_whole_table(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, planted(SMALL).text)
    found = _json(capsys)
    assert found["schema"] == 1
    rows = {row["module"]: row for row in found["rows"]}
    good = rows["example.com/good"]
    assert good["h1"] == both(GOOD)[0].split()[2]
    assert good["h1_go_mod"] == both(GOOD)[1].split()[2]
    assert (good["status"], good["verified_by"]) == ("verified", "own-log")
    assert good["record"] >= 700
    assert good["verified_at"].endswith("Z")
    assert good["first_seen"].endswith("Z")
    assert rows["example.com/wrong"]["status"] == "mismatch"
    assert rows["example.com/wrong"]["wrong"][0]["recorded"] == both(WRONG)[0].split()[2]
    assert rows["example.com/never"]["cause"] == "not-found"
    assert found["summary"]["failed"] is True


def test_csv_has_a_line_a_version_and_no_cell_is_a_formula(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, planted(SMALL).text + "=HYPERLINK(1)\n")
    _write(work, "example.com =cmd|calc @team\n", "owners")
    capsys.readouterr()
    main(["sums", "--format", "csv", "--owners", "owners"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    by_module = {row["module"]: row for row in rows}
    assert by_module["example.com/good"]["status"] == "verified"
    assert by_module["example.com/good"]["owners"] == "'=cmd|calc @team"
    assert rows[-1]["cause"] == "malformed"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [
            f"{name}={value}" for name, value in attrs if name in {"src", "href"} or name[:2] == "on"
        ]


def test_the_page_is_one_file_and_strangers_text_is_escaped(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, planted(SMALL).text + "<script>alert(1)</script>\n")
    _write(work, "example.com <img/src=x> @a&b\n", "owners")
    main(["sums", "--format", "html", "--owners", "owners", "-o", "audit.html"])
    assert capsys.readouterr().out == ""
    text = (work / "audit.html").read_text(encoding="utf-8")
    parser = _Tags()
    parser.feed(text)
    assert not {"script", "img", "link", "iframe"} & set(parser.tags)
    assert parser.outside == []
    assert "@a&amp;b" in text
    assert "&lt;img/src=x&gt;" in text
    assert 'http-equiv="Content-Security-Policy"' in text


def test_sarif_points_at_the_line_with_a_rule_it_declares(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = planted(SMALL).text + "bad line\n"
    _write(work, text)
    capsys.readouterr()
    main(["sums", "--format", "sarif"])
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    lines = text.splitlines()
    found: dict[str, list[str]] = {}
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert all(result["partialFingerprints"].values())
        (place,) = result["locations"]
        physical = place["physicalLocation"]
        assert physical["artifactLocation"]["uri"] == "go.sum"
        found.setdefault(result["ruleId"], []).append(lines[physical["region"]["startLine"] - 1])
    assert found["MG-SUM-001"] == [
        f"{WRONG} {h1('evil')}",
        f"example.com/wrongmod v0.9.0/go.mod {h1('evil')}",
    ]
    assert found["MG-SUM-002"] == ["bad line"]
    assert found["MG-SUM-005"] == [both(NEVER)[0]]


def test_output_is_replaced_whole_and_its_name_says_the_format(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, GOOD_LINES)
    target = _write(work, "old", "report.json")
    target.chmod(0o640)
    assert main(["sums", "-o", "report.json"]) == 0
    assert json.loads(target.read_text(encoding="utf-8"))["summary"]["verified"] == 1
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in work.iterdir()) == ["go.sum", "report.json"]
    assert capsys.readouterr().out == ""


def test_standard_input_is_a_file_like_any_other(served: Served, work: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modgate", "sums", "-", "--json"],
        input=GOOD_LINES.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["files"] == ["stdin"]
    assert found["summary"]["verified"] == 1


def test_a_workspace_means_all_its_modules(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, "go 1.22\n\nuse (\n\t./a\n\t./b\n\t./empty\n)\n", "go.work")
    (work / "empty").mkdir()
    _write(work, GOOD_LINES, "a/go.sum")
    _write(work, f"{WRONG} {h1('evil')}\n", "b/go.sum")
    _write(work, "\n".join(both(WRONG)), "go.work.sum")
    found = _json(capsys)
    assert found["files"] == ["a/go.sum", "b/go.sum", "go.work.sum"]
    assert {row["file"] for row in found["rows"] if row["status"] == "mismatch"} == {"b/go.sum"}
    assert found["summary"]["verified"] == 2


def test_inside_of_a_module_the_go_sum_further_up_is_meant(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(work, GOOD_LINES)
    below = work / "internal" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert _json(capsys)["files"] == ["../../go.sum"]
    monkeypatch.chdir(work)
    assert main(["sums", "internal"]) == USAGE


def test_owners_come_from_the_list_and_else_from_codeowners(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / ".git").mkdir()
    _write(work, "* @everyone\n/svc/ @svc\n", ".github/CODEOWNERS")
    _write(work, "\n".join(SMALL), "svc/go.sum")
    _write(work, "example.com/good @good\n", "owners")
    rows = _json(capsys, "svc", "--owners", "owners")["rows"]
    owners = {row["module"]: row["owners"] for row in rows}
    assert owners["example.com/good"] == ["@good"]
    assert owners["example.com/wrong"] == ["@svc"]


GO_MOD = """\
module example.com/app

go 1.22

require (
\texample.com/lib v1.1.0
\texample.com/old v1.0.0 // indirect
\texample.com/gone v1.0.0
)
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestDatabase]:
    world = World(tmp_path / "world")
    world.add("example.com/lib", "v1.0.0")
    world.add("example.com/lib", "v1.1.0", time="2023-02-03T04:05:06Z")
    world.add("example.com/lib", "v1.2.0")
    world.add("example.com/lib", "v1.3.0", retract=["v1.3.0 // wrong tag", "[v1.1.0, v1.1.9] // =loses data"])
    text = b"// Deprecated: use example.com/new <img src=x>.\nmodule example.com/old\n\ngo 1.22\n"
    world.add("example.com/old", go_mod=text)
    world.finish()
    db = TestDatabase()
    db.add_filler(300)
    for built in world.modules.values():
        db.add(built.path, built.version, built.h1, built.mod_h1)
    with serve(db, modules=world.root) as found:
        monkeypatch.setenv("GOSUMDB", db.verifier_key)
        monkeypatch.setenv("GOPROXY", found.proxy_url)
        work = tmp_path / "work"
        used = [("example.com/lib", "v1.1.0"), ("example.com/old", "v1.0.0")]
        lines = [world.modules[key].record.decode() for key in used]
        lines.append(world.modules["example.com/lib", "v1.0.0"].record.decode().splitlines()[1] + "\n")
        _write(work, "".join(lines))
        _write(work, GO_MOD, "go.mod")
        yield db


def test_the_proxy_says_what_is_retracted_deprecated_and_old(
    modules: TestDatabase, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _json(capsys)
    rows = {(row["module"], row["version"]): row for row in found["rows"]}
    lib = rows["example.com/lib", "v1.1.0"]
    assert lib["retracted"] == "=loses data"
    assert (lib["newest"], lib["newer"]) == ("v1.2.0", True)
    assert lib["published"] == "2023-02-03T04:05:06Z"
    assert lib["relation"] == "direct"
    old = rows["example.com/old", "v1.0.0"]
    assert old["deprecated"] == "use example.com/new <img src=x>."
    assert (old["newer"], old["relation"]) == (False, "indirect")
    only_go_mod = rows["example.com/lib", "v1.0.0"]
    assert (only_go_mod["relation"], only_go_mod["newest"]) == ("graph", None)
    missing = [fault for fault in found["faults"] if fault["kind"] == "missing"]
    assert [(fault["file"], fault["line"]) for fault in missing] == [("go.mod", 8)]
    assert found["summary"]["verified"] == 3
    assert main(["sums"]) == 0
    assert main(["sums", "--strict"]) == FAILED


def test_what_an_author_wrote_is_escaped_on_the_page(
    modules: TestDatabase, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GO_MOD.replace(" // indirect", "")
    _write(work, text, "go.mod")
    capsys.readouterr()
    main(["sums", "--format", "html"])
    out = capsys.readouterr().out
    parser = _Tags()
    parser.feed(out)
    assert "img" not in parser.tags
    assert "use example.com/new &lt;img src=x&gt;." in out


def test_no_versions_asks_no_proxy_for_modules(
    modules: TestDatabase, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _json(capsys, "--no-versions", "--no-state")
    assert all(row["newest"] is None and row["published"] is None for row in found["rows"])
    assert found["summary"]["verified"] == 3
    assert found["summary"]["requests"] == sum(modules.requests.values())


def test_gonoproxy_keeps_names_from_the_proxy(
    modules: TestDatabase,
    work: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GONOPROXY", "example.com/lib")
    rows = {(row["module"], row["version"]): row for row in _json(capsys)["rows"]}
    assert rows["example.com/lib", "v1.1.0"]["newest"] is None
    assert rows["example.com/old", "v1.0.0"]["newest"] == "v1.0.0"


@pytest.mark.go
@pytest.mark.usefixtures("modules")
def test_a_line_that_the_graph_does_not_need_is_told(
    work: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    go_command: str,
) -> None:
    if shutil.which("go") is None:
        monkeypatch.setenv("PATH", go_command.rpartition("/")[0], prepend=":")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modcache"))
    monkeypatch.setenv("GOCACHE", str(tmp_path / "gocache"))
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    _write(work, GO_MOD.replace("\texample.com/gone v1.0.0\n", ""), "go.mod")
    assert any("go mod graph" in hint for hint in _json(capsys)["hints"])
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    subprocess.run(
        [go_command, "mod", "download", "all"], cwd=work, check=True, capture_output=True, timeout=60
    )
    before = (work / "go.sum").read_bytes()
    found = _json(capsys)
    unused = [(row["module"], row["version"]) for row in found["rows"] if row["unused"]]
    assert unused == [("example.com/lib", "v1.0.0")]
    assert found["hints"] == []
    assert (work / "go.sum").read_bytes() == before


def test_credentials_of_a_proxy_appear_nowhere(
    served: Served, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(work, GOOD_LINES)
    for form in ("text", "json", "csv", "html", "sarif"):
        main(
            [
                "sums",
                "--no-state",
                "--format",
                form,
                "--proxy",
                "http://me:hunter2@127.0.0.1:1",
                "--sumdb",
                served.gosumdb.split()[0],
            ]
        )
        told = capsys.readouterr()
        assert "hunter2" not in told.out + told.err
        assert "127.0.0.1:1" in told.out


def test_without_a_place_to_remember_the_audit_goes_on(
    served: Served,
    work: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _write(work, GOOD_LINES)
    blocked = _write(tmp_path, "a file", "blocked")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    assert main(["sums"]) == 0
    assert "1 verified" in capsys.readouterr().out


def test_no_state_leaves_nothing_behind(served: Served, work: Path, tmp_path: Path) -> None:
    _write(work, GOOD_LINES)
    assert main(["sums", "--no-state"]) == 0
    assert not (tmp_path / "state").exists()
