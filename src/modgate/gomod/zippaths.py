"""What a file in a module zip may be called, and what may not stand beside it.

A zip is unpacked on file systems that fold case, reserve names and tell files from folders, so a
set of names is only good if every supported system can hold it. The rules are those of
golang.org/x/mod/zip (the package comment, `collisionChecker`, `isVendoredPackage`).
"""

from __future__ import annotations

import re
from typing import Final

from modgate.errors import Invalid
from modgate.gomod.texts import shown

__all__ = [
    "MAX_GO_MOD",
    "MAX_LICENSE",
    "MAX_ZIP_FILE",
    "Collisions",
    "equal_fold",
    "is_vendored_package",
    "str_to_fold",
]

MAX_ZIP_FILE: Final = 500 << 20
"""Bytes that a module zip, and all its files unpacked, may have."""

MAX_GO_MOD: Final = 16 << 20
"""Bytes that the go.mod in the module's root may have."""

MAX_LICENSE: Final = 16 << 20
"""Bytes that the LICENSE in the module's root may have."""

# What go/version.IsValid accepts after "go", except the bare major version, which no go.mod can hold.
_GO_VERSION: Final = re.compile(
    r"([1-9][0-9]*)\.(0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)|[a-z]+(?:0|[1-9][0-9]*)?)?"
)

# Unicode's CaseFolding.txt has a simple mapping (status S) for these capitals beside the full one
# (status F) that str.casefold applies: the sharp s and the Greek letters with iota adscript.
_SIMPLE_FOLD: Final = {
    0x1E9E: 0xDF,
    **{upper: upper - 8 for base in (0x1F88, 0x1F98, 0x1FA8) for upper in range(base, base + 8)},
    0x1FBC: 0x1FB3,
    0x1FCC: 0x1FC3,
    0x1FFC: 0x1FF3,
}


def _fold_rune(rune: str) -> str:
    folded = rune.casefold()
    return folded if len(folded) == 1 else chr(_SIMPLE_FOLD.get(ord(rune), ord(rune)))


def str_to_fold(name: str) -> str:
    """A key that two names share exactly if Go's strings.EqualFold (simple case folding) holds for them."""
    if name.isascii():
        return name.lower()
    return "".join(map(_fold_rune, name))


def equal_fold(a: str, b: str) -> bool:
    """Whether two strings are equal under simple Unicode case folding, as Go's strings.EqualFold."""
    return str_to_fold(a) == str_to_fold(b)


def is_vendored_package(name: str, go_version: str) -> bool:
    """Whether a file belongs to a vendored package, which a module zip leaves out.

    `go_version` is the argument of go.mod's go directive, or empty. Before Go 1.24 a nested vendor
    folder was measured from the wrong place and vendor/modules.txt was kept; both stay so for modules
    that declare an older version, because their checksums are known.
    """
    since_124 = _is_at_least_go124(go_version)
    if since_124 and name == "vendor/modules.txt":
        return True
    inside = len("/vendor/")
    if name.startswith("vendor/"):
        inside = len("vendor/")
    elif (at := name.find("/vendor/")) < 0:
        return False
    elif since_124:
        inside += at
    return "/" in name[inside:]


def _is_at_least_go124(go_version: str) -> bool:
    match = _GO_VERSION.fullmatch(go_version)
    if match is None:
        return False
    # Numbers are compared as text: a go.mod may write thousands of digits.
    major, minor = match[1], match[2]
    return (len(major), major) > (1, "1") or (major == "1" and (len(minor), minor) >= (2, "24"))


class Collisions:
    """The names seen so far: refuses a name that some file system could not hold beside them."""

    __slots__ = ("_folders", "_seen")

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}
        self._folders: set[str] = set()

    def has_folder(self, path: str) -> bool:
        """Whether this very spelling was entered as a folder, or as a parent of something."""
        return path in self._folders

    def check(self, path: str, *, is_dir: bool) -> None:
        """Enter a clean relative path and its parents.

        Raises Invalid where it equals another name but for case, is a file and a folder at once, or
        is a file for the second time. A folder may be entered any number of times.
        """
        while path:
            if is_dir and path in self._folders:
                return
            key = str_to_fold(path)
            other = self._seen.get(key)
            if other is None:
                self._seen[key] = (path, is_dir)
            elif other[0] != path:
                raise Invalid(f"case-insensitive file name collision: {shown(other[0])} and {shown(path)}")
            elif other[1] != is_dir:
                raise Invalid(f"entry {shown(path)} is both a file and a directory")
            else:
                raise Invalid(f"multiple entries for file {shown(path)}")
            if is_dir:
                self._folders.add(path)
            path, is_dir = path.rpartition("/")[0], True
