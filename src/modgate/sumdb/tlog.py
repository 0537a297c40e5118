"""The transparency log: how records hash into a tree, and how a tree proves what it holds.

A log of n records is the leaves of a binary Merkle tree (RFC 6962: a leaf is SHA-256(0x00 ‖ record), a
node SHA-256(0x01 ‖ left ‖ right)). Hashes of complete subtrees never change once written and are stored
in one dense order, record by record; (level, n) names a subtree, `stored_hash_index` its place. From them
come the tree's hash at any earlier size, the proof that a tree holds a record, and the proof that it
extends an earlier tree.

Source of the rules: golang.org/x/mod/sumdb/tlog (tlog.go). Text formats are in `records`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NewType, Protocol

from modgate.errors import Invalid, Tampered

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "EMPTY_HASH",
    "HASH_SIZE",
    "Hash",
    "HashReader",
    "check_record",
    "check_tree",
    "node_hash",
    "prove_record",
    "prove_tree",
    "record_hash",
    "split_stored_hash_index",
    "stored_hash_count",
    "stored_hash_index",
    "stored_hashes",
    "stored_hashes_for_record_hash",
    "sub_tree_index",
    "tree_hash",
    "tree_proof_index",
]

HASH_SIZE = 32

Hash = NewType("Hash", bytes)
"""32 bytes that identify a record or the root of a tree."""

EMPTY_HASH = Hash(hashlib.sha256().digest())


class HashReader(Protocol):
    """Reads stored hashes."""

    def read_hashes(self, indexes: Sequence[int]) -> list[Hash]:
        """The hashes at these stored indexes, in this order. Raises Invalid, Tampered."""


def record_hash(data: bytes) -> Hash:
    """The hash of a record's text (RFC 6962, section 2.1)."""
    return Hash(hashlib.sha256(b"\x00" + data).digest())


def node_hash(left: bytes, right: bytes) -> Hash:
    """The hash of an inner node (RFC 6962, section 2.1)."""
    return Hash(hashlib.sha256(b"\x01" + left + right).digest())


def stored_hash_index(level: int, n: int) -> int:
    """Where the hash of the n-th complete subtree of 2**level records is stored."""
    # Level l's n-th hash is written right after level l-1's 2n+1-th: walk down to the last leaf.
    n = ((n + 1) << level) - 1
    # Before record n stand n leaf hashes, n/2 of level 1, n/4 of level 2, …
    index = level
    while n > 0:
        index += n
        n >>= 1
    return index


def split_stored_hash_index(index: int) -> tuple[int, int]:
    """The inverse of `stored_hash_index`: (level, n). Raises Invalid for a negative index."""
    if index < 0:
        raise Invalid(f"negative hash index {index}")
    # stored_hash_index(0, n) < 2n, so the record that wrote this hash is a little after index/2.
    n = index // 2
    start = stored_hash_index(0, n)
    while True:
        after = start + 1 + _trailing_zeros(n + 1)
        if after > index:
            break
        n += 1
        start = after
    level = index - start
    return level, n >> level


def stored_hash_count(n: int) -> int:
    """How many hashes a tree of n records stores."""
    if n == 0:
        return 0
    return stored_hash_index(0, n - 1) + 1 + _trailing_zeros(n)


def stored_hashes(n: int, data: bytes, reader: HashReader) -> list[Hash]:
    """What to store, from `stored_hash_index(0, n)` on, when record n is written."""
    return stored_hashes_for_record_hash(n, record_hash(data), reader)


def stored_hashes_for_record_hash(n: int, leaf: Hash, reader: HashReader) -> list[Hash]:
    """Like `stored_hashes`, from the record's hash."""
    # Each trailing one-bit of n completes a subtree, with a left neighbour that is stored already.
    completed = _trailing_zeros(n + 1)
    indexes = [stored_hash_index(level, (n >> level) - 1) for level in reversed(range(completed))]
    hashes = [leaf]
    for left in reversed(_read(reader, indexes)):
        leaf = node_hash(left, leaf)
        hashes.append(leaf)
    return hashes


def tree_hash(n: int, reader: HashReader) -> Hash:
    """The root hash of the first n records; one read of at most 1 + log2(n) hashes."""
    if n == 0:
        return EMPTY_HASH
    hashes = _read(reader, sub_tree_index(0, n))
    root, _ = _sub_tree_hash(0, n, hashes)
    return root


def sub_tree_index(lo: int, hi: int) -> list[int]:
    """The stored indexes whose hashes make the hash of records lo:hi, left to right."""
    need: list[int] = []
    while lo < hi:
        k, level = _maxpow2(hi - lo + 1)
        need.append(stored_hash_index(level, lo >> level))
        lo += k
    return need


def prove_record(t: int, n: int, reader: HashReader) -> list[Hash]:
    """The proof that the tree of size t holds record n. Raises Invalid for 0 <= n < t violated."""
    if not 0 <= n < t:
        raise Invalid(f"no record {n} in a tree of size {t}")
    proof, _ = _leaf_proof(0, t, n, _read(reader, _leaf_proof_index(0, t, n)))
    return proof


def check_record(proof: Sequence[Hash], t: int, root: Hash, n: int, leaf: Hash) -> None:
    """Check that the tree of size t and hash `root` has a record n of hash `leaf`.

    Raises Invalid (n is not in a tree of size t), Tampered (the proof fails).
    """
    if not 0 <= n < t:
        raise Invalid(f"no record {n} in a tree of size {t}")
    if _run_record_proof(proof, 0, t, n, leaf) != root:
        raise Tampered("invalid transparency proof")


def prove_tree(t: int, n: int, reader: HashReader) -> list[Hash]:
    """The proof that the tree of size t extends its own first n records. Raises Invalid."""
    if not 1 <= n <= t:
        raise Invalid(f"no tree of size {n} within one of size {t}")
    proof, _ = _tree_proof(0, t, n, _read(reader, tree_proof_index(0, t, n)))
    return proof


def check_tree(proof: Sequence[Hash], t: int, root: Hash, n: int, old: Hash) -> None:
    """Check that the tree of size t and hash `root` extends the tree of size n and hash `old`.

    Raises Invalid (n is no size within t), Tampered (the proof fails).
    """
    if not 1 <= n <= t:
        raise Invalid(f"no tree of size {n} within one of size {t}")
    if _run_tree_proof(proof, 0, t, n, old) != (old, root):
        raise Tampered("invalid transparency proof")


def _trailing_zeros(n: int) -> int:
    return (n & -n).bit_length() - 1


def _maxpow2(n: int) -> tuple[int, int]:
    """The largest power of two smaller than n (at least 1), and its logarithm."""
    level = max((n - 1).bit_length() - 1, 0)
    return 1 << level, level


def _read(reader: HashReader, indexes: Sequence[int]) -> list[Hash]:
    if not indexes:
        return []
    hashes = reader.read_hashes(indexes)
    if len(hashes) != len(indexes):
        raise Invalid(f"read {len(hashes)} hashes for {len(indexes)} indexes")
    return hashes


def _sub_tree_hash(lo: int, hi: int, hashes: list[Hash]) -> tuple[Hash, list[Hash]]:
    """Fold the hashes that `sub_tree_index(lo, hi)` names, from the right; return what is left."""
    count = 0
    while lo < hi:
        k, _ = _maxpow2(hi - lo + 1)
        count += 1
        lo += k
    root = hashes[count - 1]
    for left in reversed(hashes[: count - 1]):
        root = node_hash(left, root)
    return root, hashes[count:]


def _leaf_proof_index(lo: int, hi: int, n: int) -> list[int]:
    if lo + 1 == hi:
        return []
    k, _ = _maxpow2(hi - lo)
    if n < lo + k:
        return _leaf_proof_index(lo, lo + k, n) + sub_tree_index(lo + k, hi)
    return sub_tree_index(lo, lo + k) + _leaf_proof_index(lo + k, hi, n)


def _leaf_proof(lo: int, hi: int, n: int, hashes: list[Hash]) -> tuple[list[Hash], list[Hash]]:
    """The hashes of the branches not taken on the way to leaf n, lowest first."""
    if lo + 1 == hi:
        return [], hashes
    k, _ = _maxpow2(hi - lo)
    if n < lo + k:
        proof, hashes = _leaf_proof(lo, lo + k, n, hashes)
        other, hashes = _sub_tree_hash(lo + k, hi, hashes)
    else:
        other, hashes = _sub_tree_hash(lo, lo + k, hashes)
        proof, hashes = _leaf_proof(lo + k, hi, n, hashes)
    return [*proof, other], hashes


def _run_record_proof(proof: Sequence[Hash], lo: int, hi: int, n: int, leaf: Hash) -> Hash:
    """The root of lo:hi that the proof implies; Tampered if it is too short or too long."""
    if lo + 1 == hi:
        if proof:
            raise Tampered("invalid transparency proof")
        return leaf
    if not proof:
        raise Tampered("invalid transparency proof")
    k, _ = _maxpow2(hi - lo)
    if n < lo + k:
        return node_hash(_run_record_proof(proof[:-1], lo, lo + k, n, leaf), proof[-1])
    return node_hash(proof[-1], _run_record_proof(proof[:-1], lo + k, hi, n, leaf))


def tree_proof_index(lo: int, hi: int, n: int) -> list[int]:
    """The stored indexes that the proof of tree n within lo:hi is made from (RFC 6962, section 2.1.2)."""
    if n == hi:
        return [] if lo == 0 else sub_tree_index(lo, hi)
    k, _ = _maxpow2(hi - lo)
    if n <= lo + k:
        return tree_proof_index(lo, lo + k, n) + sub_tree_index(lo + k, hi)
    return sub_tree_index(lo, lo + k) + tree_proof_index(lo + k, hi, n)


def _tree_proof(lo: int, hi: int, n: int, hashes: list[Hash]) -> tuple[list[Hash], list[Hash]]:
    if n == hi:
        # The checker knows the hash of the whole old tree; only a part of it must be told.
        if lo == 0:
            return [], hashes
        common, hashes = _sub_tree_hash(lo, hi, hashes)
        return [common], hashes
    k, _ = _maxpow2(hi - lo)
    if n <= lo + k:
        proof, hashes = _tree_proof(lo, lo + k, n, hashes)
        other, hashes = _sub_tree_hash(lo + k, hi, hashes)
    else:
        other, hashes = _sub_tree_hash(lo, lo + k, hashes)
        proof, hashes = _tree_proof(lo + k, hi, n, hashes)
    return [*proof, other], hashes


def _run_tree_proof(proof: Sequence[Hash], lo: int, hi: int, n: int, old: Hash) -> tuple[Hash, Hash]:
    """The hashes that the proof implies for lo:n (old tree) and lo:hi (new tree)."""
    if n == hi:
        if lo == 0:
            if proof:
                raise Tampered("invalid transparency proof")
            return old, old
        if len(proof) != 1:
            raise Tampered("invalid transparency proof")
        return proof[0], proof[0]
    if not proof:
        raise Tampered("invalid transparency proof")
    k, _ = _maxpow2(hi - lo)
    if n <= lo + k:
        older, newer = _run_tree_proof(proof[:-1], lo, lo + k, n, old)
        return older, node_hash(newer, proof[-1])
    older, newer = _run_tree_proof(proof[:-1], lo + k, hi, n, old)
    return node_hash(proof[-1], older), node_hash(proof[-1], newer)
