"""What the mirror serves is what a user of the Go database expects to find there."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from modgate.feeds.advisories import ratings
from modgate.feeds.advisories.mirror import Mirror, last_fix
from modgate.feeds.advisories.pack import PackWriter
from modgate.model.advisory import Block, Event
from modgate.policy.advisories import AdvisoryIndex
from tests.feeds.advisories.site import entry

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "modified": "2024-05-01T00:00:00Z",
    "aliases": ["CVE-2030-1"],
    "summary": "of GitHub alone",
    "affected": [
        {
            "package": {"name": "example.com/hub", "ecosystem": "Go"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"last_affected": "1.2.3"}]}],
            "versions": ["2.0.0"],
        },
        {"package": {"name": "hub", "ecosystem": "npm"}, "ranges": []},
    ],
}
DOUBLE = {**GITHUB, "id": "GHSA-dddd-eeee-ffff", "aliases": ["CVE-2024-0001"]}


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    sources = {"go": [entry(1), entry(2, fixed="2.0.0")], "osv": [entry(1, fixed="9.9.9"), GITHUB]}
    sources["osv"].append({**DOUBLE, "affected": entry(1)["affected"]})
    packs, advisories = {}, []
    for name, entries in sources.items():
        with PackWriter(tmp_path, f"{name}.pack", name) as writer:
            for each in entries:
                data = json.dumps(each).encode()
                writer.add(each["id"], data)
                advisories.append(ratings.parse(data, source=name))
            packs[name] = writer.finish(0.0)
    return Mirror(AdvisoryIndex(advisories).advisories, packs, 1_700_000_000.0)


def read(mirror: Mirror, name: str) -> Any:
    found, zipped = mirror.document(f"{name}.json"), mirror.document(f"{name}.json.gz")
    assert found is not None
    assert zipped is not None
    assert gzip.decompress(zipped.body) == found.body
    assert found.etag != zipped.etag
    return json.loads(found.body)


def test_entries_of_go_are_served_as_they_came_from_the_first_that_has_them(mirror: Mirror) -> None:
    assert read(mirror, "ID/GO-2024-0001") == entry(1)


def test_an_entry_of_another_database_is_there_where_go_has_none_and_in_its_form(mirror: Mirror) -> None:
    assert [each["id"] for each in read(mirror, "index/vulns")] == [
        "GHSA-aaaa-bbbb-cccc",
        "GO-2024-0001",
        "GO-2024-0002",
    ]
    assert mirror.document("ID/GHSA-dddd-eeee-ffff.json") is None
    assert read(mirror, "ID/GHSA-aaaa-bbbb-cccc")["affected"] == [
        {
            "package": {"name": "example.com/hub", "ecosystem": "Go"},
            "ranges": [
                {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.4-0"}]},
                {"type": "SEMVER", "events": [{"introduced": "2.0.0"}, {"fixed": "2.0.1-0"}]},
            ],
            "ecosystem_specific": {},
        }
    ]


def test_the_index_of_modules_says_from_which_version_on_nothing_is_affected(mirror: Mirror) -> None:
    modules = {each["path"]: each["vulns"] for each in read(mirror, "index/modules")}
    assert [vuln["fixed"] for vuln in modules["example.com/hub"]] == ["2.0.1-0"]
    assert [vuln["fixed"] for vuln in modules["example.com/m2"]] == ["2.0.0"]
    assert list(modules) == sorted(modules)


def test_the_database_says_when_its_content_changed_here(mirror: Mirror) -> None:
    assert read(mirror, "index/db") == {"modified": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize("name", ["ID/nope.json", "ID/GO-2024-0001", "index/other.json", "ID/../x.json", ""])
def test_what_is_not_there_is_not_there(mirror: Mirror, name: str) -> None:
    assert mirror.document(name) is None


@pytest.mark.parametrize(
    ("events", "fixed"),
    [
        ("introduced 0, fixed 1.2.3", "1.2.3"),
        ("introduced 0", ""),
        ("introduced 0, fixed 1.2.3, introduced 2.0.0", ""),
        ("introduced 2.0.0, fixed 2.1.0, introduced 0, fixed 1.5.0", "2.1.0"),
        ("introduced 0, last_affected 1.2.3", "1.2.4-0"),
    ],
)
def test_the_last_fix(events: str, fixed: str) -> None:
    parsed = tuple(Event(*each.split()) for each in events.split(", "))
    assert last_fix([Block("x.y/z", parsed)]) == fixed
    assert last_fix([Block("x.y/z", parsed), Block("x.y/z", (Event("introduced", "3.0.0"),))]) == ""
