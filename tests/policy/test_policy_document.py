from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from modgate.model.decision import Effect
from modgate.policy.document import parse_policy
from modgate.policy.problems import PolicyInvalid
from modgate.policy.schema import policy_schema
from modgate.policy.selectors import consumer_matches
from modgate.policy.trial import parse_cases, run_cases

DOCS = Path(__file__).parents[2] / "docs"
RULE = 'version = 1\n[[rules]]\nid = "r"\neffect = "deny"\n'
WHEN = f"{RULE}[rules.when]\n"
WAIVER = (
    'version = 1\n[[waivers]]\nid = "w"\nmodules = ["example.org/*"]\nowner = "o"\nreason = "r"\n'
    "expires = 2027-01-31\n"
)

GOOD = {
    "nothing but its version": "version = 1",
    "everything at the top": 'version = 1\nselect = "most-severe"\ndefault = "deny"\ncontact = "#go"\n',
    "a rule for everything": RULE,
    "modules": WHEN + 'modules = "example.org/*"',
    "modules except others": WHEN + 'modules = { any = ["a.org"], except = ["a.org/b"] }',
    "a range": WHEN + 'versions = ">=1.2.0 <1.4.0 || v2.0.1 || v3"',
    "a severity": WHEN + 'severity = "high"',
    "severities": WHEN + 'severity = ["unknown", "critical"]',
    "advisories": WHEN + 'advisories = ["CVE-2024-1"]\nreviewed = true\ndoubtful = true\nfixed = false',
    "ages": WHEN + 'age = "> 1d < 1w2d"',
    "the rest": WHEN
    + 'licences = ["MIT"]\nsource = "public"\nprivate = false\ndeprecated = true\nretracted = true\n'
    + 'consumers = ["10.0.0.0/8"]\ngroups = { except = ["g"] }\nscan = false\nsecurity_fix = true',
    "a canary": RULE + 'mode = "canary"\ncanary = { percent = 0.5, groups = ["g"] }',
    "a waiver": WAIVER,
    "a waiver with a time": WAIVER.replace("2027-01-31", "2027-01-31T10:00:00Z"),
    "a cooldown": 'version = 1\n[cooldown]\nage = "7d"\nexempt = ["a.org"]\nsecurity_fixes = true',
    "groups": 'version = 1\n[groups]\n"a b" = ["ci-*"]',
    "a test": 'version = 1\n[[tests]]\nmodule = "example.org/m@v1.0.0"\nlicences = []\nexpect = "allow"',
}

WRONG = {
    "no version": ('select = "first"', "version"),
    "another version": ("version = 2", "version"),
    "a key that is none": ('version = 1\nselekt = "first"', "selekt"),
    "a wrong select": ('version = 1\nselect = "last"', "select"),
    "a default that hides": ('version = 1\ndefault = "hide"', "default"),
    "a rule without an id": ('version = 1\n[[rules]]\neffect = "deny"', "rules[1].id"),
    "a rule without an effect": ('version = 1\n[[rules]]\nid = "r"', "rules[1].effect"),
    "an id with capitals": (RULE.replace('"r"', '"R"'), "rules[1].id"),
    "a condition that is none": (WHEN + 'severty = "high"', "rules[1].when.severty"),
    "no severity": (WHEN + 'severity = "grave"', "rules[1].when.severity"),
    "at least unknown": (WHEN + 'severity = "unknown"', "rules[1].when.severity"),
    "an age without a sign": (WHEN + 'age = "7d"', "rules[1].when.age"),
    "an empty list": (WHEN + "modules = []", "rules[1].when.modules"),
    "a number for a text": (WHEN + "advisories = [1]", "rules[1].when.advisories"),
    "an empty choice": (WHEN + "modules = {}", "rules[1].when.modules"),
    "a canary for nobody": (RULE + 'mode = "canary"', "rules[1].canary"),
    "a share without a canary": (RULE + "canary = { percent = 1 }", "rules[1].canary"),
    "more than all": (RULE + 'mode = "canary"\ncanary = { percent = 101 }', "rules[1].canary.percent"),
    "a waiver without an end": (WAIVER.replace("expires", "#"), "waivers[1].expires"),
    "a waiver without an owner": (WAIVER.replace('owner = "o"', 'owner = " "'), "waivers[1].owner"),
    "a waiver without a reason": (WAIVER.replace('reason = "r"', ""), "waivers[1].reason"),
    "an end that is none": (WAIVER.replace("2027-01-31", '"soon"'), "waivers[1].expires"),
    "a cooldown without an age": ("version = 1\n[cooldown]\n", "cooldown.age"),
    "a test without a wish": ('version = 1\n[[tests]]\nmodule = "a.org/m@v1.0.0"', "tests[1].expect"),
}

BEYOND = {
    "a range that is none": (WHEN + 'versions = ">=one"', "rules[1].when.versions"),
    "a range of two meanings": (WHEN + 'versions = "<=1.2"', "rules[1].when.versions"),
    "a malformed pattern": (WHEN + 'modules = ["[a"]', "rules[1].when.modules"),
    "two rules of one name": (RULE + '[[rules]]\nid = "r"\neffect = "warn"', "rules[2].id"),
    "a waiver of no rule": (WAIVER + 'rule = "x"', "waivers[1].rule"),
    "a ban of single versions": (WHEN.replace("deny", "ban") + 'versions = "v1"', "rules[1].when"),
    "an age of nothing": (WHEN + 'age = "> 7d < 1d"', "rules[1].when.age"),
    "no module version": ('version = 1\n[[tests]]\nmodule = "m@1"\nexpect = "deny"', "tests[1].module"),
}


def _accepted_by_schema(text: str) -> bool:
    document: Any = json.loads(json.dumps(tomllib.loads(text), default=lambda value: value.isoformat()))
    return bool(jsonschema.Draft202012Validator(policy_schema()).is_valid(document))


@pytest.mark.parametrize("name", GOOD)
def test_what_the_parser_takes_the_schema_takes(name: str) -> None:
    parse_policy(GOOD[name])
    assert _accepted_by_schema(GOOD[name])


@pytest.mark.parametrize("name", WRONG)
def test_what_the_parser_refuses_the_schema_refuses(name: str) -> None:
    text, key = WRONG[name]
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert not _accepted_by_schema(text)


@pytest.mark.parametrize("name", BEYOND)
def test_what_no_schema_can_tell_the_parser_refuses(name: str) -> None:
    text, key = BEYOND[name]
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert _accepted_by_schema(text)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(policy_schema())


def test_every_fault_is_told_at_once_with_file_line_key_and_what_was_meant() -> None:
    text = (
        WHEN.replace('"deny"', '"dney"')
        + 'severty = "high"\n\n[[rules]]\nid = "s"\neffect = "warn"\nmod = 1\n'
    )
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text, name="p.toml")
    assert caught.value.lines() == [
        (
            "p.toml:4: rules[1].effect: 'dney' is none of allow, warn, hide, quarantine, deny, ban; "
            "did you mean deny?"
        ),
        "p.toml:6: rules[1].when.severty: there is no such key; did you mean severity?",
        "p.toml:11: rules[2].mod: there is no such key; did you mean mode?",
    ]


def test_yaml_says_the_same_as_toml_and_names_lines() -> None:
    written = "version: 1\nrules:\n- id: r\n  effect: deny\n  when:\n    severity: high\n"
    assert parse_policy(written, form="yaml").revision == parse_policy(WHEN + 'severity = "high"').revision
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(written.replace("severity", "severty"), form="yaml", name="p.yaml")
    assert caught.value.lines()[0].startswith("p.yaml:6: rules[1].when.severty:")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "[" * 100_000,
        "a: " + "[" * 30 + "]" * 30,
        "version: 1\nversion: 1",
        "version: 1\nexpires: 2027-99-99",
        "- 1",
        "\x00",
        "!!python/object/apply:os.system ['true']",
        "? [a]\n: 1",
        "{a: 1}\n---\n{b: 1}",
        "x" * (1 << 20) + "y",
    ],
)
def test_yaml_that_bites_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        parse_policy(text, form="yaml")


@pytest.mark.parametrize("text", ["[" * 5000, "a = " + "[" * 5000, "a = 9" + "9" * 5000, "a.a = 1\na = 2"])
def test_toml_that_bites_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        parse_policy(text)


def test_the_revision_is_of_what_is_said() -> None:
    one = parse_policy(RULE).revision
    assert (
        parse_policy(f"# a word\n{RULE}\n[[tests]]\nmodule='a.org/m@v1.0.0'\nexpect='deny'").revision == one
    )
    assert parse_policy(RULE.replace("deny", "warn")).revision != one


def test_a_day_ends_at_midnight_utc_and_an_ended_waiver_is_told() -> None:
    policy = parse_policy(WAIVER)
    end = 1801440000.0  # 2027-02-01T00:00:00Z
    assert policy.waivers[0].expires == end
    assert policy.edges(end - 1) == end
    assert policy.edges(end) == float("inf")
    assert (policy.expired(end - 1), policy.expired(end)) == ((), policy.waivers)


def test_the_cooldown_is_a_rule_at_the_end() -> None:
    policy = parse_policy(RULE + '[cooldown]\nage = "7d"')
    assert [rule.id for rule in policy.rules] == ["r", "cooldown"]
    assert policy.rules[1].effect is Effect.HIDE
    assert policy.needs == {"age"}


@pytest.mark.parametrize("file", ["policy.example.toml", "policy.example.yaml"])
def test_the_example_in_the_documentation_passes_its_own_tests(file: str) -> None:
    text = (DOCS / file).read_text(encoding="utf-8")
    form: Any = "toml" if file.endswith("toml") else "yaml"
    policy = parse_policy(text, form=form, name=file)
    trials = run_cases(policy, parse_cases(text, form=form, name=file), now=1_780_000_000.0)
    assert [trial.case.name for trial in trials if trial.wrong] == []
    assert trials


def test_every_piece_of_a_policy_in_the_documentation_is_one() -> None:
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    pieces = [
        body for body in re.findall(r"```\n(.*?)```", page, re.DOTALL) if body.startswith(("[", "version"))
    ]
    for piece in pieces:
        parse_policy(piece if piece.startswith("version") else f"version = 1\n{piece}")
    assert len(pieces) == 6


@pytest.mark.parametrize(
    ("pattern", "consumer"),
    [
        ("::ffff:10.0.0.0/104", "10.1.2.3"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("10.0.0.0/8", "::ffff:10.1.2.3"),
    ],
)
def test_an_address_is_the_same_in_every_notation(pattern: str, consumer: str) -> None:
    assert consumer_matches(pattern, consumer)


@pytest.mark.parametrize(("pattern", "consumer"), [("::/0", "10.1.2.3"), ("0.0.0.0/0", "::1")])
def test_a_network_of_one_kind_holds_none_of_the_other(pattern: str, consumer: str) -> None:
    assert not consumer_matches(pattern, consumer)


def test_the_schema_takes_no_address_that_is_not_ours() -> None:
    assert "://" not in json.dumps({**policy_schema(), "$schema": ""})
