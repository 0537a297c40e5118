"""Meeting every object of a folder, a folder at a time, beside writers and readers.

The names of a folder are read at once and sorted; nothing stays open between two batches, so that a walk may
be left at any time. A name that no key may have (somebody put it there) is passed over: nobody can ask for
it. What is known of an object is read from its sidecar; one whose sidecar is gone counts as unproved, and is
not read for that.

An object was last used when its file was last read. The kernel keeps that time, on most systems to
a day and with `noatime` not at all; a store with a size limit writes it down itself.
"""

# Strings, because a Path for each file would cost more than looking at it:

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.model.blob import StoredObject
from modgate.storage.failures import translated
from modgate.storage.keys import OWN_FOLDER, check_key
from modgate.storage.sidecar import identify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.storage.tree import Tree

__all__ = ["files_below", "walk_tree"]

_BATCH = 500


def walk_tree(tree: Tree, prefix: str) -> Iterator[list[StoredObject]]:
    """The objects whose keys begin with `prefix`, in batches. Blocks; raises Unavailable."""
    batch: list[StoredObject] = []
    for key, found in files_below(tree, prefix):
        sidecar = tree.described(key, identify(found))
        stored_at = found.st_mtime if sidecar is None else sidecar.meta.stored_at
        batch.append(
            StoredObject(
                key,
                found.st_size,
                stored_at,
                max(found.st_atime, stored_at),
                sidecar is not None and sidecar.mutable,
                "none" if sidecar is None else sidecar.meta.verified,
            )
        )
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def files_below(tree: Tree, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """The objects whose keys begin with `prefix`, with the state of their files."""
    top = str(tree.root)
    start, slash, beginning = prefix.rpartition("/")
    with translated("cannot look through the store", top):
        if not tree.has_folder(start):
            return
        waiting = [start + slash]
        while waiting:
            folder = waiting.pop()
            below, names = _names(f"{top}/{folder}", beginning, root=not folder)
            beginning = ""
            waiting += [f"{folder}{name}/" for name in reversed(below)]
            for name in names:
                found = _found(f"{top}/{folder}{name}")
                if found is not None and _is_key(folder + name):
                    yield folder + name, found


def _names(path: str, beginning: str, *, root: bool) -> tuple[list[str], list[str]]:
    """The sub-folders and the files of a folder that begin so, sorted; nothing where it is gone."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if not name.startswith(beginning) or (root and name.casefold() == OWN_FOLDER):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif not name.endswith(".ziphash"):
                    files.append(name)
    except (FileNotFoundError, NotADirectoryError):
        pass  # removed since its name was read
    folders.sort(key=lambda name: (name != "@v", name))  # what belongs to one module comes together
    files.sort()
    return folders, files


def _found(path: str) -> os.stat_result | None:
    """The state of a regular file; None for anything else and for what is gone."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _is_key(key: str) -> bool:
    try:
        check_key(key)
    except Invalid:
        return False
    return True
