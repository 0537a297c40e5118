"""Every archive and table of golang.org/x/mod/zip and sumdb/dirhash, against what x/mod answers."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import PurePosixPath
from typing import Any

import pytest

from modgate.errors import Invalid
from modgate.gomod import dirhash, module, modzip
from modgate.gomod.zippaths import is_vendored_package, str_to_fold
from tests.gomod.vector_data import cases, tables

KINDS = ["check_files", "check_dir", "check_zip", "create", "create_from_dir", "unzip"]


def _rows(table: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases("zip.json", table)]


def _entries(case: dict[str, Any]) -> list[modzip.FileEntry]:
    return [
        modzip.FileEntry.of(name, data.encode("utf-8", "surrogateescape")) for name, data in case["files"]
    ]


def _lists(checked: modzip.CheckedFiles) -> dict[str, Any]:
    return {
        "valid": [entry.path for entry in checked.valid],
        "omitted": [fault.path for fault in checked.omitted],
        "invalid": [fault.path for fault in checked.invalid],
        "size_error": bool(checked.size_error),
    }


def _wanted(case: dict[str, Any]) -> dict[str, Any]:
    return {key: case[key] for key in ("valid", "omitted", "invalid", "size_error")}


def _in_folder(case: dict[str, Any]) -> list[modzip.FileEntry]:
    """The files as they arrive in a folder: clean paths, the last one of a name wins, in walk order."""
    found = {entry.path: entry for entry in _entries(case)}
    return [found[path] for path in sorted(found, key=lambda path: PurePosixPath(path).parts)]


def test_all_54_archives_of_x_mod_are_here() -> None:
    assert sum(len(cases("zip.json", kind)) for kind in KINDS) == 54


@pytest.mark.parametrize("case", _rows("check_files"))
def test_files_are_sorted_into_valid_omitted_and_invalid_as_go_does(case: dict[str, Any]) -> None:
    assert _lists(modzip.check_files(_entries(case))) == _wanted(case)


@pytest.mark.parametrize("case", _rows("check_dir"))
def test_a_folder_is_sorted_as_go_does(case: dict[str, Any]) -> None:
    files, passed_over = modzip.list_files_in_dir(_in_folder(case))
    found = _lists(modzip.check_files(files))
    found["omitted"] += [fault.path for fault in passed_over]
    assert found == _wanted(case)


@pytest.mark.parametrize("case", _rows("check_zip") + _rows("unzip"))
def test_a_zip_is_accepted_with_the_same_h1_or_refused_as_go_does(case: dict[str, Any]) -> None:
    zipped = io.BytesIO(base64.b64decode(case["zip"]))
    if "h1" in case:
        assert modzip.check_zip(module.check(case["path"], case["version"]), zipped).h1 == case["h1"]
    else:
        with pytest.raises(Invalid):
            modzip.check_zip(module.check(case["path"], case["version"]), zipped)


@pytest.mark.parametrize(
    ("case", "from_dir"),
    [pytest.param(case, False, id="files-" + case["name"]) for case in cases("zip.json", "create")]
    + [pytest.param(case, True, id="dir-" + case["name"]) for case in cases("zip.json", "create_from_dir")],
)
def test_a_zip_is_made_with_the_same_h1_or_not_at_all_as_go_does(
    case: dict[str, Any], from_dir: bool
) -> None:
    def create() -> modzip.ZipFacts:
        files = modzip.list_files_in_dir(_in_folder(case))[0] if from_dir else _entries(case)
        return modzip.create_zip(module.check(case["path"], case["version"]), files, out)

    out = io.BytesIO()
    if "h1" not in case:
        with pytest.raises(Invalid):
            create()
        return
    facts = create()
    assert facts.h1 == case["h1"]
    version = module.check(case["path"], case["version"])
    assert modzip.check_zip(version, out) == facts
    assert modzip.check_zip(version, io.BytesIO(base64.b64decode(case["zip"]))) == facts


def test_sizes_are_limited_as_in_go() -> None:
    def never() -> io.BytesIO:
        raise OSError("size alone decides")

    for case in cases("zip.json", "sizes"):
        files = [
            modzip.FileEntry(name, size, never if name != "go.mod" else io.BytesIO)
            for name, size in case["files"]
        ]
        assert _lists(modzip.check_files(files)) == _wanted(case)


def test_vendored_packages_are_told_by_the_go_version_as_in_go() -> None:
    for case in cases("zip.json", "vendored"):
        for version, vendored in case["vendored"].items():
            assert is_vendored_package(case["path"], version) == vendored, (case["path"], version)


def test_names_fold_exactly_where_go_folds_them() -> None:
    least = {chr(rune): chr(to) for rune, to in cases("zip.json", "fold")}
    for code in range(0x110000):
        if not 0xD800 <= code <= 0xDFFF:
            char = chr(code)
            assert str_to_fold(char) == str_to_fold(least.get(char, char))
    # Folding must not unite what Go keeps apart.
    heads = {least.get(chr(code), chr(code)) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF}
    assert len({str_to_fold(head) for head in heads}) == len(heads)


def test_directory_hashes_are_those_of_go() -> None:
    for case in cases("dirhash.json", "hash1"):
        entries = [(name, hashlib.sha256(data.encode()).hexdigest()) for name, data in case["files"]]
        if case["ok"]:
            assert dirhash.hash1(entries) == case["h1"]
            assert dirhash.hash1(reversed(entries)) == case["h1"]
        else:
            with pytest.raises(Invalid, match="newline"):
                dirhash.hash1(entries)
        if [name for name, _ in case["files"]] == ["go.mod"]:
            assert dirhash.hash_go_mod(case["files"][0][1].encode()) == case["h1"]


def test_no_test_of_dirhash_was_added_to_x_mod() -> None:
    assert len(cases("dirhash.json", "tests")) == tables("dirhash.json")["tests"]["rows"]
