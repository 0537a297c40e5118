"""The reference: the real `govulncheck -scan module`, asked about any number of module versions at once.

A binary that it examines may be given as what its extract mode prints of one: a header and a list of modules.
So nothing need be built, and one run answers for thousands of versions, also several of one module.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["DATA", "Found", "boundary_pairs", "build", "entries", "scan", "write_database"]

DATA = Path(__file__).parents[3] / "shared" / "data" / "govulndb.jsonl.gz"
PINNED = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
_BATCH = 1500
_KEPT = (
    "schema_version",
    "id",
    "modified",
    "published",
    "withdrawn",
    "aliases",
    "affected",
    "database_specific",
)

Pair = tuple[str, str]


class Found(NamedTuple):
    """A finding: an advisory, and the version that it calls fixed (empty for none)."""

    id: str
    fixed: str


def build(go: str, folder: Path) -> Path | None:
    """Build the pinned version into `folder`; None where the machine's proxy cannot be reached."""
    environ = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [go, "install", PINNED],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return folder / "govulncheck" if done.returncode == 0 else None


def entries() -> list[dict[str, Any]]:
    """The whole database."""
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_database(folder: Path, osv: Iterable[Mapping[str, Any]]) -> str:
    """Write the layout `v1` without what no match looks at (texts, symbols); returns its GOVULNDB."""
    modules: dict[str, list[dict[str, str]]] = {}
    (folder / "ID").mkdir(parents=True)
    (folder / "index").mkdir()
    newest = "2000-01-01T00:00:00Z"
    for entry in osv:
        small = {key: entry[key] for key in _KEPT if key in entry}
        small["affected"] = [_without_symbols(each) for each in entry.get("affected", ())]
        (folder / "ID" / f"{entry['id']}.json").write_text(json.dumps(small), encoding="utf-8")
        newest = max(newest, entry["modified"])
        for path in dict.fromkeys(each["package"]["name"] for each in small["affected"]):
            modules.setdefault(path, []).append({"id": entry["id"], "modified": entry["modified"]})
    index = [{"path": path, "vulns": modules[path]} for path in sorted(modules)]
    (folder / "index" / "modules.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "index" / "db.json").write_text(json.dumps({"modified": newest}), encoding="utf-8")
    return folder.as_uri()


def _without_symbols(affected: Mapping[str, Any]) -> dict[str, Any]:
    specific = dict(affected.get("ecosystem_specific") or {})
    if "imports" in specific:
        specific["imports"] = [
            {key: value for key, value in each.items() if key != "symbols"} for each in specific["imports"]
        ]
    return {**affected, "ecosystem_specific": specific}


def scan(
    program: Path, database: str, folder: Path, pairs: Sequence[Pair], *, go: str = ""
) -> dict[Pair, set[Found]]:
    """What it finds for each pair; with `go` (such as `go1.22rc1`) also for that release, told
    under `stdlib` and the version that it makes of the name.
    """
    answers: dict[Pair, set[Found]] = {pair: set() for pair in pairs}
    for start in range(0, max(len(pairs), 1), _BATCH):
        modules = [{"Path": path, "Version": version} for path, version in pairs[start : start + _BATCH]]
        blob = folder / "modules.blob"
        header = {"name": "govulncheck-extract", "version": "0.1.0"}
        body = {"modules": modules, **({"goVersion": go} if go else {})}
        blob.write_text(f"{json.dumps(header)}\n{json.dumps(body)}\n", encoding="utf-8")
        command = [str(program), "-mode=binary", "-scan=module", "-format=json", f"-db={database}", str(blob)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        for finding in _findings(done.stdout):
            frame = finding["trace"][0]
            pair = (frame["module"], frame.get("version", ""))
            answers.setdefault(pair, set()).add(Found(finding["osv"], finding.get("fixed_version", "")))
    return answers


def _findings(printed: str) -> Iterator[dict[str, Any]]:
    # Messages are objects over several lines, each beginning with a brace at the beginning of a line.
    for message in re.split(r"\n(?=\{\n)", printed):
        if message.lstrip("{\n ").startswith('"finding"'):
            yield json.loads(message)["finding"]


_NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)(.*)")
_STAMP = re.compile(r"(.*?)(\d{14})(-[0-9a-f]{12}.*)")


def boundary_pairs(osv: Iterable[Mapping[str, Any]]) -> list[Pair]:
    """Versions at and around every event of every module: the release before and after, pre-releases and
    pseudo-versions of it, both with and without `+incompatible`, and the ends of the order.
    """
    pairs: set[Pair] = set()
    for entry in osv:
        for affected in entry["affected"]:
            path = affected["package"]["name"]
            pairs |= {(path, "v0.0.0"), (path, "v0.0.0-20200101000000-abcdefabcdef"), (path, "v999.0.0")}
            for span in affected["ranges"]:
                for event in span["events"]:
                    pairs |= {(path, near) for near in _near(next(iter(event.values())))}
    return sorted(pairs)


def _near(version: str) -> Iterator[str]:
    match = _NUMBERS.fullmatch(version)
    if match is None:
        return
    major, minor, patch, rest = int(match[1]), int(match[2]), int(match[3]), match[4]
    bare = version.removesuffix("+incompatible")
    number = f"{major}.{minor}.{patch}"
    near = [bare, number, f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0"]
    near += [f"{number}-0", f"{number}-alpha.1", f"{number}-rc.1", f"{number}-rc.10", f"{number}-zz"]
    near += [f"{number}-0.20200101000000-abcdefabcdef", f"{number}-rc.1.0.20200101000000-abcdefabcdef"]
    if patch:
        near.append(f"{major}.{minor}.{patch - 1}")
    if minor:
        near.append(f"{major}.{minor - 1}.999")
    stamp = _STAMP.fullmatch(bare)
    if rest and stamp is not None:
        near += [f"{stamp[1]}{int(stamp[2]) + step}{stamp[3]}" for step in (-1, 1)]
        near.append(f"{stamp[1]}{stamp[2]}-ffffffffffff")
    for each in near:
        yield f"v{each}"
        if major > 1:
            yield f"v{each}+incompatible"


def sample(pairs: Sequence[Pair], count: int, seed: int = 1) -> list[Pair]:
    """A reproducible choice of so many."""
    chosen = list(pairs)
    random.Random(seed).shuffle(chosen)
    return sorted(chosen[:count])
