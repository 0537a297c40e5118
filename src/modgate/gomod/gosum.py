"""go.sum files: which hashes the versions of a build are known to have.

Each line is `path version h1:…` or `path version/go.mod h1:…`, the same form as a record of the
checksum database. A version may stand there several times, with hashes of several algorithms: found
content is good if a line has its hash and no line has another one of the same algorithm. Source:
cmd/go/internal/modfetch/fetch.go (readGoSum, haveModSumLocked, tidyGoSum).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, NamedTuple

from modgate.errors import Invalid, Tampered
from modgate.gomod import semver
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["GO_MOD_SUFFIX", "GoSum", "Sum", "parse"]

GO_MOD_SUFFIX: Final = "/go.mod"
"""Behind a version: the hash is of the go.mod alone."""

_H1_BYTES: Final = 32
# Early versions of go wrote this hash, of an empty go.mod, by mistake; go skips it where it reads it.
_EMPTY_GO_MOD: Final = "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY="


class Sum(NamedTuple):
    """One line: `version` ends with `/go.mod` where the hash is the go.mod's."""

    path: str
    version: str
    hash: str

    def __str__(self) -> str:
        return f"{self.path} {self.version} {self.hash}"


class GoSum:
    """An immutable set of sums."""

    __slots__ = ("_hashes",)

    def __init__(self, sums: Iterable[Sum] = ()) -> None:
        hashes: dict[tuple[str, str], list[str]] = {}
        for path, version, value in sums:
            known = hashes.setdefault((path, version), [])
            if value not in known:
                known.append(value)
        self._hashes = hashes

    def __iter__(self) -> Iterator[Sum]:
        return (Sum(*key, value) for key, values in self._hashes.items() for value in values)

    def __len__(self) -> int:
        return sum(map(len, self._hashes.values()))

    def lookup(self, path: str, version: str, *, go_mod: bool = False) -> tuple[str, ...]:
        """The hashes known for the zip of a version, or for its go.mod; empty if none is."""
        return tuple(self._hashes.get((path, version + GO_MOD_SUFFIX if go_mod else version), ()))

    def verify(self, path: str, version: str, found: str, *, go_mod: bool = False) -> bool:
        """True if `found` is a known hash, False if none of its algorithm is known.

        Raises Tampered where another hash of the same algorithm is known.
        """
        known = self.lookup(path, version, go_mod=go_mod)
        algorithm = found.partition(":")[0] + ":"
        for value in known:
            if value != found and value.startswith(algorithm):
                raise Tampered(
                    f"checksum mismatch: found {found}, go.sum has {value}",
                    where=f"{path}@{version}{GO_MOD_SUFFIX if go_mod else ''}",
                )
        return found in known

    def merge(self, other: GoSum) -> GoSum:
        """The sums of both. Raises Tampered where they contradict each other."""
        for one in other:
            version, go_mod = one.version.removesuffix(GO_MOD_SUFFIX), one.version.endswith(GO_MOD_SUFFIX)
            self.verify(one.path, version, one.hash, go_mod=go_mod)
        return GoSum([*self, *other])

    def format(self) -> bytes:
        """The file, in the order in which go writes it: by path, then by version, go.mod behind the zip."""
        lines = sorted(self, key=lambda one: (one.path, *_order(one.version), one.hash))
        return "".join(f"{one}\n" for one in lines).encode()


def _order(version: str) -> tuple[object, ...]:
    base, slash, rest = version.partition("/")
    return (semver.sort_key(base), slash + rest)


def parse(data: bytes, *, name: str = "go.sum") -> GoSum:
    """Read a go.sum. Raises Invalid for a line that is none, which says `name:line`."""
    sums: list[Sum] = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3:
            raise Invalid(
                f"malformed go.sum line: {len(fields)} fields instead of 3",
                where=f"{name}:{number}",
                next_step="Delete the line; go mod tidy writes it again.",
            )
        path, version, value = fields
        if value == _EMPTY_GO_MOD:
            continue
        if value.startswith("h1:") and not _is_h1(value):
            raise Invalid(f"malformed hash {shown(value)}", where=f"{name}:{number}")
        sums.append(Sum(path, version, value))
    return GoSum(sums)


def _is_h1(value: str) -> bool:
    try:
        return len(base64.b64decode(value[3:], validate=True)) == _H1_BYTES
    except (binascii.Error, ValueError):
        return False
