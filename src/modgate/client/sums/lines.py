"""The lines of a go.sum as an auditor reads them: every line with its number, nothing dropped in silence.

go reads three fields a line, ignores hashes of algorithms that it does not know and an old wrong hash of an
empty go.mod, and fails at the first line that is none. An auditor wants all of them at once, and more: a
path or version that could not be one (go would never match the line), a line twice, and two lines that
contradict each other. Source: cmd/go/internal/modfetch/fetch.go (readGoSum).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from modgate.errors import Invalid
from modgate.gomod import gosum, module
from modgate.gomod.gosum import GO_MOD_SUFFIX
from modgate.gomod.texts import shown

__all__ = ["Entry", "Fault", "FaultKind", "Line", "SumFile", "read_lines"]

_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


class FaultKind(StrEnum):
    """What is wrong with a line, or about a line that is not there (`MISSING`, a line of the go.mod)."""

    MALFORMED = "malformed"
    MERGE = "merge"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: in which file and line, and the words that say more (a version, an error)."""

    kind: FaultKind
    file: str
    line: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A good line; `go_mod` where the hash is of the go.mod alone."""

    number: int
    hash: str
    go_mod: bool


@dataclass(slots=True)
class Entry:
    """All lines of one file that speak of one version, in their order."""

    path: str
    version: str
    lines: list[Line] = field(default_factory=list)

    def hashes(self, *, go_mod: bool) -> list[Line]:
        """The lines for the zip, or for the go.mod."""
        return [line for line in self.lines if line.go_mod is go_mod]

    def h1(self, *, go_mod: bool) -> str:
        """The first hash for the zip, or for the go.mod; empty without one."""
        found = self.hashes(go_mod=go_mod)
        return found[0].hash if found else ""


@dataclass(frozen=True, slots=True)
class SumFile:
    """What a file says: its entries in order, and its faults."""

    name: str
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    count: int


def read_lines(data: bytes, name: str) -> SumFile:
    """Read a go.sum; never raises. `count` is the number of lines that are not blank."""
    reader = _Reader(name)
    count = 0
    for number, text in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        if text.strip():
            count += 1
            reader.add(number, text)
    return SumFile(name, tuple(reader.entries.values()), tuple(reader.faults), count)


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self.entries: dict[tuple[str, str], Entry] = {}
        self.faults: list[Fault] = []

    def _fault(self, kind: FaultKind, number: int, words: str = "") -> None:
        self.faults.append(Fault(kind, self._name, number, words))

    def add(self, number: int, text: str) -> None:
        """Judge one line that is not blank."""
        if text.startswith(_MARKERS):
            self._fault(FaultKind.MERGE, number)
            return
        try:
            sums = list(gosum.parse(text.encode()))
            if not sums:
                self._fault(FaultKind.IGNORED, number)
                return
            path, version, value = sums[0]
            go_mod = version.endswith(GO_MOD_SUFFIX)
            version = version.removesuffix(GO_MOD_SUFFIX)
            module.check(path, version)
        except Invalid as error:
            self._fault(FaultKind.MALFORMED, number, error.what.removeprefix("malformed go.sum line: "))
            return
        if value.startswith("h1:"):
            self._keep(path, version, Line(number, value, go_mod))
        else:
            kind = FaultKind.IGNORED if ":" in value else FaultKind.MALFORMED
            self._fault(kind, number, shown(value[:40]))

    def _keep(self, path: str, version: str, line: Line) -> None:
        entry = self.entries.setdefault((path, version), Entry(path, version))
        before = entry.hashes(go_mod=line.go_mod)
        entry.lines.append(line)
        suffix = GO_MOD_SUFFIX if line.go_mod else ""
        if not before:
            return
        same = next((old for old in before if old.hash == line.hash), None)
        kind = FaultKind.DUPLICATE if same is not None else FaultKind.CONFLICT
        other = same or before[0]
        self._fault(kind, line.number, f"{path} {version}{suffix} (line {other.number})")
