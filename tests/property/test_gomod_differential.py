"""The same calls, mutated at random, to our functions and to x/mod itself."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid
from modgate.gomod import module, patterns, pseudo, semver
from tests.gomod.vector_data import VECTORS, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ALPHABET = "aAzZ019.-_~!+/@v%$ \\é\u017f\u0661*?[]^,\x00\n"


def _checked(function: Callable[[str], str]) -> Callable[[str], str]:
    def call(text: str) -> str:
        function(text)
        return ""

    return call


def _lower(value: bool) -> str:
    return str(value).lower()


def _check(path: str, version: str) -> str:
    module.check_path(path)
    if not semver.is_valid(version):
        raise Invalid("not a semantic version")
    module.check_path_major(version, module.split_path_version(path)[1])
    return ""


def _split(path: str) -> str:
    prefix, major, ok = module.split_path_version(path)
    return f"{prefix}|{major}|{_lower(ok)}"


def _time(version: str) -> str:
    return pseudo.pseudo_version_time(version).isoformat().replace("+00:00", "Z")


FUNCTIONS: dict[str, Callable[..., str]] = {
    "check": _check,
    "check_path": _checked(module.check_path),
    "check_import_path": _checked(module.check_import_path),
    "check_file_path": _checked(module.check_file_path),
    "escape_path": module.escape_path,
    "escape_version": module.escape_version,
    "unescape_path": module.unescape_path,
    "unescape_version": module.unescape_version,
    "canonical_version": module.canonical_version,
    "match_path_major": lambda v, path: _lower(
        module.match_path_major(v, module.split_path_version(path)[1])
    ),
    "split_path_version": _split,
    "match_prefix_patterns": lambda globs, target: _lower(patterns.match_prefix_patterns(globs, target)),
    "is_valid": lambda v: _lower(semver.is_valid(v)),
    "canonical": semver.canonical,
    "compare": lambda v, w: str(semver.compare(v, w)),
    "is_pseudo_version": lambda v: _lower(pseudo.is_pseudo_version(v)),
    "pseudo_version_base": pseudo.pseudo_version_base,
    "pseudo_version_rev": pseudo.pseudo_version_rev,
    "pseudo_version_time": _time,
}
_KINDS = {
    "check": "pv",
    "check_path": "p",
    "check_import_path": "p",
    "check_file_path": "p",
    "escape_path": "p",
    "unescape_path": "p",
    "split_path_version": "p",
    "match_path_major": "vp",
    "match_prefix_patterns": "gp",
    "compare": "vv",
}


def _seeds() -> dict[str, list[str]]:
    paths = [
        case["path"]
        for table in ("check", "check_path", "split", "more_paths")
        for case in tables("module.json")[table]["cases"]
    ]
    versions = [case["version"] for case in tables("semver.json")["versions"]["cases"]]
    for table in ("read", "bad_base", "decrement", "more"):
        versions += [case["version"] for case in tables("pseudo.json")[table]["cases"]]
    versions += [case["version"] for case in tables("module.json")["more_versions"]["cases"]]
    globs = [case["globs"] for table in tables("patterns.json").values() for case in table["cases"]]
    plain = {"p": paths, "v": versions, "g": globs}
    return {kind: sorted({text for text in texts if text.isprintable()}) for kind, texts in plain.items()}


def _mutated(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(("", *_ALPHABET)) + text[at + rng.randint(0, 2) :]
    return text


def _calls(seed: int, count: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(seed)
    seeds = _seeds()
    for _ in range(count):
        function = rng.choice(list(FUNCTIONS))
        kinds = _KINDS.get(function, "v")
        yield {"f": function, "args": [_mutated(rng.choice(seeds[kind]), rng) for kind in kinds]}


def _ours(call: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return {"ok": True, "value": FUNCTIONS[call["f"]](*call["args"])}
    except Invalid:
        return None


@pytest.fixture
def x_mod(go_command: str) -> None:
    known = subprocess.run(
        [go_command, "mod", "download", "golang.org/x/mod"], cwd=VECTORS, capture_output=True, check=False
    )
    if known.returncode != 0:
        pytest.skip("golang.org/x/mod is not in the module cache and cannot be fetched")


@pytest.mark.go
@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 20_000), *(pytest.param(seed, 200_000, marks=pytest.mark.long) for seed in range(2, 8))],
)
def test_random_calls_are_answered_as_x_mod_answers_them(
    go_command: str, x_mod: None, seed: int, count: int
) -> None:
    calls = list(_calls(seed, count))
    lines = "".join(json.dumps(call) + "\n" for call in calls)
    answers = subprocess.run(
        [go_command, "run", "./cmd/module", "-answer"],
        cwd=VECTORS,
        input=lines.encode(),
        capture_output=True,
        check=True,
    ).stdout.splitlines()
    assert len(answers) == len(calls)
    for call, line in zip(calls, answers, strict=True):
        theirs = json.loads(line)
        if not theirs["ok"]:
            assert _ours(call) is None, call
        elif not theirs["value"].startswith("0000-"):  # a year of Go, none of Python
            assert _ours(call) == theirs, call
