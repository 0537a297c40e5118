"""A real gate follows its databases, serves them on, and is asked to look now."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.feeds.advisories.site import Site, entry
from tests.support.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "govulndb.jsonl.gz"


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def gate(folder: Path, *sources: str, **more: Any) -> Gate:
    return Gate(folder, upstream="off", config={"advisories": {"sources": list(sources), **more}})


def ids(running: Gate) -> list[str]:
    reply = running.ask("/vulndb/index/vulns.json")
    return [each["id"] for each in json.loads(reply.body)] if reply.status == 200 else []


def test_a_file_in_a_folder_is_served_soon_and_after_a_restart_without_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "osv"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(entry(1)))
    with gate(tmp_path / "gate", str(folder)) as running:
        until(lambda: ids(running) == ["GO-2024-0001"])
        (folder / "two.json").write_text(json.dumps(entry(2)))
        until(lambda: ids(running) == ["GO-2024-0001", "GO-2024-0002"])
        numbers = running.ask("/metrics").text
        assert f'modgate_advisories_entries{{database="{folder}"}} 2.0' in numbers
        running.kill()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with gate(tmp_path / "gate", str(folder)) as running:
        until(lambda: ids(running) == ["GO-2024-0001", "GO-2024-0002"])


def test_the_mirror_answers_conditions_and_never_an_empty_database(tmp_path: Path) -> None:
    missing = tmp_path / "db.jsonl"
    with gate(tmp_path / "gate", str(missing)) as running:
        reply = running.ask("/vulndb/index/modules.json.gz")
        assert reply.status == 503
        missing.write_text(json.dumps(entry(1)) + "\n")
        until(lambda: bool(ids(running)))
        whole = running.ask("/vulndb/index/modules.json.gz")
        assert "content-encoding" not in whole.headers
        assert json.loads(gzip.decompress(whole.body))[0]["path"] == "example.com/m1"
        tag = whole.headers["etag"]
        assert running.ask("/vulndb/index/modules.json.gz", headers={"If-None-Match": tag}).status == 304
        since = {"If-Modified-Since": whole.headers["last-modified"]}
        assert running.ask("/vulndb/index/modules.json.gz", headers=since).status == 304
        head = running.ask("/vulndb/ID/GO-2024-0001.json.gz", method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert running.ask("/vulndb/ID/GO-2024-9999.json").status == 404
        assert running.ask("/vulndb/ID/..%2f..%2fx.json").status == 404


def test_without_databases_or_with_serving_off_nothing_is_there(tmp_path: Path) -> None:
    with gate(tmp_path / "gate") as running:
        assert running.ask("/vulndb/index/db.json").status == 404
    database = tmp_path / "db.jsonl"
    database.write_text(json.dumps(entry(1)) + "\n")
    with gate(tmp_path / "gate", str(database), serve=False) as running:
        until(lambda: "modgate_advisories_entries" in running.ask("/metrics").text)
        assert running.ask("/vulndb/index/db.json").status == 404


def test_sync_asks_the_running_server_or_looks_by_itself(tmp_path: Path) -> None:
    def sync() -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "modgate", "advisories", "sync", "--json"]
        command += ["--config", str(tmp_path / "gate" / "modgate.toml")]
        command += ["--store", str(tmp_path / "gate" / "store")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    with Site() as site:
        site.add(*(entry(number) for number in range(3)))
        with gate(tmp_path / "gate", site.url, interval=3600) as running:
            until(lambda: len(ids(running)) == 3)
            site.add(entry(9))
            status, told = sync()
            assert (status, told["results"][0]["new"]) == (0, 1)
            assert len(ids(running)) == 4
        site.add(entry(10))
        status, told = sync()
        assert (status, told["results"][0]["new"], told["entries"]) == (0, 1, 5)
        site.broken["index/db.json.gz"] = 500
        status, told = sync()
        assert (status, told["failed"], told["entries"]) == (1, 1, 5)


@pytest.mark.live
@pytest.mark.go
def test_govulncheck_finds_the_same_by_the_mirror_as_by_a_folder(go_command: str, tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip("the data of the Go vulnerability database is not at hand")
    environment = dict(os.environ, GOBIN=str(tmp_path / "bin"))
    tool = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
    made = subprocess.run([go_command, "install", tool], env=environment, capture_output=True, check=False)
    if made.returncode:
        pytest.skip("govulncheck cannot be had")
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text(
        "module example.com/m\n\ngo 1.21\n\nrequire (\n"
        "\tgolang.org/x/text v0.3.5\n\tgopkg.in/yaml.v3 v3.0.0\n)\n"
    )
    (module / "main.go").write_text(
        'package main\n\nimport (\n\t"golang.org/x/text/language"\n\t"gopkg.in/yaml.v3"\n)\n\n'
        'func main() {\n\t_, _ = language.Parse("en")\n\t_ = yaml.Unmarshal(nil, nil)\n}\n'
    )
    subprocess.run([go_command, "mod", "tidy"], cwd=module, check=True, capture_output=True)

    def found(address: str, *mode: str) -> list[str]:
        done = subprocess.run(
            [str(tmp_path / "bin" / "govulncheck"), "-db", address, "-format", "json", *mode],
            cwd=module,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        decoder, at, findings = json.JSONDecoder(), 0, []
        while at < len(done.stdout.rstrip()):
            message, at = decoder.raw_decode(done.stdout, at)
            at += len(done.stdout[at:]) - len(done.stdout[at:].lstrip())
            if "finding" in message:
                findings.append(json.dumps(message["finding"], sort_keys=True))
        return sorted(findings)

    with gate(tmp_path / "gate", str(SHARED)) as running:
        until(lambda: bool(ids(running)))
        folder = tmp_path / "db"
        (folder / "index").mkdir(parents=True)
        (folder / "ID").mkdir()
        for name in ("db", "modules", "vulns"):
            found_there = json.loads(running.ask(f"/vulndb/index/{name}.json").body)
            for each in found_there if name == "modules" else ():
                for vuln in each["vulns"]:
                    # Without it every entry is read: so a wrong one would show.
                    vuln.pop("fixed", None)
            (folder / "index" / f"{name}.json").write_text(json.dumps(found_there))
        with gzip.open(SHARED) as lines:
            for line in lines:
                (folder / "ID" / f"{json.loads(line)['id']}.json").write_bytes(line)
        for mode in (["-scan", "module"], ["./..."]):
            mirrored = found(f"{running.url}/vulndb", *mode)
            assert mirrored == found(f"file://{folder}", *mode)
            assert any("golang.org/x/text" in each for each in mirrored)
            assert len(mirrored) >= 3


def test_a_reload_follows_other_databases(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(json.dumps(entry(1)) + "\n")
    second.write_text(json.dumps(entry(2)) + "\n")
    settings = tmp_path / "gate" / "modgate.toml"
    with gate(tmp_path / "gate", str(first)) as running:
        until(lambda: ids(running) == ["GO-2024-0001"])
        settings.write_text(settings.read_text().replace(str(first), f'{first}", "{second}'))
        until(lambda: ids(running) == ["GO-2024-0001", "GO-2024-0002"])
        settings.write_text(settings.read_text().replace(f'{first}", "', ""))
        until(lambda: ids(running) == ["GO-2024-0002"])


def test_a_second_gate_reads_the_first_ones_mirror(tmp_path: Path) -> None:
    database = tmp_path / "db.jsonl"
    old = {**entry(2), "modified": "2020-01-01T00:00:00Z"}
    database.write_text(json.dumps(entry(1)) + "\n")
    with gate(tmp_path / "one", str(database)) as one:
        until(lambda: ids(one) == ["GO-2024-0001"])
        with gate(tmp_path / "two", f"{one.url}/vulndb", interval=0.5) as two:
            until(lambda: ids(two) == ["GO-2024-0001"])
            # Older than what is there: only that the first has changed tells of it.
            database.write_text("".join(json.dumps(each) + "\n" for each in (entry(1), old)))
            until(lambda: ids(two) == ["GO-2024-0001", "GO-2024-0002"])
