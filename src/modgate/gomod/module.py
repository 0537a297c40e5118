"""What a module path and its version may look like, and how they become names of files and URLs.

Paths turn into repository addresses, folders and URLs on every system, so only what means the same
everywhere is allowed: no name that Windows reserves, no dot tricks. File systems fold case, so an
upper-case letter is written as `!` and its lower case. Source: golang.org/x/mod/module.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import TYPE_CHECKING, cast

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.texts import shown
from modgate.gomod.types import ModuleVersion

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version

__all__ = [
    "canonical_version",
    "check",
    "check_file_path",
    "check_import_path",
    "check_path",
    "check_path_major",
    "escape_path",
    "escape_version",
    "match_path_major",
    "may_be_incompatible",
    "path_major_prefix",
    "split_path_version",
    "unescape_path",
    "unescape_version",
]


class _Kind(enum.Enum):
    MODULE = "module"
    IMPORT = "import"
    FILE = "file"


_ALLOWED = {
    _Kind.MODULE: re.compile(r"[A-Za-z0-9._~-]+"),
    _Kind.IMPORT: re.compile(r"[A-Za-z0-9._~+-]+"),
    # Without what shells and Windows give a meaning: " ' * < > ? ` | and the separators / \ :
    _Kind.FILE: re.compile(r"[A-Za-z0-9!#$%&()+,\-.=@\[\]^_{}~ ]+"),
}
_FIRST_ELEMENT = re.compile(r"[a-z0-9.-]+")
_SHORT_NAME = re.compile(r".*~[0-9]+", re.DOTALL)
_WINDOWS_NAMES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(1, 10))]
)


def _is_letter(char: str) -> bool:
    return unicodedata.category(char).startswith("L")


def _element_fault(element: str, kind: _Kind) -> str:
    """Why a path element is refused; empty if it is not."""
    if not element:
        return "empty path element"
    if not element.strip("."):
        return f"invalid path element {shown(element)}"
    if element[0] == "." and kind is _Kind.MODULE:
        return "leading dot in path element"
    if element[-1] == ".":
        return "trailing dot in path element"
    allowed = _ALLOWED[kind]
    if allowed.fullmatch(element) is None:
        for char in element:
            if allowed.fullmatch(char) is None and not (kind is _Kind.FILE and _is_letter(char)):
                return f"invalid char {shown(char)}"
    short = element.partition(".")[0]
    if short.lower() in _WINDOWS_NAMES:
        return f"{shown(short)} disallowed as path element component on Windows"
    # Windows would open another file under its generated short name (GIT~1).
    if kind is not _Kind.FILE and _SHORT_NAME.fullmatch(short):
        return "trailing tilde and digits in path element"
    return ""


def _fault(path: str, kind: _Kind) -> str:
    if not path:
        return "empty string"
    if any("\ud800" <= char <= "\udfff" for char in path):
        return "invalid UTF-8"
    if path[0] == "-" and kind is not _Kind.FILE:
        return "leading dash"
    if "//" in path:
        return "double slash"
    if path[-1] == "/":
        return "trailing slash"
    for element in path.split("/"):
        if fault := _element_fault(element, kind):
            return fault
    return ""


def _module_fault(path: str) -> str:
    if fault := _fault(path, _Kind.MODULE):
        return fault
    first = path.partition("/")[0]
    if "." not in first:
        return "missing dot in first path element"
    if _FIRST_ELEMENT.fullmatch(first) is None:
        return "upper-case letter or invalid char in first path element"
    if not split_path_version(path)[2]:
        return "invalid version at the end of the path"
    return ""


def _refuse(path: str, kind: _Kind, fault: str) -> Invalid:
    return Invalid(f"malformed {kind.value} path {shown(path)}: {fault}")


def check_path(path: str) -> ModulePath:
    """The path as a checked type. Raises Invalid. Source: module.CheckPath."""
    if fault := _module_fault(path):
        raise _refuse(path, _Kind.MODULE, fault)
    return cast("ModulePath", path)


def check_import_path(path: str) -> str:
    """The package import path, unchanged. Raises Invalid. Source: module.CheckImportPath."""
    if fault := _fault(path, _Kind.IMPORT):
        raise _refuse(path, _Kind.IMPORT, fault)
    return path


def check_file_path(path: str) -> str:
    """The slash-separated file path, unchanged. Raises Invalid. Source: module.CheckFilePath."""
    if fault := _fault(path, _Kind.FILE):
        raise _refuse(path, _Kind.FILE, fault)
    return path


def check(path: str, version: str) -> ModuleVersion:
    """The pair, if the version is canonical and its major version is the path's.

    Stricter than module.Check in one point: `Version` promises the canonical form, so `v1` and
    `v1.2.3+meta` are refused. Raises Invalid.
    """
    checked = check_path(path)
    if not semver.is_valid(version):
        raise Invalid(f"{path}: version {shown(version)} invalid: not a semantic version")
    if canonical_version(version) != version:
        raise Invalid(f"{path}: version {shown(version)} invalid: not canonical")
    check_path_major(version, split_path_version(path)[1])
    return ModuleVersion(checked, cast("Version", version))


def canonical_version(v: str) -> str:
    """`semver.canonical`, except that the build suffix `+incompatible` is kept."""
    full = semver.canonical(v)
    return f"{full}+incompatible" if semver.build(v) == "+incompatible" else full


def split_path_version(path: str) -> tuple[str, str, bool]:
    """(prefix, path major, ok) with prefix + path major == path.

    The path major is empty, `/vN` with N >= 2, or `.vN` for gopkg.in (where `-unstable` may
    follow). Not ok where the last element breaks those rules (`/v1`, `/v2.0`, `/v02`).
    """
    if path.startswith("gopkg.in/"):
        return _split_gopkg_in(path)
    stem = path.rstrip("0123456789.")
    number = path[len(stem) :]
    if not number or not stem.endswith("/v"):
        return path, "", True
    if "." in number or number[0] == "0" or number == "1":
        return path, "", False
    return stem[:-2], "/v" + number, True


def _split_gopkg_in(path: str) -> tuple[str, str, bool]:
    stem = path.removesuffix("-unstable").rstrip("0123456789")
    major = path[len(stem) - 2 :]
    if not stem.endswith(".v") or major == ".v" or (major[2] == "0" and major != ".v0"):
        return path, "", False
    return stem[:-2], major, True


def path_major_prefix(path_major: str) -> str:
    """The major version a path major stands for (`v2` of `/v2`); empty for an empty one."""
    return path_major.removesuffix("-unstable")[1:]


def match_path_major(version: str, path_major: str) -> bool:
    """Whether the version's major version is the one the path calls for."""
    wanted = path_major_prefix(path_major)
    # Early tools made v0.0.0- pseudo-versions for gopkg.in/….v1, and go.mod files still name them.
    if version.startswith("v0.0.0-") and path_major.removesuffix("-unstable") == ".v1":
        return True
    found = semver.major(version)
    if not wanted:
        return found in {"v0", "v1"} or semver.build(version) == "+incompatible"
    return found == wanted


def may_be_incompatible(version: str, path_major: str) -> bool:
    """False for a `+incompatible` version that cannot be: the suffix is for v2 and above of a path
    without a major version. Source: codeRepo.convert of cmd/go/internal/modfetch.
    """
    if semver.build(version) != "+incompatible":
        return True
    return not path_major and semver.major(version) not in {"v0", "v1"}


def check_path_major(version: str, path_major: str) -> None:
    """Raises Invalid unless `match_path_major`."""
    if not match_path_major(version, path_major):
        wanted = path_major_prefix(path_major) or "v0 or v1"
        found = semver.major(version) or "no version"
        raise Invalid(f"version {shown(version)} invalid: should be {wanted}, not {shown(found)}")


def _escape(text: str) -> str:
    return re.sub("[A-Z]", lambda match: "!" + match[0].lower(), text)


def _unescape(escaped: str) -> str | None:
    if not escaped.isascii() or re.search("[A-Z]|!(?![a-z])", escaped):
        return None
    return re.sub("!([a-z])", lambda match: match[1].upper(), escaped)


def escape_path(path: str) -> str:
    """The path as it stands in URLs and file names. Raises Invalid for an invalid path."""
    return _escape(check_path(path))


def escape_version(version: str) -> str:
    """The version, or branch, or commit, as a file name.

    Raises Invalid for what is no plain ASCII file name or holds a `!`.
    """
    if not version.isascii() or "!" in version or _element_fault(version, _Kind.FILE):
        raise Invalid(f"version {shown(version)} invalid: disallowed version string")
    return _escape(version)


def unescape_path(escaped: str) -> ModulePath:
    """The module path behind an escaped one. Raises Invalid for a bad escape or a bad path."""
    path = _unescape(escaped)
    if path is None:
        raise Invalid(
            f"invalid escaped module path {shown(escaped)}",
            next_step="Write each upper-case letter as ! and its lower case.",
        )
    return check_path(path)


def unescape_version(escaped: str) -> str:
    """The version, or branch, or commit, behind an escaped one. Raises Invalid."""
    version = _unescape(escaped)
    if version is None:
        raise Invalid(
            f"invalid escaped version {shown(escaped)}",
            next_step="Write each upper-case letter as ! and its lower case.",
        )
    if fault := _element_fault(version, _Kind.FILE):
        raise Invalid(f"invalid escaped version {shown(version)}: {fault}")
    return version
