"""Reading what `modgate policy` is given: policy files, lists of module versions, facts as KEY=VALUE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.policy.problems import PolicyInvalid, Problem
from modgate.policy.trial import facts_of, table_of
from modgate.wiring.policyfile import form_of, read_policy_file, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.gomod.types import ModuleVersion
    from modgate.policy.facts import Facts
    from modgate.policy.rules import Policy

__all__ = ["form_of", "read_facts", "read_policy", "read_text", "read_versions"]

_FLAGS = {"true": True, "false": False}
_LISTS = frozenset({"groups", "licences", "fixes", "unknown"})


def read_policy(name: str) -> Policy:
    """The policy of a file. Raises PolicyInvalid, Unavailable, Invalid."""
    return read_policy_file(name)


def read_facts(version: str, facts: Sequence[str], *, consumer: str, groups: Sequence[str]) -> Facts:
    """What `KEY=VALUE` words say of a version: the keys of a test in a policy file. `advisory` may come
    several times, as ID, ID:SEVERITY or ID:SEVERITY:FIXED. Raises PolicyInvalid.
    """
    values: dict[str, Any] = {"module": version}
    for word in facts:
        key, equals, value = word.partition("=")
        if not equals:
            raise Invalid(f"{word!r} is no KEY=VALUE", where="--fact")
        if key == "advisory":
            values.setdefault("advisories", []).append(_advisory(value))
        elif key in _LISTS:
            values[key] = [each.strip() for each in value.split(",") if each.strip()]
        else:
            values[key] = _FLAGS.get(value, value)
    if consumer:
        values["consumer"] = consumer
    if groups:
        values["groups"] = list(groups)
    problems: list[Problem] = []
    table = table_of(values, problems)
    found = facts_of(table)
    table.end()
    if problems:
        raise PolicyInvalid("--fact", tuple(problems))
    return found


def _advisory(value: str) -> dict[str, Any]:
    identifier, _, rest = value.partition(":")
    severity, _, fixed = rest.partition(":")
    return {"id": identifier, **({"severity": severity} if severity else {}), "fixed": fixed}


def read_versions(name: str) -> list[ModuleVersion]:
    """The module versions of a go.sum, or of a list of `module@version` lines, each once. Raises Invalid."""
    found: dict[ModuleVersion, None] = {}
    for number, line in enumerate(read_text(name).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith(("#", "//")):
            continue
        path, at, version = words[0].partition("@")
        if not at and len(words) > 1:
            version = words[1]
        # A go.sum line of a go.mod alone is of a version that the graph names and no build uses.
        if version.endswith("/go.mod"):
            continue
        try:
            found[module.check(path, version)] = None
        except Invalid as error:
            raise Invalid(error.what, where=f"{name}:{number}") from None
    return list(found)


def checked_all(names: Iterable[str]) -> list[tuple[str, Policy | PolicyInvalid]]:
    """Each file with its policy, or what is wrong with it. Raises Unavailable, Invalid."""
    found: list[tuple[str, Policy | PolicyInvalid]] = []
    for name in names:
        try:
            found.append((name, read_policy(name)))
        except PolicyInvalid as error:
            found.append((name, error))
    return found
