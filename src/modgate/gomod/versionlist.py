"""The body of `@v/list`: tagged versions, one a line, in any order.

The go command takes the first field of each line and ignores what is no version, so a page of a
captive portal reads as "no versions" and an upgrade silently finds nothing. Here a body that is
no list is a broken source. Source: cmd/go/internal/modfetch, proxyRepo.Versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from modgate.errors import Unavailable
from modgate.gomod import module, semver
from modgate.gomod.pseudo import is_pseudo_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.gomod.types import ModulePath, Version

__all__ = ["MAX_LIST", "encode_list", "parse_list"]

MAX_LIST = 4 << 20
"""Bytes above which a document is no list: some 400,000 versions."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _bad(what: str) -> Unavailable:
    return Unavailable(f"the answer is no list of versions: {what}", kind="bad-answer")


def parse_list(data: bytes, path: ModulePath) -> tuple[Version, ...]:
    """The tagged versions, lowest first, each once; empty for a module without tags.

    Lines that hold no canonical version for this path, and pseudo-versions, are left out. Raises
    Unavailable (`bad-answer`) for HTML, binary data, text without a single version, or more than
    `MAX_LIST` bytes.
    """
    if len(data) > MAX_LIST:
        raise _bad(f"longer than {MAX_LIST} bytes")
    if _CONTROL.search(data):
        raise _bad("it holds binary data")
    if data.lstrip()[:1] == b"<":
        raise _bad("it is an HTML page")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("it is not UTF-8") from None
    names = {fields[0] for line in text.split("\n") if (fields := line.split())}
    valid = [name for name in names if semver.is_valid(name)]
    if names and not valid:
        raise _bad("it holds text without a single version")
    path_major = module.split_path_version(path)[1]
    listed = (name for name in valid if _belongs(name, path_major))
    return tuple(cast("list[Version]", semver.sorted_versions(listed)))


def _belongs(name: str, path_major: str) -> bool:
    return (
        module.canonical_version(name) == name
        and not is_pseudo_version(name)
        and module.match_path_major(name, path_major)
        and module.may_be_incompatible(name, path_major)
    )


def encode_list(versions: Iterable[str]) -> bytes:
    """One version a line, each line ended; empty for none."""
    return "".join(f"{version}\n" for version in versions).encode("utf-8")
