"""Trying a policy out: cases that say what is known of a version, and what should come of it.

A fact that a case does not state is unknown, except that no advisory affects it; so a case shows as well what
happens where something cannot be found out. The same words describe a version to `modgate policy explain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Advisory, Hit, Severity
from modgate.model.decision import Effect
from modgate.policy.decision import decide
from modgate.policy.facts import Facts, Unknown
from modgate.policy.lines import read_document
from modgate.policy.problems import PolicyInvalid, Problem
from modgate.policy.reading import Table, duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modgate.model.decision import Decision
    from modgate.policy.lines import Form
    from modgate.policy.rules import Policy

__all__ = ["Case", "Trial", "facts_of", "is_policy", "parse_cases", "read_cases", "run_cases", "table_of"]

_UNSAID = Unknown("nothing was said of it")


@dataclass(frozen=True, slots=True)
class Case:
    """One case: `wanted` are the fields of a `Decision` that must be so; `at` in Unix seconds, 0 for now."""

    name: str
    facts: Facts
    wanted: Mapping[str, str]
    at: float = 0.0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a case; `wrong` are the fields that were to be otherwise, none where it passed."""

    case: Case
    decision: Decision
    wrong: tuple[str, ...]


def run_cases(policy: Policy, cases: Iterable[Case], *, now: float) -> list[Trial]:
    """Every case under a policy, at its own time or `now`."""
    trials = []
    for case in cases:
        decision = decide(policy, case.facts, now=case.at or now)
        wrong = tuple(name for name, value in case.wanted.items() if str(getattr(decision, name)) != value)
        trials.append(Trial(case, decision, wrong))
    return trials


def parse_cases(text: str, *, form: Form = "toml", name: str = "tests") -> list[Case]:
    """The cases of a document: of a policy, or of one that has nothing but `[[tests]]`.

    Raises PolicyInvalid.
    """
    document, lines = read_document(text, form=form, name=name)
    problems: list[Problem] = []
    top = Table(document, "", lines, problems)
    cases = read_cases(top)
    if not _rules_in(top):
        top.take("version")
        top.end()
    if problems:
        raise PolicyInvalid(name, tuple(problems))
    return cases


def is_policy(text: str, *, form: Form = "toml") -> bool:
    """Whether a document holds rules, and not tests alone. Raises PolicyInvalid."""
    document, lines = read_document(text, form=form, name="policy")
    return _rules_in(Table(document, "", lines, []))


def _rules_in(top: Table) -> bool:
    return any(key in top for key in ("rules", "cooldown", "waivers", "default"))


def read_cases(top: Table) -> list[Case]:
    """The `[[tests]]` of a document; faults are noted."""
    return [_case(table) for table in top.tables("tests")]


def _case(table: Table) -> Case:
    wanted = {"effect": table.word("expect", [each.value for each in Effect])}
    for name in ("rule", "waiver"):
        if name in table:
            wanted[name] = table.text(name)
    if "would" in table:
        wanted["would"] = table.word("would", [each.value for each in Effect])
    at = table.parsed("at", moment)
    name = table.text("name")
    facts = facts_of(table)
    table.end()
    return Case(name or f"{facts.path}@{facts.version}", facts, wanted, at or 0.0, table.line())


def facts_of(table: Table) -> Facts:
    """What a table says of a version, by these keys: module, version (or `module = "path@version"`),
    consumer, groups, source, private, advisories, fixed, age, licences, retracted, deprecated, scan, fixes,
    unknown.
    """
    written = table.text("module", required=True)
    path, at, version = written.partition("@")
    version = table.text("version") or version
    if path:
        try:
            module.check(path, version)
        except Invalid as error:
            missing = not version and not at
            table.wrong("version" if missing else "module", "it is missing" if missing else error.what)
    unknown = set(table.strings("unknown") or ())
    for name in sorted(unknown - _FACTS):
        table.wrong("unknown", f"{name!r} is none of {', '.join(sorted(_FACTS))}")
    hits = _hits(table, path)
    age = table.parsed("age", duration)
    licences, fixes = table.strings_or_none("licences"), table.strings_or_none("fixes")
    notes = {name: _note(table, name) for name in ("retracted", "deprecated")}
    scan = table.boolean("scan")
    return Facts(
        path=ModulePath(path),
        version=Version(version),
        consumer=table.text("consumer"),
        groups=frozenset(table.strings("groups") or ()),
        source=table.text("source") or "public",
        private=table.boolean("private") or False,
        hits=_UNSAID if "hits" in unknown else hits,
        fixed=table.text("fixed") or max((hit.fixed for hit in hits), key=len, default=""),
        age=_UNSAID if age is None or "age" in unknown else age,
        licences=_UNSAID if licences is None or "licences" in unknown else licences,
        retracted=_UNSAID if "retracted" in unknown else notes["retracted"],
        deprecated=_UNSAID if "deprecated" in unknown else notes["deprecated"],
        scan=_UNSAID if scan is None or "scan" in unknown else scan,
        fixes=_UNSAID if fixes is None or "fixes" in unknown else fixes,
    )


_FACTS = frozenset({"hits", "age", "licences", "retracted", "deprecated", "scan", "fixes"})


def _note(table: Table, name: str) -> str | Unknown:
    if isinstance(table.take(name), bool):
        return f"{name} by its author" if table.boolean(name) else ""
    return table.text(name) if name in table else _UNSAID


def _hits(table: Table, path: str) -> tuple[Hit, ...]:
    return tuple(_hit(each, path) for each in table.tables("advisories"))


def _hit(table: Table, path: str) -> Hit:
    reviewed = table.boolean("reviewed")
    advisory = Advisory(
        id=table.text("id", required=True),
        blocks=(),
        aliases=table.strings("aliases") or (),
        reviewed=reviewed is not False,
        severity=Severity(table.word("severity", [each.value for each in Severity], "unknown")),
    )
    fixed = table.text("fixed")
    table.end()
    return Hit(advisory, path, fixed)


def table_of(values: Mapping[str, Any], problems: list[Problem]) -> Table:
    """A table that stands in no document."""
    return Table(values, "", {}, problems)
