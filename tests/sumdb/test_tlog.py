"""Records, tree heads and proofs: what x/mod says."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid, Tampered
from modgate.sumdb.records import Tree, format_record, format_tree, parse_record, parse_tree
from modgate.sumdb.tlog import (
    EMPTY_HASH,
    Hash,
    check_record,
    check_tree,
    prove_record,
    prove_tree,
    record_hash,
    split_stored_hash_index,
    stored_hash_count,
    stored_hash_index,
    stored_hashes,
    tree_hash,
)
from tests.sumdb.vectors import cases, unb64

if TYPE_CHECKING:
    from collections.abc import Sequence


class Storage:
    """Stored hashes in a list; refuses reads out of order."""

    def __init__(self) -> None:
        self.hashes: list[Hash] = []

    def read_hashes(self, indexes: Sequence[int]) -> list[Hash]:
        assert list(indexes) == sorted(set(indexes))
        return [self.hashes[x] for x in indexes]


@pytest.mark.parametrize("case", cases("tlog", "bad_trees", "good_trees", "trees"))
def test_tree_heads_are_read_as_go_reads_them(case: dict[str, Any]) -> None:
    data = unb64(case["in"])
    if not case["ok"]:
        with pytest.raises(Invalid):
            parse_tree(data)
        return
    tree = parse_tree(data)
    assert (tree.n, base64.b64encode(tree.hash).decode()) == (case["n"], case["hash"])
    assert format_tree(tree).decode() == case["formatted"]


def test_a_tree_head_of_more_than_a_megabyte_is_refused() -> None:
    head = format_tree(Tree(1, EMPTY_HASH))
    parse_tree(head + bytes(1_000_000 - len(head)))
    with pytest.raises(Invalid):
        parse_tree(head + bytes(1_000_001 - len(head)))


@pytest.mark.parametrize("case", cases("tlog", "bad_records", "records"))
def test_records_are_read_as_go_reads_them(case: dict[str, Any]) -> None:
    data = unb64(case["in"])
    if not case["ok"]:
        with pytest.raises(Invalid):
            parse_record(data)
        return
    assert parse_record(data) == (case["id"], unb64(case["text"]), unb64(case["rest"]))


@pytest.mark.parametrize("case", cases("tlog", "bad_texts", "texts"))
def test_records_are_written_as_go_writes_them(case: dict[str, Any]) -> None:
    if case["ok"]:
        assert format_record(7, unb64(case["text"])) == unb64(case["message"])
        return
    with pytest.raises(Invalid):
        format_record(7, unb64(case["text"]))


def test_a_log_grows_as_in_go_and_all_its_proofs_are_the_same() -> None:
    storage = Storage()
    for case in cases("tlog", "tree"):
        size = case["size"]
        new = stored_hashes(size - 1, b"leaf %d" % (size - 1), storage)
        assert b"".join(new) == unb64(case["stored"])
        storage.hashes += new
        assert stored_hash_count(size) == case["count"] == len(storage.hashes)
        assert tree_hash(size, storage) == unb64(case["tree"])
        records = [h for n in range(size) for h in prove_record(size, n, storage)]
        assert hashlib.sha256(b"".join(records)).hexdigest() == case["record_proofs"]
        trees = [h for n in range(1, size + 1) for h in prove_tree(size, n, storage)]
        assert hashlib.sha256(b"".join(trees)).hexdigest() == case["tree_proofs"]


def test_each_proof_holds_and_each_corrupt_one_fails() -> None:
    storage = Storage()
    roots = [EMPTY_HASH]
    for n in range(40):
        storage.hashes += stored_hashes(n, b"leaf %d" % n, storage)
        roots.append(tree_hash(n + 1, storage))
    for t in range(1, 41):
        for n in range(t):
            leaf = record_hash(b"leaf %d" % n)
            proof = prove_record(t, n, storage)
            check_record(proof, t, roots[t], n, leaf)
            for bad in _corrupted(proof):
                with pytest.raises(Tampered):
                    check_record(bad, t, roots[t], n, leaf)
            proof = prove_tree(t, n + 1, storage)
            check_tree(proof, t, roots[t], n + 1, roots[n + 1])
            for bad in _corrupted(proof):
                with pytest.raises(Tampered):
                    check_tree(bad, t, roots[t], n + 1, roots[n + 1])


def _corrupted(proof: list[Hash]) -> list[list[Hash]]:
    flipped = [[*proof[:k], Hash(bytes([h[0] ^ 1]) + h[1:]), *proof[k + 1 :]] for k, h in enumerate(proof)]
    return [*flipped, [*proof, EMPTY_HASH], *([proof[:-1]] if proof else [])]


def test_questions_about_what_is_not_in_the_tree_are_invalid() -> None:
    storage = Storage()
    for t, n in [(0, 0), (1, 1), (1, -1), (-1, -2)]:
        with pytest.raises(Invalid):
            prove_record(t, n, storage)
        with pytest.raises(Invalid):
            check_record([], t, EMPTY_HASH, n, EMPTY_HASH)
    for t, n in [(0, 0), (1, 2), (1, 0)]:
        with pytest.raises(Invalid):
            prove_tree(t, n, storage)
        with pytest.raises(Invalid):
            check_tree([], t, EMPTY_HASH, n, EMPTY_HASH)
    with pytest.raises(Invalid):
        split_stored_hash_index(-1)


def test_a_reader_that_reads_too_little_is_refused() -> None:
    class Short:
        def read_hashes(self, indexes: Sequence[int]) -> list[Hash]:
            return [EMPTY_HASH] * (len(indexes) - 1)

    with pytest.raises(Invalid):
        tree_hash(3, Short())


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert tree_hash(0, Storage()) == hashlib.sha256(b"").digest()


def test_stored_indexes_are_those_of_go_and_split_back() -> None:
    for level, n, index in cases("tlog", "indexes"):
        assert stored_hash_index(level, n) == index
        assert split_stored_hash_index(index) == (level, n)


def test_indexes_of_the_public_log_are_quick() -> None:
    for n in (71_000_000, 2**62):
        assert split_stored_hash_index(stored_hash_index(3, n)) == (3, n)
