"""What a file in a module zip may be called, and what may not stand beside it.

A zip is unpacked on file systems that fold case, reserve names and tell files from folders, so a
set of names is only good if every supported system can hold it. The rules are those of
golang.org/x/mod/zip (the package comment, `collisionChecker`, `isVendoredPackage`).
"""

from __future__ import annotations

import re
from typing import Final

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.gomod.texts import shown

__all__ = [
    "MAX_GO_MOD",
    "MAX_LICENSE",
    "MAX_NAMES",
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

MAX_NAMES: Final = 1 << 19
"""Files and folders that a module may have together: more than any published one has."""

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


_Folder = dict[str, tuple[str, "_Folder | None"]]
"""What stands in a folder: folded name -> (name as spelled, its content; None for a file)."""


class Collisions:
    """The names seen so far: refuses a name that is bad, or that some file system could not hold beside them.

    Every element of every path is judged and kept once, so that thousands of deep paths cost no
    more than their letters.
    """

    __slots__ = ("_count", "_known", "_root")

    def __init__(self) -> None:
        self._root: _Folder = {}
        self._known: dict[str, _Folder] = {}
        self._count = 0

    def check(self, path: str, *, is_dir: bool) -> None:
        """Enter a relative path and its parents.

        Raises Invalid where an element breaks the rules of `module.check_file_path`, or equals
        another name but for case, or is a file and a folder at once, or a file for the second time.
        A folder may be entered any number of times.
        """
        parent, slash, base = path.rpartition("/")
        folder = self._known.get(parent) if slash else self._root
        if folder is None:
            folder = self._root
            for element in parent.split("/"):
                folder = self._enter_folder(folder, element, path)
            self._known[parent] = folder
        if is_dir:
            self._enter_folder(folder, base, path)
        elif not self._is_new(folder, base, None):
            spelled, content = folder[str_to_fold(base)]
            _refuse_unless_same(spelled, base, path)
            if content is not None:
                raise Invalid(f"entry {shown(path)} is both a file and a directory")
            raise Invalid(f"multiple entries for file {shown(path)}")

    def _enter_folder(self, folder: _Folder, element: str, path: str) -> _Folder:
        new: _Folder = {}
        if self._is_new(folder, element, new):
            return new
        spelled, content = folder[str_to_fold(element)]
        _refuse_unless_same(spelled, element, path)
        if content is None:
            raise Invalid(f"{shown(element)} in {shown(path)} is both a file and a directory")
        return content

    def _is_new(self, folder: _Folder, element: str, content: _Folder | None) -> bool:
        key = str_to_fold(element)
        if key in folder:
            return False
        module.check_file_path(element)
        self._count += 1
        if self._count > MAX_NAMES:
            raise Invalid(f"too many files and folders (at most {MAX_NAMES})")
        folder[key] = (element, content)
        return True


def _refuse_unless_same(spelled: str, element: str, path: str) -> None:
    if spelled != element:
        raise Invalid(
            f"case-insensitive file name collision: {shown(spelled)} and {shown(element)} in {shown(path)}"
        )
