"""What a developer does all day, with the real go command and the checksum database on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.modules import make_zip

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage

pytestmark = pytest.mark.go
ROOT = {"example.test/root": "v1.0.0"}


def _sums(stage: Stage, *modules: tuple[str, str]) -> set[str]:
    return {line for key in modules for line in stage.world.modules[key].record.decode().splitlines()}


GRAPH = (
    ("example.test/root", "v1.0.0"),
    ("example.test/middle", "v0.3.0"),
    ("example.test/leaf", "v1.0.0"),
    ("example.test/Upper", "v0.1.0"),
)


def test_a_cold_build_verifies_and_a_warm_one_asks_the_upstream_nothing(furnished: Stage) -> None:
    gate = furnished.gate()
    first = furnished.client(gate)
    first.module(ROOT)
    first.run("mod", "tidy")
    first.run("build", "./...")
    assert first.sums() == _sums(furnished, *GRAPH)

    for path, version in GRAPH:
        assert furnished.upstream.gets(furnished.world.modules[path, version].url("zip")) == 1
    furnished.upstream.reset()
    second = furnished.client(gate)
    second.module(ROOT)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(first.work / name, second.work / name)
    second.run("build", "./...")
    second.run("mod", "verify")
    assert furnished.upstream.total() == 0


def test_a_dead_upstream_does_not_stop_those_whose_modules_are_stored(furnished: Stage) -> None:
    gate = furnished.gate()
    first = furnished.client(gate)
    first.module(ROOT)
    first.run("mod", "tidy")
    furnished.upstream.kill()

    second = furnished.client(gate)
    second.module(ROOT)
    second.run("mod", "download", "all")
    second.run("mod", "tidy")
    assert second.sums() == _sums(furnished, *GRAPH)


def test_the_store_is_a_file_proxy_with_checksums_when_the_server_is_dead(furnished: Stage) -> None:
    gate = furnished.gate()
    first = furnished.client(gate)
    first.module(ROOT)
    first.run("mod", "tidy")
    furnished.upstream.kill()
    assert gate.stop() == 0

    second = furnished.client(f"file://{gate.store}")
    second.module(ROOT)
    second.run("mod", "tidy")
    assert second.sums() == _sums(furnished, *GRAPH)


def test_get_latest_picks_the_newest_release_that_is_not_retracted(furnished: Stage) -> None:
    client = furnished.client(furnished.gate())
    client.module()
    client.run("get", "example.test/leaf@latest", "example.test/leaf/v2@latest")
    listed = client.run("list", "-m", "all").stdout.split("\n")
    assert "example.test/leaf v1.2.0" in listed
    assert "example.test/leaf/v2 v2.0.0" in listed


def test_a_retracted_version_is_served_and_named_as_retracted(furnished: Stage) -> None:
    client = furnished.client(furnished.gate())
    client.module()
    done = client.run("get", "example.test/leaf@v1.1.0")
    assert "retracted" in done.stderr
    assert "(retracted)" in client.run("list", "-m", "-u", "all").stdout


def test_list_updates_names_the_newer_versions_of_the_whole_graph(furnished: Stage) -> None:
    client = furnished.client(furnished.gate())
    client.module(ROOT)
    client.run("mod", "tidy")
    assert "example.test/leaf v1.0.0 [v1.2.0]" in client.run("list", "-m", "-u", "all").stdout


def test_list_versions_is_what_the_upstream_lists(furnished: Stage) -> None:
    client = furnished.client(furnished.gate())
    client.module()
    done = client.run("list", "-m", "-versions", "-retracted", "example.test/leaf")
    assert done.stdout.split() == ["example.test/leaf", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0-rc.1"]


@pytest.mark.parametrize("query", ["main", "abcdef123456", "latest", "upgrade"])
def test_a_branch_a_commit_and_an_untagged_latest_become_the_pseudo_version(
    furnished: Stage, query: str
) -> None:
    client = furnished.client(furnished.gate())
    client.module()
    client.run("get", f"example.test/untagged@{query}")
    found = client.run("list", "-m", "-f", "{{.Version}}", "example.test/untagged").stdout.strip()
    assert found == "v0.0.0-20240506070809-abcdef123456"


@pytest.mark.parametrize(("query", "version"), [("v1", "v1.2.0"), ("v1.0", "v1.0.0"), ("<v1.2.0", "v1.1.0")])
def test_prefix_and_comparison_queries_work_on_the_list(furnished: Stage, query: str, version: str) -> None:
    client = furnished.client(furnished.gate())
    client.module()
    done = client.run("list", "-m", "-retracted", f"example.test/leaf@{query}")
    assert done.stdout.split()[:2] == ["example.test/leaf", version]


def test_install_builds_a_command_from_outside_any_module(furnished: Stage) -> None:
    client = furnished.client(furnished.gate())
    client.run("install", "example.test/cmd/hello@latest")
    assert (client.folder / "bin/hello").is_file()


def test_download_json_carries_sum_and_version(furnished: Stage) -> None:
    client = furnished.client(furnished.gate())
    facts = json.loads(client.run("mod", "download", "-json", "example.test/Upper@v0.1.0").stdout)
    built = furnished.world.modules["example.test/Upper", "v0.1.0"]
    assert (facts["Sum"], facts["GoModSum"]) == (built.h1, built.mod_h1)


def test_a_module_that_does_not_exist_lets_go_fall_through_to_the_next_proxy(furnished: Stage) -> None:
    gate = furnished.gate()
    lonely = furnished.client(gate)
    done = lonely.run("mod", "download", "example.test/nowhere@v1.0.0", check=False)
    assert done.returncode != 0
    assert "404" in done.stderr
    client = furnished.client(f"{furnished.gate(sumdb='off').url}/cached-only,{furnished.upstream.url}")
    client.environment["GOSUMDB"] = furnished.sumdb
    client.run("mod", "download", "example.test/leaf@v1.0.0")


def test_a_broken_upstream_stops_the_chain_with_a_text(furnished: Stage) -> None:
    gate = furnished.gate()
    furnished.upstream.fault("status", "/example.test/leaf/*", status=500)
    client = furnished.client(f"{gate.url},{furnished.upstream.url}")
    furnished.upstream.reset()
    done = client.run("mod", "download", "example.test/leaf@v1.0.0", check=False)
    assert done.returncode != 0
    assert "502" in done.stderr
    assert "500" in done.stderr, "the text says what the upstream did"


def test_a_policy_refusal_of_the_upstream_reaches_the_person(furnished: Stage) -> None:
    gate = furnished.gate()
    furnished.upstream.fault(
        "status", "/example.test/leaf/*", status=403, text="leaf is banned: ask security@example.test\n"
    )
    done = furnished.client(f"{gate.url},direct").run(
        "mod", "download", "example.test/leaf@v1.0.0", check=False
    )
    assert done.returncode != 0
    assert "leaf is banned: ask security@example.test" in done.stderr


def test_a_major_without_its_suffix_becomes_incompatible(stage: Stage) -> None:
    # `@v2.0.0` of a path without /v2 is a question, not a version: the answer is v2.0.0+incompatible.
    path, version = "example.test/old", "v2.0.0+incompatible"
    built = stage.world.add(path, version, go_mod=f"module {path}\n".encode())
    bare = make_zip({f"{path}@{version}/old.go": b"package old\n"})
    stage.world.put(replace(built, zip=bare))
    stage.world.query(path, "v2.0.0", version)
    stage.seal()
    client = stage.client(stage.gate())
    client.module()
    client.run("get", f"{path}@v2.0.0")
    assert f"{path} {version}" in client.run("list", "-m", "all").stdout


def test_a_toolchain_travels_as_a_module_and_is_verified(stage: Stage) -> None:
    version = "v0.0.1-go1.99.0.linux-amd64"
    prefix = f"golang.org/toolchain@{version}/"
    built = stage.world.add("golang.org/toolchain", version, go_mod=b"module golang.org/toolchain\n")
    script = b"#!/bin/sh\necho this is go1.99.0\n"
    files = {"bin/go": script, "bin/gofmt": b"", "pkg/tool/x": b"", "lib/x": b"", "VERSION": b"go1.99.0\n"}
    stage.world.put(replace(built, zip=make_zip({prefix + name: data for name, data in files.items()})))
    stage.seal()
    gate = stage.gate()
    client = stage.client(gate, GOTOOLCHAIN="go1.99.0", GOOS="linux", GOARCH="amd64", GONOSUMDB="*")
    assert "this is go1.99.0" in client.run("version").stdout
    reply = gate.ask(f"/golang.org/toolchain/@v/{version}.zip")
    assert reply.headers["modgate-verified"] == "sumdb"
