"""What the go.mod beside a go.sum says: which versions it names, and which of those have no line.

A requirement's go.mod is always read, so its `/go.mod` line must be there; a direct requirement's code is
too, so its zip's line must. An indirect one may provide no package at all. What is replaced by a folder has
no line, what is replaced by another version has that version's. Source: go help modules (go.sum), and
modload.keepSums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.sums.lines import Fault, FaultKind
from modgate.client.sums.rows import Relation
from modgate.gomod.gosum import GO_MOD_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.sums.lines import Entry
    from modgate.gomod.modfile import GoMod, Replace, Require

__all__ = ["Named", "missing", "named_by", "relation_of"]


@dataclass(frozen=True, slots=True)
class Named:
    """A version that the build takes for a requirement, after replacements."""

    relation: Relation
    line: int


def named_by(go_mod: GoMod) -> dict[tuple[str, str], Named]:
    """(path, version) of each requirement that has lines."""
    found: dict[tuple[str, str], Named] = {}
    for require in go_mod.require:
        target = _replaced(require, go_mod.replace)
        if target is None:
            continue
        relation = Relation.INDIRECT if require.indirect else Relation.DIRECT
        found[target] = Named(relation, require.line)
    return found


def relation_of(entry: Entry, named: Mapping[tuple[str, str], Named]) -> Relation:
    """What the go.mod says of an entry."""
    found = named.get((entry.path, entry.version))
    return Relation.GRAPH if found is None else found.relation


def missing(
    named: Mapping[tuple[str, str], Named], entries: Mapping[tuple[str, str], Entry], file: str
) -> list[Fault]:
    """The requirements that lack a line; `file` is the go.mod."""
    found: list[Fault] = []
    for (path, version), it in named.items():
        entry = entries.get((path, version))
        lacking = []
        if it.relation is Relation.DIRECT and (entry is None or not entry.h1(go_mod=False)):
            lacking.append(version)
        if entry is None or not entry.h1(go_mod=True):
            lacking.append(version + GO_MOD_SUFFIX)
        if lacking:
            found.append(Fault(FaultKind.MISSING, file, it.line, f"{path} {', '.join(lacking)}"))
    return found


def _replaced(require: Require, replaces: tuple[Replace, ...]) -> tuple[str, str] | None:
    """The version that stands in for a requirement; None for a folder."""
    fitting = [r for r in replaces if r.old_path == require.path and r.old_version in {"", require.version}]
    if not fitting:
        return require.path, require.version
    # One that names the version goes before one that names the module alone.
    chosen = max(fitting, key=lambda r: bool(r.old_version))
    return (chosen.new_path, chosen.new_version) if chosen.new_version else None
