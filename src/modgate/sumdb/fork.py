"""The proof that a database signed two trees of which neither contains the other.

Both signed heads are not enough where their sizes differ: the proof also says which hash the newer tree
gives to the size of the older one, and proves that hash to be the newer tree's. All of it is at hand when
the fork is found, so the report does not depend on the server staying as it is.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from modgate.errors import ModgateError, Tampered
from modgate.sumdb.tiles import Tile, plan
from modgate.sumdb.tlog import check_tree, prove_tree, sub_tree_index, tree_hash, tree_proof_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.sumdb.head import Head

__all__ = ["Forked", "fork"]


class Forked(Tampered):
    """Two signed heads that contradict each other; `proof` is the report for people."""

    def __init__(self, name: str, older: Head, newer: Head, proof: str) -> None:
        super().__init__(
            f"the trees of size {older.tree.n} and {newer.tree.n} are both signed and contradict each other",
            where=name,
            next_step="Do not trust new answers of this database; the proof is in the alerts.",
        )
        self.proof = proof


def fork(name: str, older: Head, newer: Head, tiles: Mapping[Tile, bytes], height: int) -> Forked:
    """Report a fork, from the proved tiles of the newer tree (none where both have one size)."""
    lines = ["SECURITY ERROR", "go.sum database server misbehavior detected!", ""]
    lines += [
        "old database:",
        *_indent(older),
        "",
        "new database:",
        *_indent(newer),
        "",
        "proof of misbehavior:",
    ]
    lines += [f"\t{item}" for item in _proof(older, newer, tiles, height)]
    return Forked(name, older, newer, "\n".join(lines) + "\n")


def _proof(older: Head, newer: Head, tiles: Mapping[Tile, bytes], height: int) -> list[str]:
    size, at = newer.tree.n, older.tree.n
    if size == at:
        return [base64.b64encode(newer.tree.hash).decode()]
    indexes = [*sub_tree_index(0, at), *tree_proof_index(0, size, at)]
    needed = plan(newer.tree, indexes, height)
    try:
        known = needed.hashes([tiles[tile] for tile in needed.tiles])
        claimed = tree_hash(at, known)
        proof = prove_tree(size, at, known)
        check_tree(proof, size, newer.tree.hash, at, claimed)
    except (ModgateError, KeyError) as error:
        return [f"internal error: {error!r}"]
    return [base64.b64encode(item).decode() for item in (claimed, *proof)]


def _indent(head: Head) -> list[str]:
    return ["\t" + line for line in head.message.decode(errors="replace").rstrip("\n").split("\n")]
