"""Policies, facts and waivers of any kind, for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Advisory, Hit, Severity
from modgate.model.decision import Effect, Mode
from modgate.model.decisions import Waiver
from modgate.policy.conditions import (
    Age,
    AsksHits,
    Condition,
    Consumers,
    Licences,
    Modules,
    Noted,
    Scan,
    Versions,
)
from modgate.policy.facts import Facts, Unknown
from modgate.policy.ranges import parse_range
from modgate.policy.rollout import Canary
from modgate.policy.rules import Policy, Rule
from modgate.policy.selectors import Choice

NOW = 1_800_000_000.0
PATHS = ("example.org/a", "example.org/b", "corp.example/x")
VERSIONS = ("v1.0.0", "v1.2.0-rc.1", "v2.0.0+incompatible")
CONSUMERS = ("", "alice", "ci-1", "10.0.0.7")
IDS = ("GO-1", "GO-2", "CVE-1")
UNKNOWN = Unknown("nobody knows")

_flags = st.none() | st.booleans()


def hits() -> st.SearchStrategy[Hit]:
    return st.builds(
        Hit,
        st.builds(
            Advisory,
            st.sampled_from(("GO-1", "GO-2", "GO-3")),
            st.just(()),
            aliases=st.sampled_from(((), ("CVE-1",))),
            reviewed=st.booleans(),
            severity=st.sampled_from(Severity),
        ),
        st.just("m"),
        fixed=st.sampled_from(("", "v1.9.0")),
    )


def facts() -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        st.sampled_from(PATHS).map(ModulePath),
        st.sampled_from(VERSIONS).map(Version),
        consumer=st.sampled_from(CONSUMERS),
        groups=st.frozensets(st.sampled_from(("early", "late"))),
        hits=st.just(UNKNOWN) | st.lists(hits(), max_size=3).map(tuple),
        age=st.just(UNKNOWN) | st.floats(0, 4e7),
        licences=st.just(UNKNOWN) | st.sampled_from(((), ("MIT",), ("GPL-3.0-only", "MIT"))),
        retracted=st.just(UNKNOWN) | st.sampled_from(("", "a bug")),
        scan=st.just(UNKNOWN) | st.booleans(),
    )


def conditions() -> st.SearchStrategy[Condition]:
    return st.one_of(
        st.sampled_from(PATHS).map(lambda path: Modules(Choice((path,)))),
        st.sampled_from(("v1", ">=1.1.0", "<2.0.0 || v3")).map(lambda text: Versions(parse_range(text))),
        st.builds(
            AsksHits,
            st.frozensets(st.sampled_from(Severity), max_size=3),
            st.frozensets(st.sampled_from(IDS), max_size=1),
            _flags,
            _flags,
            _flags,
        ),
        st.floats(1e5, 1e7).map(lambda below: Age(below=below)),
        st.sampled_from((Choice(("MIT",)), Choice((), ("MIT",)))).map(Licences),
        st.booleans().map(lambda value: Noted("retracted", value)),
        st.booleans().map(Scan),
        st.sampled_from(("ci-*", "10.0.0.0/8")).map(lambda name: Consumers(Choice((name,)))),
    )


def rules() -> st.SearchStrategy[list[Rule]]:
    one = st.builds(
        Rule,
        st.just("r"),
        st.sampled_from(Effect),
        st.lists(conditions(), max_size=3).map(tuple),
        st.sampled_from(Mode),
        st.builds(Canary, st.integers(0, 10_000), st.sampled_from((frozenset(), frozenset({"early"})))),
        st.booleans(),
    )
    return st.lists(one, max_size=6).map(
        lambda found: [
            Rule(f"r{number}", each.effect, each.conditions, each.mode, each.canary, each.closed)
            for number, each in enumerate(found)
        ]
    )


def policies(select: str | None = None) -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        rules().map(tuple),
        st.sampled_from(("first", "most-severe")) if select is None else st.just(select),
        st.sampled_from((Effect.ALLOW, Effect.WARN, Effect.DENY)),
        groups=st.just((("early", ("ci-*",)),)),
        revision=st.just("rev"),
    )


def waivers() -> st.SearchStrategy[Waiver]:
    return st.builds(
        Waiver,
        st.sampled_from(("w-1", "w-2", "w-3")),
        st.sampled_from((*PATHS, "*", "[")),
        st.just("owner"),
        st.just("reason"),
        st.sampled_from((NOW - 1, NOW + 1)),
        versions=st.sampled_from(("", "v1", "nonsense")),
        advisory=st.sampled_from(("", *IDS)),
        rule=st.sampled_from(("", "r0", "r1")),
        consumers=st.sampled_from(((), ("alice",), ("early",))),
        revoked=st.sampled_from((0.0, 5.0)),
    )
