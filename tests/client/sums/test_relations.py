"""What go.mod says of the lines, and which lines it misses."""

from __future__ import annotations

from modgate.client.sums.lines import read_lines
from modgate.client.sums.relations import missing, named_by, relation_of
from modgate.client.sums.rows import Relation
from modgate.gomod import modfile
from tests.client.sums.lab import both

GO_MOD = b"""\
module example.com/app

go 1.22

require (
\texample.com/direct v1.0.0
\texample.com/indirect v1.0.0 // indirect
\texample.com/local v1.0.0
\texample.com/old v1.0.0
)

replace example.com/local => ../local

replace example.com/old => example.com/fork v1.5.0

replace example.com/old v1.0.0 => example.com/fork v1.6.0
"""


def test_requirements_are_direct_or_indirect_and_the_rest_is_graph() -> None:
    named = named_by(modfile.parse(GO_MOD))
    text = "\n".join(
        [
            *both("example.com/direct v1.0.0"),
            *both("example.com/direct v0.9.0"),
            *both("example.com/indirect v1.0.0"),
            *both("example.com/fork v1.6.0"),
        ]
    )
    entries = read_lines(text.encode(), "go.sum").entries
    assert [relation_of(entry, named) for entry in entries] == [
        Relation.DIRECT,
        Relation.GRAPH,
        Relation.INDIRECT,
        Relation.DIRECT,
    ]


def test_a_requirement_without_its_lines_is_missing_and_a_replaced_one_is_not() -> None:
    named = named_by(modfile.parse(GO_MOD))
    text = "\n".join([*both("example.com/direct v1.0.0")[:1], both("example.com/indirect v1.0.0")[1]])
    entries = {(e.path, e.version): e for e in read_lines(text.encode(), "go.sum").entries}
    found = [(fault.line, fault.words) for fault in missing(named, entries, "go.mod")]
    assert found == [
        (6, "example.com/direct v1.0.0/go.mod"),
        (9, "example.com/fork v1.6.0, v1.6.0/go.mod"),
    ]
