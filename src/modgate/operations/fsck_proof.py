"""What the stored files of a checksum database prove, without asking it.

A lookup is a record with a signed tree head. It is proved by the stored tiles, as x/mod's client proves it:
the tiles lead to the head's root, and the leaf in them is the hash of the record's text. A tile that is not
there proves nothing, and is no fault: it is fetched when it is needed. The signature is checked where the
database's key is known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Invalid, ModgateError
from modgate.gomod import module
from modgate.sumdb.head import EMPTY_HEAD, Record, open_head, parse_lookup
from modgate.sumdb.note import new_verifier, verifier_list
from modgate.sumdb.records import parse_tree
from modgate.sumdb.tiles import parse_tile_path, plan
from modgate.sumdb.tlog import record_hash, stored_hash_index

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.gomod.types import ModuleVersion
    from modgate.operations.fsck_names import Name
    from modgate.sumdb.records import Tree
    from modgate.sumdb.tiles import Tile

__all__ = ["head_fault", "lookup_fault", "lookup_sums", "read_file", "version_of"]


def read_file(name: Name, body: bytes) -> None:
    """Raise Invalid, Tampered where the bytes are not the object of a database that the name says."""
    if name.kind == "tile":
        tile = parse_tile_path(name.rest)
        if not body or (tile.level >= 0 and len(body) != tile.size):
            raise Invalid(f"{len(body)} bytes are no such tile")
    elif name.kind == "head":
        _tree(body)
    else:
        version = version_of(name)
        if lookup_sums(body, version) is None:
            raise Invalid(f"it says nothing of {version}")


def lookup_sums(body: bytes, version: ModuleVersion) -> tuple[str, str] | None:
    """The h1 of the zip and of the go.mod as a lookup's text has them; None where it has neither.

    Raises Invalid, Tampered.
    """
    number, text, _ = parse_lookup(body)
    record = Record(number, text, EMPTY_HEAD)
    path, plain = version.path, version.version
    sums = record.h1(path, plain), record.h1(path, f"{plain}/go.mod")
    return sums if any(sums) else None


def head_fault(body: bytes, database: str, keys: Mapping[str, str]) -> str:
    """Why a stored head is not what it should be; empty if nothing speaks against it."""
    try:
        _signed(body, database, keys)
    except ModgateError as error:
        return error.what
    return ""


def lookup_fault(
    body: bytes, name: Name, read: Callable[[str], bytes | None], keys: Mapping[str, str]
) -> str:
    """Why a stored lookup does not hold; empty if nothing that is stored speaks against it."""
    try:
        number, text, message = parse_lookup(body)
        if lookup_sums(body, version_of(name)) is None:
            return f"it says nothing of {version_of(name)}"
        tree = _signed(message, name.database, keys)
        if number >= tree.n:
            return f"record {number} is not in a tree of {tree.n} records"
        leaf = stored_hash_index(0, number)
        needed = plan(tree, [leaf])
        data: list[bytes] = []
        for tile in needed.tiles:
            found = _stored(tile, f"sumdb/{name.database}/", read)
            if found is None:
                return ""
            data.append(found)
        if needed.hashes(data).read_hashes([leaf]) != [record_hash(text)]:
            return f"record {number} is not what the log holds"
    except ModgateError as error:
        return error.what
    return ""


def _stored(tile: Tile, folder: str, read: Callable[[str], bytes | None]) -> bytes | None:
    """The tile, or cut from the full one that it has become."""
    data = read(folder + tile.path())
    if data is None and not tile.is_full:
        full = read(folder + tile.full().path())
        data = None if full is None else full[: tile.size]
    return data


def _signed(message: bytes, database: str, keys: Mapping[str, str]) -> Tree:
    """The tree of a head, its signature checked where the key is known. Raises Invalid, Tampered."""
    key = keys.get(database)
    if key is None:
        return _tree(message)
    return open_head(message, verifier_list(new_verifier(key))).tree


def _tree(message: bytes) -> Tree:
    text, blank, _ = message.partition(b"\n\n")
    if not blank:
        raise Invalid("it is no signed tree head")
    return parse_tree(text + b"\n")


def version_of(name: Name) -> ModuleVersion:
    """The version that a lookup is about."""
    path, _, version = name.rest.removeprefix("lookup/").partition("@")
    return module.check(module.unescape_path(path), module.unescape_version(version))
